import { afterEach, expect, it, jest } from '@jest/globals';
import { Body, Controller, Get, Post } from '@nestjs/common';
import { MemoryStore } from 'express-session';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { Encrypted } from '../../../src/index.js';
import { b64u } from '../../external/conformance/peer.js';
import { json, unknownKid, type Channel } from '../../external/conformance/channel.js';
import { stopTimers } from '../../support/clock.js';
import { onEachPlatform, useApp } from './support/apps.js';
import { SECRET } from './support/sessions.js';

@Encrypted()
@Controller('early')
class EarlyController {
  @Post()
  echo(@Body() body: { text: string }): object {
    return { length: body.text.length };
  }
  @Get()
  get(): object {
    return {};
  }
}

class CountingStore extends MemoryStore {
  reads = 0;

  override get(...args: Parameters<MemoryStore['get']>): void {
    this.reads++;
    super.get(...args);
  }
}

const MiB = 2 ** 20;

onEachPlatform('A body that is refused before its end', (platform) => {
  const app = useApp(platform, { controllers: [EarlyController] });
  afterEach(() => void jest.useRealTimers());

  /** A raw request: its head and the first part of its body; the socket stays open for more. */
  async function begin(channel: Channel, length: number, first: string): Promise<Socket> {
    const { hostname, port } = new URL(channel.visitor.base);
    const socket = connect(Number(port), hostname);
    socket.write(
      `POST /early HTTP/1.1\r\nHost: x\r\nCookie: ${String(channel.visitor.jar)}\r\n` +
        `Content-Type: application/jose\r\nContent-Length: ${length}\r\n\r\n${first}`,
    );
    await once(socket, 'connect');
    return socket;
  }
  const answerOn = async (socket: Socket): Promise<string> => String((await once(socket, 'data'))[0]);

  it('reaches the client as too-large while it still sends, however large it is', async () => {
    for (const size of [3, 5, 12]) {
      for (let round = 0; round < 4; round++) {
        const channel = await app().visitor().handshake('X25519');
        const response = await fetch(`${channel.visitor.base}/early`, {
          method: 'POST',
          headers: { 'content-type': 'application/jose', cookie: String(channel.visitor.jar) },
          body: 'x'.repeat(size * MiB),
        });
        expect(response.status).toBe(413);
        expect(await response.json()).toMatchObject({ type: 'urn:e2e:problem:too-large' });
      }
    }
  });

  it('is counted as it comes, where it has no length: too-large', async () => {
    const channel = await app().visitor().handshake('X25519');
    const [header] = channel.message('POST', '/early', json({ text: 'x' })).jwe.split('.');
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(`${header}..`);
      for (let sent = 0; sent < 3 * MiB; sent += 65_536) yield await Promise.resolve(Buffer.alloc(65_536, 'x'));
    }
    const response = await fetch(`${channel.visitor.base}/early`, {
      method: 'POST',
      headers: { 'content-type': 'application/jose', cookie: String(channel.visitor.jar) },
      body: Readable.toWeb(Readable.from(pieces())),
      duplex: 'half',
    } as RequestInit);
    expect(await response.json()).toMatchObject({ type: 'urn:e2e:problem:too-large' });
  });

  it('is read on and discarded only up to a bound', async () => {
    const channel = await app().visitor().handshake('X25519');
    // The bound is on bytes, too: the time after which it ends does not come.
    stopTimers();
    const socket = await begin(channel, 400 * MiB, 'x'.repeat(1000));
    expect(await answerOn(socket)).toMatch(/^HTTP\/1\.1 413 /);
    let sent = 0;
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve()).on('error', () => undefined);
      const pump = (): void => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536))) sent += 65_536;
        if (sent < 200 * MiB) socket.once('drain', pump);
        else resolve();
      };
      pump();
    });
    socket.destroy();
    // The rest is what buffers on the way hold.
    expect(sent).toBeGreaterThanOrEqual(8 * MiB);
    expect(sent).toBeLessThan(100 * MiB);
  });

  it('is handshake-required once the header of its message names an unknown channel, whatever follows', async () => {
    const channel = await app().visitor().handshake('X25519');
    const message = channel.message('POST', '/early', json({ text: 'x' }), { kid: unknownKid() });
    const socket = await begin(channel, MiB, message.jwe.slice(0, 800));
    expect(await answerOn(socket)).toMatch(/^HTTP\/1\.1 428 [^]*urn:e2e:problem:handshake-required/);
    socket.destroy();
  });

  it('is message-rejected once its header is no header, or longer than any', async () => {
    const channel = await app().visitor().handshake('X25519');
    for (const first of [`${b64u(Buffer.from('{}'))}.`, 'e'.repeat(6000)]) {
      const socket = await begin(channel, MiB, first);
      expect(await answerOn(socket)).toMatch(/^HTTP\/1\.1 400 [^]*urn:e2e:problem:message-rejected/);
      socket.destroy();
    }
  });

  it('is read to its end where the header is fine, however it is cut', async () => {
    const channel = await app().visitor().handshake('X25519');
    const text = 'x'.repeat(300_000);
    for (const at of [1, 100, 700, 200_000]) {
      const message = channel.message('POST', '/early', json({ text }));
      const socket = await begin(channel, message.jwe.length, message.jwe.slice(0, at));
      await new Promise((resolve) => setTimeout(resolve, 20));
      socket.write(message.jwe.slice(at));
      expect(await answerOn(socket)).toMatch(/^HTTP\/1\.1 201 /);
      socket.destroy();
    }
  });
});

onEachPlatform('A message that arrives with its whole body', (platform) => {
  const channelStore = new CountingStore();
  const app = useApp(platform, {
    controllers: [EarlyController],
    e2e: { session: 'channel', channelStore, secret: SECRET },
  });

  it.each([1, 100, 10_000])('reads the store as often as one without a body: %i characters', async (length) => {
    const channel = await app().visitor().handshake('X25519');
    const readsOf = async (request: () => Promise<{ status: number }>, status: number): Promise<number> => {
      const before = channelStore.reads;
      expect((await request()).status).toBe(status);
      return channelStore.reads - before;
    };
    const expected = await readsOf(() => channel.request('GET', '/early'), 200);
    expect(expected).toBeGreaterThan(0);
    const text = 'x'.repeat(length);
    expect(await readsOf(() => channel.request('POST', '/early', json({ text })), 201)).toBe(expected);
  });
});
