import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { findBreaches } from '../../support/architecture.js';

const SRC = fileURLToPath(new URL('../../../src/', import.meta.url));

function readSources(): Map<string, string> {
  const paths = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => path.replaceAll('\\', '/'));
  return new Map(paths.map((path) => [path, readFileSync(SRC + path, 'utf8')]));
}

describe('the architecture', () => {
  it('is kept by every source', () => {
    const sources = readSources();
    expect(findBreaches(sources)).toEqual([]);
    expect([...sources.keys()]).toEqual(expect.arrayContaining(['index.ts', 'client/index.ts', 'crypto/node.ts']));
  });

  it.each([
    ['an import against the direction', 'protocol/a.ts', "import { x } from '../crypto/b.js';", 'imports crypto/b.ts'],
    ['a type imported against it', 'client/a.ts', "import type { X } from '../channel/b.js';", 'imports channel/b.ts'],
    ['an import in a type', 'crypto/a.ts', "type X = import('../nest/b.js').X;", 'imports nest/b.ts'],
    ['a re-export', 'client/a.ts', "export * from '../nest/b.js';", 'imports nest/b.ts'],
    ['a dynamic import', 'client/a.ts', "await import('../nest/b.js');", 'imports nest/b.ts'],
    ['Nest outside nest/', 'channel/a.ts', "import { Injectable } from '@nestjs/common';", 'imports @nestjs/common'],
    [
      "Nest's insides",
      'nest/a.ts',
      "import { X } from '@nestjs/core/router/x.js';",
      'imports @nestjs/core/router/x.js',
    ],
    ['express outside nest/', 'channel/a.ts', "import type { Request } from 'express';", 'imports express'],
    ['Node in the client', 'client/a.ts', "import { readFileSync } from 'node:fs';", 'imports node:fs'],
    ['a package in an entry', 'index.ts', "export { Module } from '@nestjs/common';", 'imports @nestjs/common'],
    ['an HTTP status outside nest/', 'channel/a.ts', 'res.statusCode = 400;', 'uses statusCode'],
    ['node:crypto elsewhere', 'nest/a.ts', "import { createHash } from 'node:crypto';", 'uses node:crypto'],
    [
      'node:crypto in another engine',
      'crypto/forge.ts',
      "import { createHash } from 'node:crypto';",
      'uses node:crypto',
    ],
    ['crypto.subtle elsewhere', 'client/a.ts', 'const { subtle } = globalThis.crypto;', 'uses subtle'],
    ['fetch outside client/', 'nest/a.ts', "await globalThis.fetch('/');", 'uses fetch'],
    ['a barrel', 'client/a.ts', "import { x } from './index.js';", 'imports the barrel client/index.ts'],
    [
      'an unknown folder',
      'misc/a.ts',
      "import '../protocol/b.js';",
      'is in a folder that the architecture does not know',
    ],
    [
      'a higher floor',
      'nest/keys/a.ts',
      "import '../exchange/b.js';",
      'imports nest/exchange/b.ts, which stands above it',
    ],
    ['a circle of one', 'protocol/a.ts', "import { x } from './a.js';", 'in a circle: protocol/a.ts → protocol/a.ts'],
    ['a giant', 'protocol/a.ts', '\n'.repeat(260) + 'x;', 'has 261 lines'],
  ])('rejects %s', (_what, path, text, breach) => {
    expect(findBreaches(new Map([[path, text]]))).toEqual([expect.stringContaining(breach)]);
  });

  it('rejects a cycle of three', () => {
    const sources = new Map([
      ['protocol/a.ts', "import { b } from './b.js';"],
      ['protocol/b.ts', "export { c } from './c.js';"],
      ['protocol/c.ts', "import type { A } from './a.js';"],
    ]);
    expect(findBreaches(sources)).toEqual([
      'imports go in a circle: protocol/a.ts → protocol/b.ts → protocol/c.ts → protocol/a.ts',
    ]);
  });

  it('lets comments and strings say what they like', () => {
    const text = "// fetch, crypto.subtle, import('express')\nexport const a = 'fetch subtle statusCode';";
    expect(findBreaches(new Map([['protocol/a.ts', text]]))).toEqual([]);
  });
});
