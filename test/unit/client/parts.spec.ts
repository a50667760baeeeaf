import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const SRC = fileURLToPath(new URL('../../../src/', import.meta.url));
const FOLDERS = /^(client|crypto|protocol)\/.*\.ts$/;

const sources = new Map(
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => FOLDERS.test(path))
    .map((path) => [path, readFileSync(SRC + path, 'utf8')]),
);

function targets(path: string, pattern: RegExp): string[] {
  return [...sources.get(path)!.matchAll(pattern)].map(([, to = '']) =>
    posix.join(posix.dirname(path), to).replace(/\.js$/, '.ts'),
  );
}

describe('the entry of the client', () => {
  it('imports all that is loaded on demand elsewhere, since service workers have no import()', () => {
    const onDemand = new Set([...sources.keys()].flatMap((path) => targets(path, /\bimport\('(.+?)'\)/g)));
    // For pages on plain HTTP, which have no service workers.
    expect(onDemand.delete('crypto/forge.ts')).toBe(true);
    expect(onDemand.delete('crypto/noble.ts')).toBe(true);
    // For Node, React Native, and runtimes whose WebCrypto has no ML-KEM-768: too long to be in every service worker.
    expect(onDemand.delete('crypto/native.ts')).toBe(true);
    expect(onDemand.delete('crypto/node-like.ts')).toBe(true);
    expect(onDemand.delete('crypto/noble-ml-kem.ts')).toBe(true);
    const atOnce = targets('client/index.ts', /\bimport \* as \w+ from '(.+?)'/g);
    expect(atOnce.sort()).toEqual([...onDemand].sort());
  });
});
