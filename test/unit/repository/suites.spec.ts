import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';

// The quick suite and its two neighbours are complements of each other by what is named: so a test would be lost, or
// run twice in CI, only by a name that does not fit.

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const { FIRST, LONG } = (await import(at('test/suites.mjs'))) as { FIRST: readonly string[]; LONG: readonly string[] };
const { NEST_DEPENDS } = (await import(at('jest.config.mjs'))) as { NEST_DEPENDS: readonly string[] };

const names = (patterns: readonly string[]): string[] =>
  patterns.flatMap((pattern) => {
    const [, before = '', several, after = ''] = /^(.*)\{(.*)\}(.*)$/.exec(pattern) ?? [];
    return several?.split(',').map((name) => `${before}${name}${after}`) ?? [pattern];
  });

/** All test files, without their ending. */
const specs = readdirSync(at('test'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.spec.ts'))
  .map((path) => path.slice(0, -'.spec.ts'.length));

describe('The suites that need nothing but Node', () => {
  it.each([...names(FIRST), ...names(LONG)])('name a test that is there: %s', (name) => {
    expect(existsSync(at(`test/${name}.spec.ts`))).toBe(true);
  });

  it('share every test out once', () => {
    const all = [...names(FIRST), ...names(LONG)];
    expect(new Set(all).size).toBe(all.length);
    expect(names(FIRST).filter((name) => !/^(integration|security)\//.test(name))).toEqual([]);
    expect(names(LONG).filter((name) => !name.startsWith('unit/'))).toEqual([]);
  });
});

it('Every test is in a folder that a suite of .ci/run runs', () => {
  const [, listed = ''] = /^suites=\(\n(.*?)\n\)/ms.exec(readFileSync(at('.ci/run'), 'utf8')) ?? [];
  const suites = listed.split('\n').map((line) => line.trim().split(':')[0]!);
  expect(suites).toEqual(expect.arrayContaining(['integration', 'attacks', 'browser']));
  const folders = ['unit', 'integration', 'security', ...suites.map((name) => `external/${name}`)];
  expect(specs.filter((path) => !folders.some((folder) => path.startsWith(`${folder}/`)))).toEqual([]);
});

it.each(names(NEST_DEPENDS))('Nest 11 runs tests that are there: %s', (name) => {
  const [start, end = ''] = `integration/${name}`.split('*');
  const isMeant = (path: string) => path.startsWith(start!) && path.endsWith(end);
  expect(specs.filter((path) => (name.includes('*') ? isMeant(path) : path === start))).not.toEqual([]);
});
