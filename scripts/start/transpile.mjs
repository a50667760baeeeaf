// What `npm start` runs: the library and the sample, transpiled by SWC in about a second. Types are checked by
// `npm run build`, which makes what ships, and by `npm run typecheck`.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformFile } from '@swc/core';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * As the tests transpile: see jest.config.mjs.
 *
 * @type {import('@swc/core').Options}
 */
const OPTIONS = {
  swcrc: false,
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
  },
  module: { type: 'es6' },
  sourceMaps: 'inline',
};

/** @param {string} from a folder of sources @param {string} to the folder for what they become, emptied before */
async function transpile(from, to) {
  rmSync(join(ROOT, to), { recursive: true, force: true });
  const sources = readdirSync(join(ROOT, from), { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !path.endsWith('.d.ts'),
  );
  await Promise.all(
    sources.map(async (source) => {
      const target = join(ROOT, to, source.replace(/\.ts$/, '.js'));
      const { code } = await transformFile(join(ROOT, from, source), {
        ...OPTIONS,
        sourceFileName: relative(dirname(target), join(ROOT, from, source)),
      });
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, code);
    }),
  );
}

await transpile('src', 'dist/esm');
await transpile('sample', 'dist/sample');
