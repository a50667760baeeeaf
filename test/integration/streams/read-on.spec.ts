import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { ConflictException, Controller, Post, Req } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { once } from 'node:events';
import { connect as connectHttp2, type ServerHttp2Stream } from 'node:http2';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { Encrypted } from '../../../src/index.js';
import { Visitor, type Channel } from '../../external/conformance/channel.js';
import type { Outgoing, Reply } from '../../external/conformance/wire.js';
import { stopTimers, until } from '../../support/clock.js';
import { onEachPlatform, useApp, type Setup } from '../e2e/support/apps.js';
import { fetchOverHttp2 } from '../e2e/support/http2.js';
import { upload } from './support/frames.js';

const MIB = 2 ** 20;
const PIECE = Buffer.alloc(65_536, 'x');
const TYPE = 'application/x-upload';

@Encrypted()
@Controller()
class EarlyController {
  @Post('refused')
  refused(): never {
    throw new ConflictException();
  }
  @Post('ignored')
  ignored(): object {
    return {};
  }
  @Post('read')
  async read(@Req() request: AsyncIterable<Buffer> & { raw?: AsyncIterable<Buffer> }): Promise<object> {
    let bytes = 0;
    for await (const chunk of request.raw ?? request) bytes += chunk.length;
    return { bytes };
  }
}

const SETUP: Setup = {
  controllers: [EarlyController],
  configure: (nest, platform) => {
    if (platform !== 'fastify') return;
    const fastify = (nest as NestFastifyApplication).getHttpAdapter().getInstance();
    fastify.addContentTypeParser(TYPE, (_request, _payload, done) => done(null));
  },
};

/** An upload of so many frames on the way, none of them the last; `spoilt` if the first of them does not open. */
function begin(channel: Channel, path: string, frames: number, isSpoilt: boolean): Buffer {
  const sent = upload(channel, path, TYPE, [...Array<Buffer>(frames).fill(PIECE), '']);
  const body = Buffer.concat([sent.head, ...sent.frames.slice(0, -1)]);
  if (isSpoilt) body[sent.head.length + 4]! ^= 1;
  return body;
}

/** Lets the server deal with what has come, while its timers stand still. */
async function turns(): Promise<void> {
  for (let left = 50; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
}

/** How it is answered, by which route, with a frame that does not open or without, and with which status. */
const CASES = [
  ['a refusal', '/refused', false, 409],
  ['a success', '/ignored', false, 201],
  ['a broken body', '/read', true, 400],
  ['no route', '/nowhere', false, 404],
] as const;

onEachPlatform('What is left of a request’s body when it is answered', (platform) => {
  const app = useApp(platform, SETUP);
  afterEach(() => void jest.useRealTimers());

  /** Sends it on a connection of its own; `ours` is the server's end of that. */
  async function send(path: string, frames: number, isSpoilt: boolean) {
    const channel = await app().visitor().handshake('X25519');
    const server = app().nest.getHttpServer() as Server;
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [ours] = (await once(server, 'connection')) as [Socket];
    const advance = stopTimers();
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1'))).on('error', () => undefined);
    const fields = `Host: x\r\nCookie: ${String(channel.visitor.jar)}\r\nContent-Type: application/vnd.e2e.stream`;
    socket.write(`POST ${path} HTTP/1.1\r\n${fields}\r\nContent-Length: 1000000000\r\n\r\n`);
    socket.write(begin(channel, path, frames, isSpoilt));
    const answered = async (): Promise<number> => {
      while (!text) await once(socket, 'data');
      return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
    };
    return { ours, answered, advance };
  }

  it.each(CASES)('is read up to 16 MiB, and the connection closes: %s', async (_, path, isSpoilt, status) => {
    const { ours, answered } = await send(path, 640, isSpoilt);
    // The client may see a reset before the answer: it goes on sending.
    if (path === '/refused') expect(await answered()).toBe(status);
    if (!ours.closed) await once(ours, 'close');
    expect(ours.bytesRead / MIB).toBeGreaterThan(15.9);
    // Of 40. What is on its way when it stops reading is read by Node, which takes as long as the machine is busy.
    expect(ours.bytesRead / MIB).toBeLessThan(32);
  });

  it.each(CASES)('is waited for 10 s, and the connection closes: %s', async (_, path, isSpoilt, status) => {
    const { ours, answered, advance } = await send(path, 3, isSpoilt);
    if (path === '/ignored') {
      await until(() => ours.bytesRead > 3 * PIECE.length);
    } else {
      expect(await answered()).toBe(status);
    }
    await turns();
    advance(9_999);
    await turns();
    expect(ours.closed).toBe(false);
    advance(1);
    expect(await answered()).toBe(status);
    if (!ours.closed) await once(ours, 'close');
  });
});

/** Whose handshake goes over HTTP/2. */
class Http2Visitor extends Visitor {
  override async send({ target, ...init }: Outgoing): Promise<Reply> {
    const response = await fetchOverHttp2(this.base + target, init as RequestInit);
    const headers = { 'set-cookie': response.headers.getSetCookie() };
    const reply = { status: response.status, headers, rawHeaders: [], body: await response.text() };
    this.jar.take(reply);
    return reply;
  }
}

describe('What is left of a request’s body over HTTP/2', () => {
  const app = useApp('fastify', { ...SETUP, fastify: () => new FastifyAdapter({ http2: true } as never) });
  afterEach(() => void jest.useRealTimers());

  async function send(path: string, frames: number, isSpoilt: boolean) {
    const visitor = new Http2Visitor(app().url);
    const channel = await visitor.handshake('X25519');
    const session = connectHttp2(app().url);
    const stream = session.request(
      {
        ':method': 'POST',
        ':path': path,
        cookie: String(visitor.jar),
        'content-type': 'application/vnd.e2e.stream',
      },
      { endStream: false },
    );
    const [ours] = (await once(app().nest.getHttpServer() as Server, 'stream')) as [ServerHttp2Stream];
    const advance = stopTimers();
    const answered = once(stream, 'response').then(([headers]) => (headers as { ':status': number })[':status']);
    const body = begin(channel, path, frames, isSpoilt);
    stream.on('error', () => undefined).resume();
    let sent = 0;
    const sending = async (): Promise<void> => {
      for (let from = 0; from < body.length && !ours.closed; from += PIECE.length) {
        const isTaken = stream.write(body.subarray(from, from + PIECE.length));
        if (!isTaken) await Promise.race([new Promise((resolve) => stream.once('drain', resolve)), closed]);
        sent = from;
      }
    };
    const closed = new Promise<number>((resolve) => ours.once('close', () => resolve(ours.rstCode)));
    void Promise.all([closed, answered]).then(() => session.destroy());
    void sending();
    return { answered, closed, advance, sent: () => sent };
  }

  it.each(CASES)('is read up to 16 MiB, and the stream is reset: %s', async (_, path, isSpoilt, status) => {
    const { answered, closed, sent } = await send(path, 350, isSpoilt);
    expect(await answered).toBe(status);
    expect(await closed).toBe(0);
    expect(sent() / MIB).toBeGreaterThan(15);
    expect(sent() / MIB).toBeLessThan(18);
  });

  it.each(CASES)('is waited for 10 s, and the stream is reset: %s', async (_, path, isSpoilt, status) => {
    const { answered, closed, advance, sent } = await send(path, 3, isSpoilt);
    let isClosed = false;
    void closed.then(() => (isClosed = true));
    if (path !== '/ignored') expect(await answered).toBe(status);
    await until(() => sent() >= 3 * PIECE.length);
    await turns();
    advance(9_999);
    await turns();
    expect(isClosed).toBe(false);
    advance(1);
    expect(await answered).toBe(status);
    expect(await closed).toBe(0);
  });
});
