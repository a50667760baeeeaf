import { describe, expect, it } from '@jest/globals';
import { build } from 'esbuild';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { useApp, type PlatformName } from '../../integration/e2e/support/apps.js';
import { CANARY } from '../../integration/e2e/support/raw.js';
import { run } from '../package/application.js';
import { API, documentOf } from './support/api.js';
import { program, workshop } from './support/workshop.js';

/** Calls what a recipe exports, and prints what it got. */
const CHECK = `
import * as api from './src/api';
const canary = process.argv[2];
const note = await api.addNote(canary);
const found = await api.findNotes(canary.slice(2));
const result = { note, found, none: await api.findNotes('none of them') };
if ('upload' in api) {
  const content = canary.repeat(20_000);
  const id = await api.upload(new File([content], 'canary.txt', { type: 'text/x-canary' }));
  const file = await api.download(id);
  Object.assign(result, { type: file.type, isSame: (await file.text()) === content });
}
console.log(JSON.stringify(result));
`;

const notes = { note: { id: 1, title: CANARY }, found: [{ id: 1, title: CANARY }], none: [] };
const all = { ...notes, type: 'text/x-canary', isSame: true };

interface Generator {
  readonly name: string;
  readonly heading: string;
  readonly command: readonly string[];
  readonly platform: PlatformName;
  readonly expected: object;
}

const GENERATORS: readonly Generator[] = [
  { name: 'orval', heading: 'orval', command: ['orval/dist/bin/orval.js'], platform: 'express', expected: all },
  {
    name: 'hey-api',
    heading: '@hey-api/openapi-ts',
    command: ['@hey-api/openapi-ts/bin/run.js'],
    platform: 'fastify',
    expected: all,
  },
  {
    name: 'nestia',
    heading: 'nestia',
    command: ['@nestia/sdk/lib/executable/sdk.js', 'sdk'],
    platform: 'fastify',
    expected: notes,
  },
];

describe.each(GENERATORS)('The code that $name writes', ({ name, heading, command, platform, expected }) => {
  const app = useApp(platform, API[platform]);

  it(`is sealed with the recipe (${platform})`, async () => {
    const folder = workshop(name, 'recipes.md', heading, app().url);
    writeFileSync(join(folder, 'openapi.json'), JSON.stringify(documentOf(app().nest)));
    const [generator, ...args] = command;
    await run(folder, process.execPath, program(generator!), ...args);
    await run(folder, process.execPath, program('typescript/bin/tsc'), '-p', '.');

    const check = join(folder, 'check.mjs');
    const stdin = { contents: CHECK, resolveDir: folder, loader: 'ts' as const };
    await build({
      stdin,
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      outfile: check,
      logLevel: 'error',
    });
    app().tap.clear();
    expect(JSON.parse(await run(folder, process.execPath, check, CANARY))).toEqual(expected);
    expect(app().tap.text).toContain('application/jose');
    for (const seen of [CANARY, 'canary', 'form-data']) expect(app().tap.text).not.toContain(seen);
  });
});
