import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { WebSocket } from 'ws';
import { Encrypted } from '../../../src/index.js';
import type { E2eClient, E2eClientOptions, E2eWebSocket } from '../../../src/client/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { letTimePass, stopTimers, until } from '../../support/clock.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { SessionController } from '../e2e/support/sessions.js';
import { liveGateway, seen, type LiveGateway } from './support/gateway.js';

const Live = liveGateway('/live', Encrypted());
const Plain = liveGateway('/plain');

interface Seen {
  readonly socket: E2eWebSocket;
  /** What was told, in its order: `open`, messages, `error` with its code, `close` with its code and reason. */
  readonly log: string[];
}

function listen(socket: E2eWebSocket): Seen {
  const log: string[] = [];
  socket.onopen = () => log.push('open');
  socket.onmessage = ({ data }) => log.push(typeof data === 'string' ? data : bytesShown(data));
  socket.onerror = ({ error }) => log.push(`error ${(error as { code?: string }).code}`);
  socket.addEventListener('close', ({ code, reason, wasClean }) => log.push(`close ${code} ${reason} ${wasClean}`));
  return { socket, log };
}

const bytesShown = (data: ArrayBuffer | Blob): string =>
  data instanceof ArrayBuffer ? Buffer.from(data).toString('hex') : `blob of ${data.size}`;

async function opened(client: E2eClient, url = 'live', protocols: string[] = []): Promise<Seen> {
  const one = listen(client.webSocket(url, protocols));
  await until(() => one.log.length > 0);
  expect(one.log).toEqual(['open']);
  return one;
}
const isClosed = ({ log }: Seen): boolean => log.some((line) => line.startsWith('close '));
const over = (one: Seen): Promise<void> => until(() => isClosed(one));
const message = (event: string, data?: unknown): string => JSON.stringify({ event, data });

/** Changes the messages that come after the server's head, as somebody on the way does. */
function tampering(change: (data: ArrayBuffer) => (ArrayBuffer | string)[]): E2eClientOptions['webSocket'] {
  return class extends WebSocket {
    override emit(name: string | symbol, ...given: unknown[]): boolean {
      const [data, isBinary] = given as [ArrayBuffer, boolean];
      if (name !== 'message' || !isBinary) return super.emit(name, ...given);
      for (const each of change(data)) super.emit(name, each, typeof each !== 'string');
      return true;
    }
  };
}

onEachPlatform('client.webSocket', (platform) => {
  const app = useApp(platform, {
    controllers: [SessionController],
    providers: [Live, Plain],
    configure: (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest)),
  });
  const client = (options: E2eClientOptions = {}) => app().client({ webSocket: WebSocket, ...options });
  beforeEach(() => void (seen.length = 0));

  it.each([
    { keyKind: 'X25519' },
    { keyKind: 'RSA' },
    { keyKind: 'P-256' },
    { keyKind: 'RSA', engine: 'forge' },
    { keyKind: 'X25519', engine: 'noble' },
  ] as const)('sends and reads text and bytes of every kind, in their order: %p', async (options) => {
    const { socket, log } = await opened(client(options));
    expect([socket.readyState, socket.protocol, socket.extensions, socket.binaryType]).toEqual([1, '', '', 'blob']);
    socket.send(message('echo', 'gr\u00fc\u00dfe'));
    const bytes = new Uint8Array([1, 2, 3]);
    socket.send(bytes);
    bytes.fill(9);
    socket.send(new Blob(['x'.repeat(5000)]));
    socket.send(new Uint8Array([7, 8]).buffer);
    expect(socket.bufferedAmount).toBeGreaterThan(5000);
    socket.send(message('echo', 'last'));
    await until(() => log.length === 6);
    // The gateway answers bytes at once, and events when Nest has run their handlers.
    expect(log.filter((line) => line.startsWith('blob'))).toEqual(['blob of 4', 'blob of 5001', 'blob of 3']);
    expect(log.filter((line) => line.startsWith('{'))).toEqual([
      message('echo', 'gr\u00fc\u00dfe'),
      message('echo', 'last'),
    ]);
    socket.binaryType = 'arraybuffer';
    socket.send(new Uint8Array([4, 5, 6]).subarray(1));
    await until(() => log.length === 7);
    expect(log[6]).toBe('ff0506');
    for (let index = 0; index < 100; index++) socket.send(message('echo', index));
    await until(() => log.length === 107);
    expect(log.slice(7)).toEqual(Array.from({ length: 100 }, (_, index) => message('echo', index)));
    expect(socket.bufferedAmount).toBe(0);
    socket.close();
  });

  it('asks for subprotocols and has its query, sealed', async () => {
    app().tap.clear();
    const { socket } = await opened(client(), 'live?token=canary-of-a-query', ['canary-of-a-protocol', 'v2']);
    expect([socket.protocol, socket.url]).toEqual([
      'canary-of-a-protocol',
      `${app().url.replace('http', 'ws')}/live?token=canary-of-a-query`,
    ]);
    expect(app().tap.text).not.toContain('canary-of');
    expect(seen).toContain('connected canary-of-a-protocol');
    expect(app().get<LiveGateway>(Live).requests.at(-1)!.url).toBe('/live?token=canary-of-a-query');
    socket.close();
  });

  it.each<[string, [number?, string?], string, string]>([
    ['without a code', [], 'closed 1005 ', 'close 1005  true'],
    ['with a code', [1000], 'closed 1000 ', 'close 1000  true'],
    [
      'with a code and a reason',
      [4999, 'gr\u00fc\u00dfe'],
      'closed 4999 gr\u00fc\u00dfe',
      'close 4999 gr\u00fc\u00dfe true',
    ],
  ])('closes %s', async (_, given, there, here) => {
    const one = await opened(client());
    one.socket.send(message('silent'));
    one.socket.close(...given);
    expect(one.socket.readyState).toBe(2);
    one.socket.send('dropped');
    await over(one);
    expect(one.log).toEqual(['open', here]);
    expect(one.socket.readyState).toBe(3);
    await until(() => seen.includes('disconnected'));
    expect(seen).toEqual(expect.arrayContaining(['silent', there]));
  });

  it('sees the code and the reason of the server’s close', async () => {
    const one = await opened(client());
    one.socket.send(message('bye'));
    await over(one);
    expect(one.log).toEqual(['open', 'close 3001 as asked true']);
  });

  it('takes no code and no reason that a browser does not take', async () => {
    const { socket } = await opened(client());
    for (const code of [0, 999, 1001, 1005, 1006, 2999, 5000]) {
      expect(() => socket.close(code)).toThrow(expect.objectContaining({ name: 'InvalidAccessError' }));
    }
    expect(() => socket.close(1000, 'x'.repeat(124))).toThrow(expect.objectContaining({ name: 'SyntaxError' }));
    expect(socket.readyState).toBe(1);
    socket.close(1000, 'x'.repeat(123));
  });

  it('sends nothing before it is open, and can be closed before', async () => {
    const one = listen(client().webSocket('live'));
    expect(() => one.socket.send('x')).toThrow(expect.objectContaining({ name: 'InvalidStateError' }));
    one.socket.close();
    expect(one.socket.readyState).toBe(2);
    await over(one);
    expect([one.log, one.socket.readyState]).toEqual([['error closed', 'close 1006  false'], 3]);
    expect(seen).toEqual([]);
  });

  it('is closed at once while its server does not answer', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const connected = once(silent, 'connection');
    class Elsewhere extends WebSocket {
      constructor(_: string, protocols: string[]) {
        super(`ws://127.0.0.1:${(silent.address() as AddressInfo).port}`, protocols);
      }
    }
    const one = listen(client({ webSocket: Elsewhere }).webSocket('live'));
    await connected;
    one.socket.close();
    await over(one);
    expect(one.log).toEqual(['error closed', 'close 1006  false']);
    silent.close();
  });

  it('hears of a cut that comes while the head is being opened', async () => {
    class Cut extends WebSocket {
      #isCut = false;
      override emit(name: string | symbol, ...given: unknown[]): boolean {
        if (this.#isCut) return true;
        const isHeard = super.emit(name, ...given);
        if (name === 'message') {
          super.emit('close', 1006, Buffer.alloc(0));
          this.#isCut = true;
          this.terminate();
        }
        return isHeard;
      }
    }
    const one = listen(client({ webSocket: Cut }).webSocket('live'));
    await until(() => isClosed(one));
    expect([one.log, one.socket.readyState]).toEqual([['open', 'close 1006  false'], 3]);
  });

  it('ends with its session, and opens on a fresh channel where the old one is over', async () => {
    const own = client();
    const one = await opened(own);
    await own.fetch('session/notes', {
      method: 'POST',
      body: JSON.stringify({ note: 'x' }),
      headers: { 'content-type': 'application/json' },
    });
    expect((await own.fetch('session/revoke', { method: 'POST' })).ok).toBe(true);
    await over(one);
    expect(one.log).toEqual(['open', 'close 4401  true']);
    expect(one.socket.readyState).toBe(3);
    const { socket } = await opened(own);
    expect(app().get<LiveGateway>(Live).requests).not.toHaveLength(0);
    socket.close();
  });

  it('does not open where the first head’s channel ends during the new handshake', async () => {
    let back: (() => void) | undefined;
    const own = client({
      fetch(...given) {
        if (isRevoked) back = letTimePass(3600);
        return fetch(...given);
      },
    });
    let isRevoked = false;
    await own.fetch('session/notes', {
      method: 'POST',
      body: JSON.stringify({ note: 'x' }),
      headers: { 'content-type': 'application/json' },
    });
    expect((await own.fetch('session/revoke', { method: 'POST' })).ok).toBe(true);
    isRevoked = true;
    try {
      const one = listen(own.webSocket('live'));
      await until(() => one.log.length > 0);
      expect(one.log).toEqual(['error plain-answer', 'close 1006  false']);
    } finally {
      back?.();
    }
  });

  it('says why it did not open', async () => {
    const nowhere = listen(client().webSocket('nowhere'));
    const elsewhere = listen(client().webSocket('http://127.0.0.1:1/live'));
    for (const one of [nowhere, elsewhere]) await over(one);
    expect(nowhere.log).toEqual(['error plain-answer', 'close 1006  false']);
    expect(elsewhere.log).toEqual(['error request-unsupported', 'close 1006  false']);
    expect(seen).not.toContain('echo');
    expect(() => client().webSocket('http://')).toThrow('Invalid URL');
  });

  it('waits half a minute for a head, and sends nothing to a gateway that is not sealed', async () => {
    const plain = listen(client().webSocket('plain'));
    const advance = stopTimers();
    await until(() => seen.length > 0);
    advance(30_000);
    await over(plain);
    expect(plain.log).toEqual(['error plain-answer', 'close 1006  false']);
    jest.useRealTimers();
  });

  describe.each<[string, (data: ArrayBuffer) => (ArrayBuffer | string)[]]>([
    ['a flipped bit', (data) => [flipped(data)]],
    ['a message twice', (data) => [data, data]],
    ['a text message', (data) => [Buffer.from('{"event":"said"}').toString(), data]],
    ['a message cut short', (data) => [data.slice(0, -1)]],
    ['an empty message', () => [new ArrayBuffer(0)]],
  ])('is broken by %s', (_, change) => {
    it('and returns what was read before', async () => {
      const one = await opened(client({ webSocket: tampering(change)! }));
      one.socket.send(message('echo', 1));
      await over(one);
      expect(one.log.filter((line) => line !== message('echo', 1))).toEqual([
        'open',
        'error stream-broken',
        'close 1006  false',
      ]);
    });
  });
});

function flipped(data: ArrayBuffer): ArrayBuffer {
  const bytes = new Uint8Array(data.slice(0));
  bytes[bytes.length - 1]! ^= 1;
  return bytes.buffer;
}
