import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const SRC = fileURLToPath(new URL('../../../src/', import.meta.url));
const FOLDERS = /^(client|crypto|protocol)\/.*\.ts$/;
const LOADERS = 'client/on-demand/loaders.ts';

/** For pages on plain HTTP, Node, React Native, and runtimes whose WebCrypto has no ML-KEM-768. */
const LONG = ['forge', 'ml-kem', 'native', 'noble', 'node-like'];

const sources = new Map(
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => FOLDERS.test(path))
    .map((path) => [path, readFileSync(SRC + path, 'utf8')]),
);

/** What `pattern` finds in a source: the name of a part, and the module that it means. */
function found(path: string, pattern: RegExp): [name: string, module: string][] {
  return [...sources.get(path)!.matchAll(pattern)].map(({ groups = {} }) => [groups.name!, resolve(path, groups.to!)]);
}

function resolve(path: string, to: string): string {
  return posix.join(posix.dirname(path), to).replace(/\.js$/, '.ts');
}

/** Each part by its name, and the module of its code, which a file in `on-demand` may export again. */
function partsOf(path: string): Map<string, string> {
  const parts = found(
    path,
    /(?<name>[\w-]+)'?: (?:\(\) =>|async \(\) => \{\s+const core = await) import\('(?<to>.+?)'\)/g,
  );
  return new Map(parts.map(([name, module]) => [name, codeOf(module)]));
}

function codeOf(module: string): string {
  if (!module.includes('/on-demand/') || module.endsWith('/core.ts')) return module.replace('on-demand/', '');
  const exported = found(module, /^export .* from '(?<to>.+)';/gm).map(([, to]) => to);
  expect(exported).toHaveLength(2);
  expect(exported[0]).toBe('client/on-demand/base.ts');
  return exported[1]!;
}

const onDemand = new Map([...partsOf('client/lazy.ts'), ...partsOf(LOADERS)]);

describe('the parts of the client', () => {
  it('are all loaded in two places, since every import() is one more file of a page', () => {
    const others = [...sources].filter(([, text]) => /\bimport\('/.test(text)).map(([path]) => path);
    // WebCrypto's own default, for engines that are made without a client.
    expect(others.sort()).toEqual(['client/index.ts', 'client/lazy.ts', LOADERS, 'crypto/web.ts']);
  });

  it('are imported by the entry for everything but pages, since service workers have no import()', () => {
    const atOnce = new Map(found('client/index.ts', /\bimport \* as (?<name>\w+) from '(?<to>.+?)'/g));
    expect(new Map([...atOnce, ...partsOf('client/index.ts')])).toEqual(onDemand);
    expect([...partsOf('client/index.ts').keys()].sort()).toEqual(LONG);
    for (const name of atOnce.keys()) {
      expect(sources.get('client/index.ts')).toContain(` ${name}: async () => ${name},`);
    }
  });

  it('have the types that their users expect', () => {
    const uses = [...sources].flatMap(([path, text]) => {
      const types = new Map(found(path, /import type \* as (?<name>\w+) from '(?<to>.+?)'/g));
      const used = text.matchAll(/\b(?:need|load)<typeof (?<type>\w+)>\('(?<part>.+?)'\)/g);
      return [...used].map(({ groups = {} }) => [groups.part!, types.get(groups.type!)] as const);
    });
    expect(new Map(uses)).toEqual(onDemand);
    for (const [part, module] of uses) expect([part, module]).toEqual([part, onDemand.get(part)]);
    expect([...sources.values()].join('').match(/\b(?:need|load)(?:<.*?>)?\('/g)).toHaveLength(uses.length);
  });
});
