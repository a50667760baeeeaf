import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeApplication, pack, run, whileRunning } from './application.js';

const MINUTES = 60_000;

let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'packed-'));
  tarball = await pack(folder);
  await run(folder, 'tar', '-xzf', tarball);
  await Promise.all([11, 12].map((version) => makeApplication(join(folder, `nest${version}`), version, tarball)));
}, 5 * MINUTES);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The tarball's files, without the folder `package/` that npm puts around them. */
async function packedFiles(): Promise<string[]> {
  const list = await run(folder, 'tar', '-tzf', tarball);
  return list
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''));
}

/** The strings at the leaves of `exports`. */
function targets(value: unknown): string[] {
  return typeof value === 'string' ? [value] : Object.values(value as object).flatMap(targets);
}

describe('the tarball', () => {
  it('holds both builds, the sources and the documentation, and nothing else', async () => {
    const allowed = /^(dist\/(esm|cjs)\/[\w./-]+\.(js|d\.ts)(\.map)?|src\/[\w./-]+\.ts|docs\/[\w./-]+\.(md|svg))$/;
    const named = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'dist/cjs/package.json'];
    const files = await packedFiles();
    expect(files).toEqual(expect.arrayContaining(named));
    expect(files.filter((path) => !allowed.test(path) && !named.includes(path))).toEqual([]);
  });

  it('has every file that its exports name', () => {
    const manifest = JSON.parse(readFileSync(join(folder, 'package/package.json'), 'utf8')) as {
      main: string;
      types: string;
      exports: object;
    };
    const named = [manifest.main, manifest.types, ...targets(manifest.exports)];
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((path) => !existsSync(join(folder, 'package', path)))).toEqual([]);
  });

  it('has the source of every source map', async () => {
    const maps = (await packedFiles()).filter((path) => path.endsWith('.map'));
    const missing = maps.filter((path) => {
      const { sources } = JSON.parse(readFileSync(join(folder, 'package', path), 'utf8')) as { sources: string[] };
      return !sources.every((source) => existsSync(join(folder, 'package', dirname(path), source)));
    });
    expect(maps.length).toBeGreaterThan(50);
    expect(missing).toEqual([]);
  });

  it('is one build twice: no module is in only one of the two', async () => {
    const files = await packedFiles();
    const modules = (build: string) =>
      files.filter((path) => path.startsWith(`dist/${build}/`) && path.endsWith('.js')).map((path) => path.slice(9));
    expect(modules('cjs')).toEqual(modules('esm'));
  });
});

describe.each([11, 12] as const)('a Nest %i application as `nest new` makes it', (version) => {
  const app = () => join(folder, `nest${version}`);

  it(
    'builds against the types',
    async () => {
      await run(app(), 'npm', 'run', 'build');
      expect(existsSync(join(app(), 'dist/main.js'))).toBe(true);
    },
    MINUTES,
  );

  it(
    'passes its own tests of a sealed controller',
    async () => {
      await run(app(), 'npm', 'run', 'test:e2e');
    },
    MINUTES,
  );

  it(
    'runs, and gets one set of classes by import and by require',
    async () => {
      const output = await whileRunning(app(), (url) => run(app(), process.execPath, 'check.cjs', url));
      expect(output).toContain('both loaders are fine');
    },
    MINUTES,
  );

  it(
    'has the command line',
    async () => {
      const keys = await run(app(), 'npx', '--no-install', 'nestjs-e2e-encryption', 'keygen', '--json');
      expect(JSON.parse(keys)).toMatchObject({ publicKey: { crv: 'Ed25519' }, thumbprint: expect.any(String) });
    },
    MINUTES,
  );
});

it(
  'has types for applications that still resolve modules the old way',
  async () => {
    await run(join(folder, 'nest11'), 'npx', 'tsc', '-p', 'tsconfig.node10.json');
  },
  MINUTES,
);
