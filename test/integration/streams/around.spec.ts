import { expect, it } from '@jest/globals';
import { Controller, Get, Req, Res, Sse, type INestApplication, type MessageEvent } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import fastifyCompress from '@fastify/compress';
import compression from 'compression';
import { createReadStream, mkdtempSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { from, type Observable } from 'rxjs';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, TestApp, type PlatformName } from '../e2e/support/apps.js';
import { fetchOverHttp2 } from '../e2e/support/http2.js';
import { useOwnSession } from '../e2e/support/sessions.js';

const LENGTH = 300_000;
const BYTES = Buffer.alloc(LENGTH, 'some text ');
const folder = mkdtempSync(join(tmpdir(), 'around-'));
writeFileSync(join(folder, 'static.txt'), BYTES);

interface Reply extends ServerResponse {
  raw?: ServerResponse;
  hijack?(): void;
}
function own(reply: Reply): ServerResponse {
  reply.hijack?.();
  return reply.raw ?? reply;
}

@Encrypted()
@Controller('around')
class AroundController {
  @Get('whole')
  whole(): object {
    return { text: BYTES.toString() };
  }
  @Get('short')
  short(@Req() { session }: { session: Record<string, unknown> }): object {
    session.seen = true;
    return { short: true };
  }
  @Get('pipe')
  pipe(@Res() reply: Reply): void {
    const response = own(reply);
    response.setHeader('Content-Type', 'text/plain');
    Readable.from([BYTES.subarray(0, 100), BYTES.subarray(100)]).pipe(response);
  }
  @Get('sized')
  sized(@Req() { session }: { session: Record<string, unknown> }, @Res() reply: Reply): void {
    session.seen = true;
    const response = own(reply);
    response.setHeader('Content-Type', 'text/plain');
    response.setHeader('Content-Length', LENGTH);
    response.write(BYTES.subarray(0, 70_000));
    response.end(BYTES.subarray(70_000));
  }
  @Sse('events')
  events(): Observable<MessageEvent> {
    return from([{ data: 'one' }, { data: 'two' }]);
  }
}

type Middleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;
/** Takes the place of `write` and `end`, and calls what it found. */
const wrapping =
  (
    wrap: (name: 'write' | 'end', call: (...args: unknown[]) => unknown) => (...args: unknown[]) => unknown,
  ): Middleware =>
  (_, response, next) => {
    const target = response as unknown as Record<'write' | 'end', (...args: unknown[]) => unknown>;
    for (const name of ['write', 'end'] as const) {
      const call = target[name].bind(response);
      target[name] = wrap(name, call);
    }
    next();
  };
const isOurs = (args: unknown[]): boolean => args[0] instanceof Uint8Array && args[0].length > 0;

/** What applications put in front of their routes, and which leaves answers as they are. */
const AROUND: Record<string, (nest: INestApplication, platform: PlatformName) => unknown> = {
  nothing: () => undefined,
  compression: (nest, platform) =>
    platform === 'express'
      ? nest.use(compression({ threshold: 0 }))
      : (nest as NestFastifyApplication).register(fastifyCompress, { threshold: 0 }),
  'a session of its own': useOwnSession,
  'what logs each write': (nest) =>
    nest.use(
      wrapping(
        (_, call) =>
          (...args) =>
            call(...args),
      ),
    ),
  'what passes writes on late': (nest) => {
    let before = Promise.resolve();
    nest.use(
      wrapping((_, call) => (...args) => {
        before = before.then(() => new Promise((resolve) => setTimeout(resolve, 1))).then(() => void call(...args));
        return true;
      }),
    );
  },
};

/** What alters an answer: the connection is cut, and the client never takes it for whole. */
const ALTERING: Record<string, Middleware> = {
  'changes a byte': wrapping((_, call) => (chunk, ...rest) => {
    if (!isOurs([chunk])) return call(chunk, ...rest);
    const changed = Buffer.from(chunk as Uint8Array);
    changed[changed.length - 1]! ^= 1;
    return call(changed, ...rest);
  }),
  'drops a write': wrapping(
    (name, call) =>
      (...args) =>
        name === 'write' && isOurs(args) ? true : call(...args),
  ),
  'writes twice': wrapping((name, call) => (...args) => {
    if (name === 'write' && isOurs(args)) call(...args);
    return call(...args);
  }),
  'adds to the end': wrapping((name, call) => (...args) => {
    if (name === 'end') call(Buffer.from('and more'));
    return call(...args);
  }),
};

onEachPlatform('An answer in pieces passes through what stands around it', (platform) => {
  it.each(Object.keys(AROUND))('%s', async (name) => {
    const app = await TestApp.start(platform, {
      controllers: [AroundController],
      e2e: name === 'a session of its own' ? { session: false, secret: 's'.repeat(32) } : {},
      configure: AROUND[name]!,
    });
    try {
      const client = app.client();
      const read = async (path: string): Promise<string> => (await client.fetch(`/around/${path}`)).text();
      expect(await read('short')).toBe('{"short":true}');
      expect(JSON.parse(await read('whole'))).toEqual({ text: BYTES.toString() });
      expect(await read('pipe')).toBe(BYTES.toString());
      expect(await read('sized')).toBe(BYTES.toString());
      expect(await read('events')).toContain('data: two');
      expect(app.tap.text).not.toContain('some text');
    } finally {
      await app.close();
    }
  });

  it.each(Object.keys(ALTERING))('but is cut where something %s', async (name) => {
    const app = await TestApp.start(platform, {
      controllers: [AroundController],
      configure: (nest) =>
        nest.use((request: IncomingMessage, response: ServerResponse, next: () => void) =>
          request.url === '/around/pipe' ? ALTERING[name]!(request, response, next) : next(),
        ),
    });
    try {
      const answered = app.client().fetch('/around/pipe');
      await expect(answered.then((response) => response.text())).rejects.toThrow();
      expect(app.log.text).toContain('The connection of a sealed request was closed');
      expect(app.tap.text).not.toContain('some text');
    } finally {
      await app.close();
    }
  });
});

/** As `express.static()` does. */
const answering: Middleware = (request, response, next) => {
  if (!(request as { originalUrl?: string }).originalUrl?.startsWith('/static')) {
    next();
    return;
  }
  response.setHeader('Content-Type', 'text/plain');
  createReadStream(join(folder, 'static.txt')).pipe(response);
};

it('On Express, static files that middleware answers with leave in frames', async () => {
  const app = await TestApp.start('express', {
    controllers: [AroundController],
    middleware: (consumer) => void consumer.apply(answering).forRoutes('{*path}'),
  });
  try {
    const response = await app.client().fetch('/static.txt');
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(BYTES.toString());
    expect(app.tap.text).not.toContain('some text');
  } finally {
    await app.close();
  }
});

it('On Fastify, over HTTP/2', async () => {
  const app = await TestApp.start('fastify', {
    controllers: [AroundController],
    fastify: () => new FastifyAdapter({ http2: true } as never),
  });
  try {
    const client = app.client({ fetch: fetchOverHttp2 });
    for (const path of ['pipe', 'sized']) {
      expect(await (await client.fetch(`/around/${path}`)).text()).toBe(BYTES.toString());
    }
    expect(await (await client.fetch('/around/whole')).json()).toEqual({ text: BYTES.toString() });
    expect(await (await client.fetch('/around/events')).text()).toContain('data: two');
    expect(app.tap.text).not.toContain('some text');
  } finally {
    await app.close();
  }
});
