import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import express from 'express';
import fc from 'fast-check';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SealedPaths } from '../../../src/nest/routes/sealed-paths.js';
import { onEachPlatform, TestApp, type PlatformName, type Setup } from '../e2e/support/apps.js';
import { readersOf, readings } from './support/readers.js';
import { ask, FIXED, variant } from './support/targets.js';

const MARK = 'the handler ran';

const FILES = mkdtempSync(join(tmpdir(), 'e2e-secret-'));
mkdirSync(join(FILES, 'secret'));
writeFileSync(join(FILES, 'secret', 's.txt'), MARK);

/** Mounts as leniently as each platform can: what reads a path in more ways than another takes more of them. */
async function mount(app: INestApplication, platform: PlatformName): Promise<void> {
  if (platform === 'express') {
    const router = express.Router();
    router.use((_, response) => void response.send(MARK));
    app.use('/secret', router);
    app.use('/deep/:any/secret', (_: unknown, response: express.Response) => void response.send('elsewhere'));
    app.use(express.static(FILES));
    // What takes a URL apart as browsers do, and decodes it, as file servers do.
    app.use((request: express.Request, response: express.Response, next: () => void) => {
      if (lenientPathOf(request.url) === '/secret') response.send(MARK);
      else next();
    });
    return;
  }
  const fastify = (app as NestFastifyApplication).getHttpAdapter().getInstance();
  const answer = (): string => MARK;
  await fastify.register(
    (plugin, _, done) => {
      plugin.all('/', answer);
      plugin.all('/*', answer);
      done();
    },
    { prefix: '/secret' },
  );
}

function lenientPathOf(target: string): string | undefined {
  try {
    const path = decodeURIComponent(new URL(target, 'http://host').pathname);
    return `/${path.split('/').find(Boolean) ?? ''}`.toLowerCase();
  } catch {
    return undefined;
  }
}

// A constant, since Fastify's types do not have all of them.
const LENIENT = {
  caseSensitive: false,
  ignoreTrailingSlash: true,
  ignoreDuplicateSlashes: true,
  useSemicolonDelimiter: true,
};

const lenientFastify = (): FastifyAdapter =>
  new FastifyAdapter({
    routerOptions: LENIENT,
    rewriteUrl: ({ url = '' }) => url.replace(/^\/old/, '/secret'),
  });

describe('A sealed path covers what leads under it', () => {
  const paths = new SealedPaths({ sealedPaths: ['/secret', '/deep/secret'] });

  it('for any reader', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(fc.oneof(variant, fc.constantFrom(...FIXED)), fc.constantFrom('', '/deep'), (target, deep) => {
        const given = target.replace(/(?=[/\\]|%2f)/i, deep);
        const readers = readersOf(given, `${deep}/secret`);
        for (const reader of readers) reached.add(reader);
        expect({ given, readers, isCovered: readers.length === 0 || paths.covers(given) }).toMatchObject({
          isCovered: true,
        });
      }),
      { numRuns: 10_000 },
    );
    expect([...reached].sort()).toEqual([...readings].sort());
  });

  it('and nothing that an honest client sends elsewhere', () => {
    const word = fc.constantFrom(
      'a',
      'secrets',
      'x.secret',
      'deep',
      'e2e',
      'file.txt',
      'a%20b',
      '50%25',
      'a;b=secret',
      '..x',
    );
    const path = fc.array(word, { maxLength: 4 }).map((words) => `/${words.join('/')}`);
    const query = fc.constantFrom(
      '',
      '?',
      '?next=/../secret',
      '?next=%2f..%2fsecret',
      '?/secret',
      '?q=%252525252525',
      '?#/secret',
    );
    fc.assert(
      fc.property(fc.constantFrom('', 'http://host', 'https://host:8080'), path, query, (origin, before, after) => {
        expect(paths.covers(origin + before + after)).toBe(false);
      }),
    );
    for (const target of ['/a/../b', '/secrets/..', '/a/secret', '/', '*', '']) {
      expect(paths.covers(target)).toBe(false);
    }
  });
});

onEachPlatform('No way to write a sealed path', (platform) => {
  const setup = (e2e: Setup['e2e']): Setup => ({
    e2e,
    configure: (app) => mount(app, platform),
    ...(platform === 'fastify' && { fastify: lenientFastify }),
  });
  let [sealed, control]: [TestApp?, TestApp?] = [];
  beforeAll(async () => {
    sealed = await TestApp.start(platform, setup({ sealedPaths: ['/secret'] }));
    control = await TestApp.start(platform, setup(false));
  });
  afterAll(async () => {
    await sealed?.close();
    await control?.close();
  });

  it.each(['GET', 'POST', 'PUT', 'OPTIONS', 'HEAD', 'DELETE', 'PATCH'])(
    'reaches who answers there, by %s',
    async (method) => {
      let reached = 0;
      for (const target of FIXED) {
        if ((await ask(control!, method, target)).includes(MARK)) reached++;
        const answer = await ask(sealed!, method, target);
        expect({ target, isOpen: answer.includes(MARK) }).toEqual({ target, isOpen: false });
      }
      // HEAD has no body to be told by.
      expect(reached).toBeGreaterThan(method === 'HEAD' || (method === 'OPTIONS' && platform === 'fastify') ? -1 : 9);
    },
  );

  it('reaches who answers there, of any that can be made up', async () => {
    let reached = 0;
    await fc.assert(
      fc.asyncProperty(variant, fc.constantFrom('GET', 'POST'), async (target, method) => {
        if (!(await ask(control!, method, target)).includes(MARK)) return;
        reached++;
        expect(await ask(sealed!, method, target)).toContain('urn:e2e:problem:message-required');
      }),
      { numRuns: 1000 },
    );
    expect(reached).toBeGreaterThan(20);
  });

  it('passes as a preflight with a body, and a preflight reaches no handler', async () => {
    const extra = 'Origin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n';
    for (const target of FIXED) expect(await ask(sealed!, 'OPTIONS', target, extra)).not.toContain(MARK);
  });
});
