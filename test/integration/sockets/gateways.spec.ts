import { beforeEach, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { Encrypted } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { until } from '../../support/clock.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { liveGateway, seen, type LiveGateway } from './support/gateway.js';
import { SocketPeer } from './support/peer.js';

const Sealed = liveGateway('/live', Encrypted());
const Plain = liveGateway('/plain');

/** A socket in the clear, as `SocketPeer` is a sealed one. */
class PlainPeer {
  readonly read: string[] = [];
  closed: number | undefined;

  private constructor(readonly raw: WebSocket) {
    raw.on('message', (data: Buffer, isBinary: boolean) => this.read.push(data.toString(isBinary ? 'hex' : 'utf8')));
    raw.on('close', (code, reason) => {
      this.read.push(`end ${code === 1005 ? '' : code} ${reason.toString()}`);
      this.closed = code;
    });
  }

  static async open(url: string, protocols: readonly string[] = []): Promise<PlainPeer> {
    const peer = new PlainPeer(new WebSocket(`${url.replace('http', 'ws')}/plain`, [...protocols]));
    await until(() => peer.raw.readyState === WebSocket.OPEN);
    return peer;
  }

  get protocol(): string {
    return this.raw.protocol;
  }

  send(data: string | Buffer): void {
    this.raw.send(data);
  }

  close(code?: number, reason?: string): void {
    this.raw.close(code, reason);
  }
}

type Peer = PlainPeer | SocketPeer;
const MARK = JSON.stringify({ event: 'echo', data: 'mark' });

/** What comes before the answer to the last message, or until the socket is closed. */
async function answersTo(peer: Peer, messages: readonly (string | Buffer)[]): Promise<string[]> {
  const from = peer.read.length;
  for (const message of messages) peer.send(message);
  peer.send(MARK);
  await until(() => peer.read.includes(MARK, from) || peer.closed !== undefined);
  return peer.read.slice(from);
}

const message = (event: string, data?: unknown): string => JSON.stringify({ event, data });

onEachPlatform('A sealed gateway', (platform) => {
  const app = useApp(platform, {
    providers: [Sealed, Plain],
    configure: (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest)),
  });
  beforeEach(() => void (seen.length = 0));

  const open = async (more: { protocols?: readonly string[] } = {}): Promise<SocketPeer> =>
    SocketPeer.open(await app().visitor().handshake('X25519'), more);

  it.each<[string, (string | Buffer)[]]>([
    ['an echo', [message('echo', { text: 'gr\u00fc\u00dfe', list: [1, null] })]],
    ['nothing where the handler returns nothing', [message('silent'), message('silent')]],
    ['each value of an Observable', [message('many')]],
    ['a promise of an Observable', [message('later', 1)]],
    ['a DTO with its pipe', [message('note', { text: 'short' })]],
    ['a failed validation, by the filter', [message('note', { text: 'x'.repeat(21) }), message('note', {})]],
    ['a guard that lets in, and one that does not', [message('guarded', {}), message('guarded', { forbidden: true })]],
    ['an interceptor', [message('wrapped', { a: 1 })]],
    ['a WsException', [message('throw')]],
    ['an event that nobody knows, and what is no JSON', [message('unknown'), 'no JSON', '[]', '""']],
    ['bytes', [Buffer.of(0, 1, 2), Buffer.alloc(0), Buffer.alloc(1000, 7)]],
    ['bytes and text of every kind that the library sends', [message('binary')]],
    ['many messages, in their order', Array.from({ length: 50 }, (_, index) => message('echo', index))],
    ['a long text', [message('echo', 'x'.repeat(100_000))]],
    ['a close, with its code and reason', [message('bye')]],
  ])('answers as the same one in the clear: %s', async (_, messages) => {
    const plain = await PlainPeer.open(app().url);
    // Nest runs handlers side by side: the answers of two have no order.
    const expected = (await answersTo(plain, messages)).sort();
    const sealed = await open();
    expect((await answersTo(sealed, messages)).sort()).toEqual(expected);
    plain.raw.terminate();
    sealed.raw.terminate();
  });

  it('sees the same of its clients’ coming and going as in the clear', async () => {
    const story = async (peer: Peer, leave: () => unknown): Promise<string[]> => {
      await answersTo(peer, []);
      await leave();
      await until(() => seen.includes('disconnected') && seen.some((line) => line.startsWith('closed')));
      return [...seen.splice(0)].sort();
    };
    for (const [code, reason] of [
      [undefined, ''],
      [1000, ''],
      [3000, 'gr\u00fc\u00dfe'],
      [4999, 'bye'],
    ] as const) {
      const plain = await PlainPeer.open(app().url, ['v1', 'v2']);
      const inTheClear = await story(plain, () => plain.close(code, reason));
      const sealed = await open({ protocols: ['v1', 'v2'] });
      expect(await story(sealed, () => sealed.close(code, reason))).toEqual(inTheClear);
      expect(sealed.protocol).toBe(plain.protocol);
      expect(sealed.closed).toBe(1000);
    }
    const plain = await PlainPeer.open(app().url);
    const inTheClear = await story(plain, () => plain.raw.terminate());
    const sealed = await open();
    expect(await story(sealed, () => sealed.raw.terminate())).toEqual(inTheClear);
  });

  it('broadcasts to every sealed socket, and nothing of it is in the clear on the wire', async () => {
    const canary = `canary-${platform}-6f1d`;
    const gateway = app().get(Sealed);
    await until(() => gateway.server.clients.size === 0);
    const peers = [await open(), await open()];
    expect(gateway.server.clients.size).toBe(2);
    app().tap.clear();
    peers[0]!.send(message('say', canary));
    await until(() => peers.every(({ read }) => read.length > 0));
    for (const { read } of peers) expect(read).toEqual([JSON.stringify({ event: 'said', data: canary })]);
    expect(app().tap.text).not.toContain(canary);

    const plain = await PlainPeer.open(app().url);
    plain.send(message('say', canary));
    await until(() => plain.read.length > 0);
    expect(app().tap.text).toContain(canary);
    for (const peer of [...peers, plain]) peer.raw.terminate();
    await until(() => gateway.server.clients.size === 0);
  });

  it('gives the application nothing that writes past the frames', async () => {
    const peer = await open();
    const [client] = [...app().get(Sealed).server.clients];
    const insides = client as unknown as { _socket: unknown; _sender: unknown; _receiver: unknown };
    expect([insides._socket, insides._sender, insides._receiver]).toEqual([null, null, null]);
    expect(client).toBeInstanceOf(Object.getPrototypeOf(client!.constructor) as typeof WebSocket);
    client!.ping('canary-of-a-ping');
    client!.pong('canary-of-a-pong');
    expect(await peer.ask('echo', 1)).toEqual({ event: 'echo', data: 1 });
    expect(app().tap.text).not.toContain('canary-of-a-p');
    peer.raw.terminate();
  });

  it('keeps the order of what is sent and answered', async () => {
    const peer = await open();
    const messages = Array.from({ length: 100 }, (_, index) => message('echo', index));
    expect(await answersTo(peer, messages)).toEqual([...messages, MARK]);
    peer.raw.terminate();
  });

  it('knows the channel and the session of a socket', async () => {
    const channel = await app().visitor().handshake('X25519');
    const peer = await SocketPeer.open(channel);
    expect(await peer.ask('channel')).toEqual({ event: 'channel', data: channel.kid });
    const { requests } = app().get<LiveGateway>(Sealed);
    expect((requests.at(-1) as { session?: unknown }).session).toBeDefined();
    peer.raw.terminate();
  });
});
