import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { build } from 'esbuild';
import { makeFolder, pack, run } from './application.js';

let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = makeFolder();
  tarball = await pack(folder);
  await run(folder, 'tar', '-xzf', tarball);
});

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
    const allowed =
      /^(dist\/(esm|cjs)\/[\w./-]+\.(js|d\.ts)(\.map)?|src\/[\w./-]+\.(ts|json)|docs\/[\w./-]+\.(md|svg))$/;
    const named = [
      'package.json',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
      'SECURITY.md',
      'dist/cjs/package.json',
      'vectors/e2e-1.json',
    ];
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

  it('names of Nest only what its packages export by their own names', async () => {
    const files = (await packedFiles()).filter((path) => /^dist\/.*\.(js|d\.ts)$/.test(path));
    const modules = files.flatMap((path) => [
      ...readFileSync(join(folder, 'package', path), 'utf8').matchAll(/['"](@nestjs\/[^\s'"]+)['"]/g),
    ]);
    const named = new Set(modules.map(([, module]) => module!));
    expect(named).toContain('@nestjs/common');
    expect([...named].filter((module) => module.split('/').length > 2)).toEqual([]);
  });

  it('costs a bundle nothing where nothing of it is used', async () => {
    const bundle = async (used: string) => {
      const contents = `import { createE2eClient } from './package/dist/esm/client/index.js';\n${used}`;
      const stdin = { contents, resolveDir: folder };
      const external = ['node-forge', '@noble/*'];
      const { outputFiles } = await build({ stdin, bundle: true, minify: true, format: 'esm', external, write: false });
      return outputFiles[0]!.text.trim();
    };
    expect(await bundle('createE2eClient();')).not.toBe('');
    expect(await bundle('')).toBe('');
  });
});
