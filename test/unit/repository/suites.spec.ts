import { existsSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { fileURLToPath } from 'node:url';

// The quick suite and its two neighbours are complements of each other by what is named: so a test would be lost, or run
// twice in CI, only by a name that does not fit.

const { FIRST, LONG } = (await import(fileURLToPath(new URL('../../suites.mjs', import.meta.url)))) as {
  FIRST: readonly string[];
  LONG: readonly string[];
};

const names = (patterns: readonly string[]): string[] =>
  patterns.flatMap((pattern) => {
    const [, folder = '', several, one] = /^(.*\/)(?:\{(.*)\}|([^{}]+))$/.exec(pattern) ?? [];
    return (several?.split(',') ?? [one]).map((name) => `${folder}${name}`);
  });

describe('The suites that need nothing but Node', () => {
  it.each([...names(FIRST), ...names(LONG)])('name a test that is there: %s', (name) => {
    expect(existsSync(new URL(`../../${name}.spec.ts`, import.meta.url))).toBe(true);
  });

  it('share every test out once', () => {
    const all = [...names(FIRST), ...names(LONG)];
    expect(new Set(all).size).toBe(all.length);
    expect(names(FIRST).filter((name) => !/^(integration|security)\//.test(name))).toEqual([]);
    expect(names(LONG).filter((name) => !name.startsWith('unit/'))).toEqual([]);
  });
});
