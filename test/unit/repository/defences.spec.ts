import { expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../../', import.meta.url);

interface Defence {
  readonly name: string;
  readonly test: string;
  readonly edits: readonly [file: string, from: string, to: string][];
}

const { defences } = (await import(fileURLToPath(new URL('scripts/defences/defences.mjs', ROOT)))) as {
  defences: readonly Defence[];
};

it('every row of the list of defences fits the code: `npm run check:defences` can take it away', () => {
  const misfits = defences.flatMap(({ name, test, edits }) => [
    ...(existsSync(new URL(test, ROOT)) ? [] : [`${name}: there is no ${test}`]),
    ...edits
      .filter(([file, from]) => readFileSync(new URL(file, ROOT), 'utf8').split(from).length !== 2)
      .map(([file, from]) => `${name}: ${file} does not have this once: ${from}`),
  ]);
  expect(misfits).toEqual([]);
  expect(new Set(defences.map(({ name }) => name)).size).toBe(defences.length);
});
