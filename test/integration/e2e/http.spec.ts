import { describe, expect, it } from '@jest/globals';
import fastifyCompress from '@fastify/compress';
import { Body, Controller, Get, Header, Post } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import compression from 'compression';
import { once } from 'node:events';
import { connect, type Server } from 'node:net';
import { Encrypted } from '../../../src/index.js';
import { json } from '../../external/conformance/channel.js';
import { onEachPlatform, PLATFORMS, useApp, type Setup } from './support/apps.js';
import { CANARY, expectPlainProblem, postJson } from './support/raw.js';

const LONG = `${CANARY} `.repeat(500);

@Controller('http')
class HttpController {
  @Get('sealed')
  @Encrypted()
  @Header('Expires', 'Mon, 23 Nov 2037 10:00:00 GMT')
  sealed(): object {
    return { text: LONG };
  }
  @Post('sealed')
  @Encrypted()
  echo(@Body() body: unknown): unknown {
    return { body };
  }
  @Get('plain')
  plain(): object {
    return { text: LONG };
  }
}
const controllers = [HttpController];

onEachPlatform('Compression', (platform) => {
  const app = useApp(platform, {
    controllers,
    configure: async (nest) => {
      if (platform === 'express') nest.use(compression({ threshold: 0 }));
      else await (nest as NestFastifyApplication).register(fastifyCompress, { threshold: 0 });
    },
  });
  const headers = { 'accept-encoding': 'gzip, deflate' };

  it('is left off for sealed answers: their length would tell of the text', async () => {
    const channel = await app().visitor().handshake('X25519');
    const sealed = await channel.request('GET', '/http/sealed', undefined, { headers });
    expect(sealed.wire.headers).not.toHaveProperty('content-encoding');
    expect(sealed.wire.body.length).toBeGreaterThan(LONG.length);
    expect(JSON.parse(sealed.text)).toEqual({ text: LONG });
    const large = 'x'.repeat(100_000);
    const echo = await channel.request('POST', '/http/sealed', json([large]), { headers });
    expect(JSON.parse(echo.text)).toEqual({ body: [large] });
  });

  it('goes on for plain ones', async () => {
    const reply = await app().visitor().send({ target: '/http/plain', headers });
    expect(reply.headers['content-encoding']).toBe('gzip');
  });
});

onEachPlatform('Conditional and Range headers', (platform) => {
  const app = useApp(platform, { controllers });

  it.each([
    [{ 'if-none-match': '*' }],
    [{ 'if-none-match': '"sealed"' }],
    [{ 'if-modified-since': new Date(Date.now() + 60_000).toUTCString() }],
    [{ 'if-match': '"other"' }],
    [{ 'if-unmodified-since': new Date(0).toUTCString() }],
    [{ range: 'bytes=0-9' }],
    [{ range: 'bytes=0-9', 'if-range': '"sealed"' }],
  ])('are ignored by sealed routes: %j', async (headers) => {
    const channel = await app().visitor().handshake('X25519');
    const sealed = await channel.request('GET', '/http/sealed', undefined, { headers });
    expect(sealed.status).toBe(200);
    expect(sealed.wire.status).toBe(200);
    expect(sealed.wire.headers).not.toHaveProperty('expires');
    expect(JSON.parse(sealed.text)).toEqual({ text: LONG });
  });
});

onEachPlatform('CORS', (platform) => {
  const origin = 'https://app.example';
  const app = useApp(platform, {
    controllers,
    e2e: { encryptByDefault: true },
    configure: (nest) => nest.enableCors({ origin, credentials: true }),
  });

  it('has its preflights pass unsealed, E2e-Request among what they allow', async () => {
    for (const method of ['GET', 'POST']) {
      const headers = {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'content-type,e2e-request,idempotency-key',
      };
      const reply = await app().visitor().send({ method: 'OPTIONS', target: '/http/sealed', headers });
      expect(reply.status).toBe(204);
      expect(reply.headers['access-control-allow-origin']).toBe(origin);
      expect(reply.headers['access-control-allow-credentials']).toBe('true');
      expect(reply.headers['access-control-allow-headers']).toContain('e2e-request');
    }
  });

  it('keeps its headers on sealed answers, and on refusals in the clear', async () => {
    const channel = await app().visitor().handshake('X25519');
    const sealed = await channel.request('GET', '/http/sealed', undefined, { headers: { origin } });
    expect(sealed.wire.headers['access-control-allow-origin']).toBe(origin);
    const refusal = await app().visitor().send({ target: '/http/sealed', headers: { origin } });
    expectPlainProblem(refusal, 'message-required');
    expect(refusal.headers['access-control-allow-origin']).toBe(origin);
  });
});

onEachPlatform('A connection that ends before its body does', (platform) => {
  const app = useApp(platform, { controllers });

  it.each(['/http/sealed', '/e2e/handshake'])('costs %s nothing but itself', async (target) => {
    const { hostname, port } = new URL(app().url);
    const socket = connect(Number(port), hostname);
    const head = `POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/jose\r\nContent-Length: 1000\r\n\r\n`;
    const arrived = once(app().nest.getHttpServer() as Server, 'request');
    socket.write(`${head}part`);
    await arrived;
    socket.destroy();
    expect((await app().client().fetch('/http/sealed')).status).toBe(200);
    expect(app().log.lines.filter((line) => line.startsWith('error'))).toEqual([]);
  });
});

/** Nest 11 has no parser of its own where an application names its types. */
function parseJson(_request: unknown, body: Buffer, done: (error: null, value: unknown) => void): void {
  done(null, JSON.parse(body.toString()));
}

/** However an application reads bodies, or does not, the module reads its own. */
const READERS: [name: string, setup: Setup][] = [
  ['with Nest’s parsers', {}],
  ['without them', { options: { bodyParser: false } }],
  ['with raw bodies kept', { options: { rawBody: true } }],
  [
    'with a small limit on plain bodies',
    {
      configure: (nest, platform) => {
        if (platform === 'express') (nest as NestExpressApplication).useBodyParser('json', { limit: 100 });
        else (nest as NestFastifyApplication).useBodyParser('application/json', { bodyLimit: 100 }, parseJson);
      },
    },
  ],
];

describe.each(PLATFORMS.flatMap((platform) => READERS.map(([name, setup]) => [platform, name, setup] as const)))(
  'A sealed body on %s, in an application %s',
  (platform, _, setup) => {
    const app = useApp(platform, { ...setup, controllers });

    it('arrives, announced or chunked, large or small', async () => {
      const channel = await app().visitor().handshake('X25519');
      for (const chunked of [false, true]) {
        for (const size of [1, 300_000]) {
          const value = 'x'.repeat(size);
          const sealed = await channel.request('POST', '/http/sealed', json([value]), { chunked });
          expect(JSON.parse(sealed.text)).toEqual({ body: [value] });
        }
      }
      expect(
        await (
          await app()
            .client()
            .fetch('/http/sealed', postJson([1]))
        ).json(),
      ).toEqual({ body: [1] });
    });

    it('may be empty, and then there is none', async () => {
      const channel = await app().visitor().handshake('X25519');
      for (const at of ['body', 'header'] as const) {
        const sealed = await channel.request('POST', '/http/sealed', undefined, { at });
        expect(sealed.status).toBe(201);
        expect(JSON.parse(sealed.text)).toEqual({});
      }
    });
  },
);
