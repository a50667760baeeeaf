import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { WebSocket, type Server } from 'ws';
import type { AddressInfo, Server as NetServer } from 'node:net';
import type { E2eClientOptions } from '../../../src/client/index.js';
import { Encrypted } from '../../../src/index.js';
import { SocketMeter } from '../../../src/protocol/socket.js';
import { E2eWsAdapter, type E2eWsAdapterOptions } from '../../../src/ws/index.js';
import { until } from '../../support/clock.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { liveGateway, seen } from './support/gateway.js';
import { SocketPeer } from './support/peer.js';

const Live = liveGateway('/live', Encrypted());
const MAX_BODY = 50_000;
const MAX_HEAD = 32_768;
const MAX_META = 16_384;
const MAX_WAITING = 6;
const MAX_PER_ADDRESS = 4;
const ECHO = JSON.stringify({ event: 'echo', data: 1 });

onEachPlatform('The bounds of sealed sockets', (platform) => {
  const app = useApp(platform, {
    providers: [Live],
    e2e: { maxBodySize: MAX_BODY },
    configure: (nest) =>
      nest.useWebSocketAdapter(
        new E2eWsAdapter(nest, { maxWaiting: MAX_WAITING, maxWaitingPerAddress: MAX_PER_ADDRESS }),
      ),
  });
  const server = (): Server => app().get(Live).server;
  const open = async (): Promise<SocketPeer> => SocketPeer.open(await app().visitor().handshake('X25519'));
  /** A socket of the client that is open, with how it ends. */
  const watched = async (options: E2eClientOptions = {}) => {
    const socket = app()
      .client({ webSocket: WebSocket, ...options })
      .webSocket('live');
    const log: string[] = [];
    socket.onerror = ({ error }) => log.push(`error ${(error as { code?: string }).code}`);
    const over = new Promise<void>((resolve) => {
      socket.onclose = ({ code, wasClean }) => {
        log.push(`close ${code} ${wasClean}`);
        resolve();
      };
    });
    await new Promise((resolve) => (socket.onopen = resolve));
    return { socket, log, over };
  };
  beforeEach(async () => {
    await until(() => server().clients.size === 0);
    seen.length = 0;
  });
  afterEach(() => void jest.restoreAllMocks());

  it('a message of as many bytes as may be comes and goes; one more ends the socket', async () => {
    const just = await open();
    just.raw.send(just.seal(0, Buffer.alloc(MAX_BODY - 1)));
    await until(() => just.read.length === 1);
    expect(just.read[0]).toHaveLength(2 * MAX_BODY);
    // The gateway answers with one byte more.
    just.raw.send(just.seal(0, Buffer.alloc(MAX_BODY)));
    await just.over();
    expect(just.read.at(-1)).toBe('end 1009 ');
    const over = await open();
    over.raw.send(over.seal(0, Buffer.alloc(MAX_BODY + 1)));
    await over.over();
    expect(over.read).toEqual([]);
  });

  it('a head whose meta object is as long as may be opens a socket; a longer one is refused', async () => {
    const channel = await app().visitor().handshake('X25519');
    const headOf = (length: number) => {
      const unknown = 'x'.repeat(length - JSON.stringify({ unknown: '' }).length);
      return channel.message('GET', '/live', { text: '', meta: { unknown } }, { frames: 'socket' }).jwe;
    };
    const taken = SocketPeer.begin(channel, { first: headOf(MAX_META) });
    await until(() => seen.length > 0 || taken.closed !== undefined);
    expect(seen).toEqual(['connected ']);
    taken.raw.terminate();
    for (const first of [headOf(MAX_META + 1), 'x'.repeat(MAX_HEAD + 1)]) {
      const refused = await SocketPeer.open(channel, { first });
      await refused.over();
      expect([refused.closed, refused.refusal]).toEqual([4400, expect.stringContaining('message-rejected')]);
    }
  });

  it('sockets that wait: so many of one address, and so many in all; the longest waiting gives way', async () => {
    const { port } = (app().nest.getHttpServer() as NetServer).address() as AddressInfo;
    const codes: Record<string, number> = {};
    const waiting: WebSocket[] = [];
    const wait = async (name: string, localAddress: string): Promise<void> => {
      const raw = new WebSocket(`ws://127.0.0.1:${port}/live`, ['e2e.1'], { localAddress });
      raw.on('close', (code) => (codes[name] = code)).on('error', () => undefined);
      waiting.push(raw);
      await until(() => raw.readyState === WebSocket.OPEN);
    };
    for (let index = 0; index < MAX_PER_ADDRESS; index++) await wait(`two ${index}`, '127.0.0.2');
    await wait('three 0', '127.0.0.3');
    await wait('three 1', '127.0.0.3');
    expect(codes).toEqual({});
    // Its own address has room, all have not.
    await wait('three 2', '127.0.0.3');
    await until(() => Object.keys(codes).length === 1);
    expect(codes).toEqual({ 'two 0': 4503 });
    await wait('two 4', '127.0.0.2');
    await until(() => Object.keys(codes).length === 2);
    expect(codes).toEqual({ 'two 0': 4503, 'two 1': 4503 });
    // One that is let in is none of them any more.
    expect(await (await open()).ask('echo', 1)).toEqual({ event: 'echo', data: 1 });
    for (const raw of waiting) raw.terminate();
    for (const client of server().clients) client.terminate();
  });

  it('a direction that is full: the server ends with 1013, and takes nothing more from a client', async () => {
    // 2^24 messages take an hour: both limits are those of the meter.
    const room = jest.spyOn(SocketMeter.prototype, 'hasRoomFor');
    room.mockImplementation(function (this: SocketMeter) {
      return this.messages < 3;
    });
    const peer = await open();
    for (let index = 0; index < 3; index++) await peer.ask('echo', index);
    expect(peer.read).toHaveLength(3);
    peer.send(Buffer.alloc(1));
    await peer.over();
    expect([peer.closed, peer.read.slice(3)]).toEqual([1006, []]);

    const sending = await open();
    sending.send(JSON.stringify({ event: 'many' }));
    await until(() => sending.read.length === 3);
    for (const client of server().clients) client.send('one more');
    await sending.over();
    expect([sending.read.at(-1), sending.closed]).toEqual(['end 1013 ', 1000]);
  });

  it('a direction that is full: the client ends with 1013, and sends nothing that waited behind', async () => {
    const { socket, log, over } = await watched();
    jest.spyOn(SocketMeter.prototype, 'hasRoomFor').mockImplementation(function (this: SocketMeter, length) {
      return this.messages < 3 && length < 100;
    });
    for (let index = 0; index < 2; index++) socket.send(JSON.stringify({ event: 'silent' }));
    socket.send(new Blob(['x'.repeat(100)]));
    // It would fit.
    socket.send(JSON.stringify({ event: 'silent' }));
    socket.close(1000);
    await over;
    expect(log).toEqual(['close 1013 true']);
    await until(() => seen.includes('closed 1013 '));
    expect(seen.filter((line) => line === 'silent')).toHaveLength(2);
    const many = await watched();
    for (let index = 0; index < 4; index++) many.socket.send(JSON.stringify({ event: 'silent' }));
    await many.over;
    expect([many.log, many.socket.readyState]).toEqual([['close 1013 true'], 3]);
    expect(seen.filter((line) => line === 'silent')).toHaveLength(5);
  });

  it('a client takes messages of maxResponseSize, and cuts off at one byte more', async () => {
    const { socket, log, over } = await watched({ maxResponseSize: 1000 });
    const first = new Promise((resolve) => (socket.onmessage = resolve));
    // The gateway answers with one byte more.
    socket.send(new Uint8Array(999));
    await first;
    socket.send(new Uint8Array(1000));
    await over;
    expect(log).toEqual(['error answer-too-large', 'close 1006 false']);
  });

  it('a heartbeat, as the documentation has it, cuts off who does not answer pings, and nobody else', async () => {
    const [alive, gone] = [await open(), await open()];
    // As a client that is not there any more.
    gone.raw.pong = () => undefined;
    const silent = new WeakSet<WebSocket>();
    const clients = [...server().clients];
    const ponged = new Set<WebSocket>();
    for (const client of clients) {
      client.on('pong', () => {
        silent.delete(client);
        ponged.add(client);
      });
    }
    const beat = (): void => {
      for (const client of server().clients) {
        if (silent.has(client)) client.terminate();
        else client.ping();
        silent.add(client);
      }
    };
    beat();
    await until(() => ponged.size === 1);
    beat();
    await gone.over();
    expect([gone.closed, gone.read]).toEqual([1006, []]);
    expect(await alive.ask('echo', 1)).toEqual({ event: 'echo', data: 1 });
    alive.send(ECHO);
    expect(server().clients.size).toBe(1);
    alive.raw.terminate();
  });

  it.each<[E2eWsAdapterOptions, string]>([
    [{ maxWaiting: 0 }, '"maxWaiting" must be a whole number of sockets, 1 or more; received the number 0.'],
    [{ maxWaitingPerAddress: 1.5 }, '"maxWaitingPerAddress" must be a whole number of sockets'],
    [
      { maxBuffered: '16' as never },
      '"maxBuffered" must be a whole number of bytes, 1 or more; received a string of length 2. Convert',
    ],
    [
      { middleware: (() => undefined) as never },
      '"middleware" must be a list of middlewares; received a function. Put it into a list.',
    ],
  ])('are checked at start: %p', (options, error) => {
    expect(() => new E2eWsAdapter(app().nest, options)).toThrow(`E2eWsAdapter: the option ${error}`);
  });
});
