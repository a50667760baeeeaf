import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import express from 'express';
import fc from 'fast-check';
import { connect } from 'node:net';
import { onEachPlatform, TestApp, type PlatformName, type Setup } from '../e2e/support/apps.js';

const MARK = 'the handler ran';

/** Mounts as leniently as each platform can: what reads a path in more ways than another takes more of them. */
async function mount(app: INestApplication, platform: PlatformName): Promise<void> {
  if (platform === 'express') {
    const router = express.Router();
    router.use((_, response) => void response.send(MARK));
    app.use('/secret', router);
    app.use('/deep/:any/secret', (_: unknown, response: express.Response) => void response.send('elsewhere'));
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

const FIXED = [
  '/secret',
  '/secret/',
  '/SECRET',
  '/Secret/X',
  '//secret',
  '/secret//x',
  '///secret',
  '/%73ecret',
  '/%73%65cret/x',
  '/%2573ecret',
  '/./secret',
  '/x/../secret',
  '/secret/../secret/x',
  '/secret/..',
  '/x/%2e%2e/secret',
  '/%2fsecret',
  '/%5csecret',
  '\\secret',
  '/secret?x=1',
  '/secret?',
  '/secret#x',
  '/secret;x=1',
  '/secret;x/y',
  '//host/secret',
  'http://host/secret',
  'HTTP://host/%73ecret?x',
  '/secret/e2e/handshake',
  '/secret/e2e/identity',
  '/old',
  '/old/x',
  '/secret%2fx',
  '/secret%3fx',
  '/secret%23x',
  '/ſecret',
  '/%C5%BFecret',
  '/secret%00',
  '/secret.',
];

/** The name of the path as clients may write it, among what may stand around it. */
const variant = fc
  .tuple(
    fc.constantFrom('', '/', '//', '/.', '/x/..', '/%2e', '/x/%2E%2e', 'http://h', '/secret/..', '//h'),
    fc.constantFrom('/', '//', '/./', '%2f', '\\', '/%2f'),
    fc.array(fc.constantFrom('plain', 'upper', 'encoded', 'twice'), { minLength: 6, maxLength: 6 }),
    fc.constantFrom(
      '',
      '/',
      '//',
      '?',
      '?a',
      '#',
      ';a',
      '/x',
      '/x/..',
      '/e2e/handshake',
      '%2f',
      '%20',
      '.',
      '/%2e',
      '%3f',
    ),
  )
  .map(([before, slash, styles, after]) => {
    const name = [...'secret'].map((letter, index) => styled(letter, styles[index]!)).join('');
    return before + slash + name + after;
  });

function styled(letter: string, style: string): string {
  const hex = letter.charCodeAt(0).toString(16);
  return { upper: letter.toUpperCase(), encoded: `%${hex}`, twice: `%25${hex}` }[style] ?? letter;
}

/** A request whose target stands there byte for byte. */
function ask(app: TestApp, method: string, target: string, extra = ''): Promise<string> {
  const { port } = new URL(app.url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), '127.0.0.1', () => {
      const head = `${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n`;
      socket.write(`${head}${extra}Content-Length: 2\r\n\r\n{}`, 'utf8');
    });
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', reject).on('close', () => resolve(answer));
  });
}

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
      { numRuns: 400 },
    );
    expect(reached).toBeGreaterThan(20);
  });

  it('passes as a preflight with a body, and a preflight reaches nobody', async () => {
    const extra = 'Origin: https://a.example\r\nAccess-Control-Request-Method: POST\r\n';
    for (const target of FIXED) expect(await ask(sealed!, 'OPTIONS', target, extra)).not.toContain(MARK);
  });
});
