import { expect, it } from '@jest/globals';
import { Controller, Post, Req, Res } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Server, type Socket } from 'node:net';
import { Encrypted } from '../../../src/index.js';
import { until } from '../../support/clock.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { upload } from './support/frames.js';

const FRAME = 65_536;
const TYPE = 'application/x-echo';
/** What each handler has read so far, by its request's query. */
const read = new Map<string, number>();

@Encrypted()
@Controller()
class EchoController {
  @Post('echo/:name')
  echo(
    @Req() request: IncomingMessage & { raw?: IncomingMessage },
    @Res() reply: ServerResponse & { hijack?(): void; raw?: ServerResponse },
  ): void {
    reply.hijack?.();
    const source = request.raw ?? request;
    const name = source.url!.slice('/echo/'.length);
    source.on('data', (chunk: Buffer) => read.set(name, (read.get(name) ?? 0) + chunk.length));
    source.pipe(reply.raw ?? reply);
  }
}

onEachPlatform('What all answers hold until their requests have ended', (platform) => {
  const app = useApp(platform, {
    controllers: [EchoController],
    e2e: { maxHeldSize: 64 * FRAME },
    configure: (nest) => {
      if (platform !== 'fastify') return;
      const fastify = (nest as NestFastifyApplication).getHttpAdapter().getInstance();
      fastify.addContentTypeParser(TYPE, (_request, _payload, done) => done(null));
    },
  });

  /** An upload that the test continues piece by piece, and that is echoed. */
  async function begin(name: string) {
    const channel = await app().visitor().handshake('X25519');
    const sent = upload(channel, `/echo/${name}`, TYPE, [...Array<Buffer>(40).fill(Buffer.alloc(FRAME, 'x')), '']);
    const { hostname, port } = new URL(app().url);
    const socket = connect(Number(port), hostname).on('error', () => undefined);
    const fields = `Host: x\r\nCookie: ${String(channel.visitor.jar)}\r\nContent-Type: application/vnd.e2e.stream`;
    const bodies = sent.frames.map((frame) => `${frame.length.toString(16)}\r\n${frame.toString('latin1')}\r\n`);
    const head = `${sent.head.length.toString(16)}\r\n${sent.head.toString('latin1')}\r\n`;
    socket.write(`POST /echo/${name} HTTP/1.1\r\n${fields}\r\nTransfer-Encoding: chunked\r\n\r\n${head}`, 'latin1');
    let number = 0;
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    read.delete(name);
    return {
      socket,
      send: async (frames: number): Promise<void> => {
        for (let left = frames; left > 0; left--) socket.write(bodies[number++]!, 'latin1');
        await until(() => socket.closed || read.get(name) === number * FRAME);
      },
      answer: () => answer,
    };
  }

  it('is bounded: the one that holds most is cut, and no other', async () => {
    const [most, some, newest] = [await begin('most'), await begin('some'), await begin('newest')];
    await most.send(30);
    await some.send(20);
    await newest.send(14);
    expect([most, some, newest].map(({ socket }) => socket.closed)).toEqual([false, false, false]);
    await newest.send(1);
    if (!most.socket.closed) await once(most.socket, 'close');
    expect(most.answer()).toBe('');
    // There is room again for what the largest held.
    await newest.send(20);
    expect([some, newest].map(({ socket }) => socket.closed)).toEqual([false, false]);
    for (const { socket } of [some, newest]) {
      socket.destroy();
      await once(socket, 'close');
    }
  });

  it('is given back by those whose clients go away', async () => {
    const open = new Set<Socket>();
    const note = (socket: Socket): void => void open.add(socket.on('close', () => open.delete(socket)));
    const server = (app().nest.getHttpServer() as Server).on('connection', note);
    // Each holds less than the last one: were they still counted, that would be cut.
    for (let left = 3; left > 0; left--) {
      const each = await begin('gone');
      await each.send(20);
      each.socket.destroy();
    }
    await until(() => open.size === 0);
    server.off('connection', note);
    await new Promise((resolve) => setImmediate(resolve));
    const last = await begin('last');
    await last.send(40);
    expect(last.socket.closed).toBe(false);
    last.socket.destroy();
  });
});
