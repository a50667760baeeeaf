import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import { Socket } from 'node:net';
import { PassThrough, type Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { createDuplexPair } from '../../../src/ws/duplex-pair.js';
import { openInnerSocket } from '../../../src/ws/inner-socket.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { stopTimers, until } from '../../support/clock.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { CANARY } from '../e2e/support/raw.js';
import { SocketPeer } from './support/peer.js';

/** Bytes that wait at a client whose server does not read. */
const WAITING = 4_000_000;

type Answer = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

const library = new WebSocketServer({ noServer: true });
const echo: Answer = (request, socket, head) =>
  library.handleUpgrade(request, socket, head, (own) => {
    own.on('message', (data, isBinary) => own.send(data, { binary: isBinary }));
  });
const answerWith =
  (...lines: string[]): Answer =>
  (_, socket) =>
    void socket.write(lines.join('\r\n'));

afterEach(() => void jest.useRealTimers());

onEachPlatform('Under a sealed path an application that answers upgrades itself', (platform) => {
  let answer: Answer = echo;
  /** The connections that it was handed. */
  const handed: Duplex[] = [];
  const app = useApp(platform, {
    e2e: { sealedPaths: ['/own'] },
    configure: (nest) => {
      nest.useWebSocketAdapter(new E2eWsAdapter(nest));
      (nest.getHttpServer() as Server).on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        handed.push(socket);
        answer(request, socket, head);
      });
    },
  });
  const begin = async (): Promise<SocketPeer> =>
    SocketPeer.begin(await app().visitor().handshake('X25519'), { target: '/own' });
  const outcomeOf = async (peer: SocketPeer): Promise<[string | undefined, number | undefined]> => {
    await peer.over();
    return [peer.refusal, peer.closed];
  };
  beforeEach(() => {
    handed.length = 0;
    app().log.lines.length = 0;
  });

  it('may do with the connection what it does with one of the network', async () => {
    answer = (request, socket, head) => {
      const own = socket as Duplex & Pick<Socket, 'setKeepAlive' | 'address'>;
      own.setKeepAlive(true, 1000).setNoDelay(true).setTimeout(0).ref().unref();
      expect(own.address()).toEqual({});
      echo(request, socket, head);
    };
    const peer = await begin();
    await until(() => peer.isOpen || peer.closed !== undefined);
    peer.send('as it was');
    await until(() => peer.read.length > 0 || peer.closed !== undefined);
    expect(peer.read).toEqual(['as it was']);
    peer.raw.terminate();
    await until(() => handed[0]!.destroyed);
  });

  it('and writes to the socket of its request, writes nothing to the network', async () => {
    const wire: Buffer[] = [];
    const tap = (socket: Socket): void => {
      const write = socket.write.bind(socket) as (...given: unknown[]) => boolean;
      socket.write = (...given: unknown[]) => {
        wire.push(Buffer.from(given[0] as Uint8Array));
        return write(...given);
      };
    };
    (app().nest.getHttpServer() as Server).on('connection', tap);
    const seen: unknown[] = [];
    answer = (request, socket, head) => {
      // eslint-disable-next-line @typescript-eslint/no-deprecated -- applications still read `connection`
      seen.push(request.socket === socket, request.connection === socket, request.socket.remoteAddress);
      // Nothing that the request holds is another socket, whatever its name.
      const sockets = Reflect.ownKeys(request).filter((key) => request[key as keyof IncomingMessage] instanceof Socket);
      seen.push(sockets, (request as { client?: unknown }).client === socket);
      library.handleUpgrade(request, socket, head, (own) => {
        request.socket.write(Buffer.from([0x81, CANARY.length]));
        request.socket.write(CANARY);
        own.send('after it');
      });
    };
    const peer = await begin();
    await until(() => peer.read.length === 2 || peer.closed !== undefined);
    expect(peer.read).toEqual([CANARY, 'after it']);
    expect(seen).toEqual([true, true, expect.stringMatching(/127\.0\.0\.1$/), [], true]);
    expect(wire.length).toBeGreaterThan(0);
    expect(Buffer.concat(wire).includes(CANARY)).toBe(false);
    (app().nest.getHttpServer() as Server).off('connection', tap);
    peer.raw.terminate();
  });

  it('and throws, has the socket refused, and goes on', async () => {
    answer = () => {
      throw new Error(CANARY);
    };
    for (let index = 0; index < 2; index++) expect(await outcomeOf(await begin())).toEqual(['sealed ', 4500]);
    expect(app().log.ofModule).toEqual([expect.stringMatching(/^error .* rejected with 500: the application threw/)]);
    expect(app().log.text).not.toContain(CANARY);
    await until(() => handed.every((each) => each.destroyed));
  });

  it.each([
    ['with nothing', () => undefined],
    ['with the beginning of a head', answerWith('HTTP/1.1 403 Forbidden', '')],
    ['with a head alone', answerWith('HTTP/1.1 403 Forbidden', 'Content-Length: 9', '', 'no')],
  ])('has ten seconds for its answer: %s', async (_, given: Answer) => {
    answer = given;
    const advance = stopTimers();
    const peer = await begin();
    await until(() => handed.length === 1);
    advance(9999);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(peer.closed).toBeUndefined();
    advance(1);
    expect(await outcomeOf(peer)).toEqual(['sealed ', 4500]);
    await until(() => handed[0]!.destroyed);
  });

  it('is told where the client leaves before its answer', async () => {
    answer = () => undefined;
    stopTimers();
    const peer = await begin();
    await until(() => handed.length === 1);
    expect(handed[0]!.destroyed).toBe(false);
    peer.raw.terminate();
    await until(() => handed[0]!.destroyed);
    expect(app().log.ofModule).toEqual([]);
  });

  it.each([
    ['messages', (peer: SocketPeer, text: string) => peer.send(text)],
    ['pongs', (peer: SocketPeer, text: string) => peer.raw.pong(text)],
  ])('and reads nothing, slows its client down: %s', async (_, sendTo) => {
    let own: WebSocket | undefined;
    answer = (request, socket, head) =>
      library.handleUpgrade(request, socket, head, (made) => {
        made.pause();
        own = made;
      });
    const peer = await begin();
    await until(() => own !== undefined && peer.isOpen);
    const text = 'a'.repeat(125);
    const most = 1_000_000;
    let sent = 0;
    // What the kernel takes comes back no more: what waits here, waits because nobody reads.
    for (; peer.raw.bufferedAmount < WAITING && sent < most; sent++) {
      sendTo(peer, text);
      if (sent % 1000 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(sent).toBeLessThan(most);
    let heard = 0;
    own!.on('message', () => heard++).on('pong', () => heard++);
    own!.resume();
    await until(() => heard === sent || peer.closed !== undefined);
    expect(heard).toBe(sent);
    peer.raw.terminate();
  });

  it.each([
    ['text/html; charset=iso-8859-1', 'application/octet-stream'],
    ['application/jose', 'application/octet-stream'],
    ['none', 'application/octet-stream'],
    ['text/plain;charset=utf-8', 'text/plain;charset=utf-8'],
  ])('refuses with a body of the type %s', async (type, told) => {
    answer = answerWith('HTTP/1.1 403 Forbidden', `Content-Type: ${type}`, 'Content-Length: 2', '', 'no');
    const peer = await begin();
    expect(await outcomeOf(peer)).toEqual(['sealed no', 4403]);
    expect(peer.refusalType).toBe(told);
  });
});

describe('A connection within the process', () => {
  it('has the methods of one of the network', () => {
    const [own] = createDuplexPair();
    const names = Object.getOwnPropertyNames(Socket.prototype).filter(
      (name) => !/^_|^connect$|TypeOfService/.test(name),
    );
    const methods = names.filter((name) => typeof (Socket.prototype as never)[name] === 'function');
    expect(methods.length).toBeGreaterThan(10);
    expect(methods.filter((name) => typeof own[name as keyof Duplex] !== 'function')).toEqual([]);
  });

  it('says when nothing has passed for so long, either way', () => {
    const advance = stopTimers();
    const [own, theirs] = createDuplexPair() as unknown as [Socket, Socket];
    let count = 0;
    own.setTimeout(100, () => count++);
    for (const each of [own, theirs]) {
      advance(99);
      each.write('x');
    }
    advance(99);
    expect(count).toBe(0);
    advance(1);
    expect(count).toBe(1);
    own.setTimeout(0);
    advance(1000);
    expect(count).toBe(1);
    own.destroy();
  });

  it('is not asked for where the client has gone', async () => {
    const socket = new PassThrough().destroy();
    await once(socket, 'close');
    let asked = false;
    const request = { headers: {}, rawHeaders: [], socket } as unknown as IncomingMessage;
    await expect(openInnerSocket(request, [], () => (asked = true))).rejects.toThrow();
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toBe(false);
  });
});
