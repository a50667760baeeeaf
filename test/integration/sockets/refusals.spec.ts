import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { connect, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import { WebSocket, type Server } from 'ws';
import { Encrypted } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { search, type Channel } from '../../external/conformance/channel.js';
import { stopTimers, until } from '../../support/clock.js';
import { onEachPlatform, useApp, type TestApp } from '../e2e/support/apps.js';
import { liveGateway, seen } from './support/gateway.js';
import { SocketPeer, type Opening } from './support/peer.js';
import { refusedOpenings } from './support/rows.js';

const Live = liveGateway('/live', Encrypted());
const Other = liveGateway('/other', Encrypted());

const NO_TRACE: string[] = [];
const problem = (name: string): unknown => expect.stringContaining(`"type":"urn:e2e:problem:${name}"`);
const MAX_WAITING = 6;
const MAX_PER_ADDRESS = 4;

/** How a peer was turned away: what the one message says, and the code of the close. */
async function outcomeOf(channel: Channel, opening: Opening): Promise<[unknown, number | undefined]> {
  const peer = await SocketPeer.open(channel, opening);
  await peer.over();
  return [peer.refusal, peer.closed];
}

function asking(subprotocols: string | undefined): string {
  const asked = subprotocols === undefined ? '' : `Sec-WebSocket-Protocol: ${subprotocols}\r\n`;
  return (
    'GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
    `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${asked}\r\n`
  );
}

/** The status line of the answer to an upgrade that asks for these subprotocols. */
function upgrade(app: TestApp, subprotocols: string | undefined): Promise<string> {
  const { port } = new URL(app.url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), '127.0.0.1', () => {
      socket.write(asking(subprotocols));
    });
    socket.on('data', (chunk) => {
      answer += chunk.toString();
      if (answer.includes('\r\n\r\n')) socket.destroy();
    });
    socket.on('close', () => resolve(answer.split('\r\n', 1)[0]!));
  });
}

onEachPlatform('A sealed gateway turns away', (platform) => {
  const app = useApp(platform, {
    providers: [Live, Other],
    e2e: { allowPlainJwe: true },
    configure: (nest) =>
      nest.useWebSocketAdapter(
        new E2eWsAdapter(nest, { maxWaiting: MAX_WAITING, maxWaitingPerAddress: MAX_PER_ADDRESS }),
      ),
  });
  const server = (): Server => app().get(Live).server;
  beforeEach(async () => {
    await until(() => server().clients.size === 0);
    seen.length = 0;
  });
  afterEach(() => void jest.useRealTimers());

  it.each([undefined, 'v1', 'e2e.1, v1', 'v1, e2e.1', 'e2e.2', 'E2E.1'])(
    'an upgrade that asks for the subprotocol %p',
    async (subprotocols) => {
      expect(await upgrade(app(), subprotocols)).toBe('HTTP/1.1 400 Bad Request');
      expect(seen).toEqual(NO_TRACE);
    },
  );

  it('takes one that asks for e2e.1 alone', async () => {
    expect(await upgrade(app(), 'e2e.1')).toBe('HTTP/1.1 101 Switching Protocols');
  });

  it.each(refusedOpenings('/live', '/other'))('%s, in the clear', async (_, opening, name, code) => {
    const channel = await app().visitor().handshake('X25519');
    expect(await outcomeOf(channel, opening)).toEqual([problem(name), code]);
    expect(seen).toEqual(NO_TRACE);
  });

  it('any flipped bit of a head', async () => {
    const channel = await app().visitor().handshake('X25519');
    const { jwe } = channel.message('GET', '/live', undefined, { frames: 'socket' });
    for (let at = 3; at < jwe.length; at += 97) {
      const changed = jwe.slice(0, at) + (jwe[at] === 'A' ? 'B' : 'A') + jwe.slice(at + 1);
      const [refusal, code] = await outcomeOf(channel, { first: changed });
      expect([refusal, code]).toEqual([expect.stringMatching(/^\{/), expect.any(Number)]);
      expect([4400, 4428]).toContain(code);
    }
    expect(seen).toEqual(NO_TRACE);
  });

  it('a head on another session, and without the cookie', async () => {
    const channel = await app().visitor().handshake('X25519');
    const other = await app().visitor().handshake('X25519');
    for (const Cookie of [String(other.visitor.jar), 'a=b']) {
      const outcome = await outcomeOf(channel, { headers: { Cookie } });
      expect(outcome).toEqual([problem('handshake-required'), 4428]);
    }
    expect(seen).toEqual(NO_TRACE);
  });

  it('a head that was seen before, sealed; and a stale one', async () => {
    const channel = await app().visitor().handshake('X25519');
    const { jwe } = channel.message('GET', '/live', undefined, { frames: 'socket', seq: 7 });
    const first = SocketPeer.begin(channel, { first: jwe });
    await until(() => seen.length > 0);
    first.raw.terminate();
    await until(() => seen.includes('disconnected'));
    seen.length = 0;

    const [refusal, code] = await outcomeOf(channel, { members: { seq: 7 } });
    expect([refusal, code]).toEqual([
      expect.stringContaining('sealed {"type":"urn:e2e:problem:message-replayed"'),
      4409,
    ]);
    const stale = await outcomeOf(channel, { members: { iat: Math.floor(Date.now() / 1000) - 400 } });
    expect(stale).toEqual([expect.stringContaining('sealed {"type":"urn:e2e:problem:message-stale"'), 4400]);
    expect(seen).toEqual(NO_TRACE);
  });

  it('a message of an HTTP request as a head, and a head as an HTTP request', async () => {
    const channel = await app().visitor().handshake('X25519');
    const request = channel.message('GET', '/live', search('a=1'));
    expect(await outcomeOf(channel, { first: request.jwe })).toEqual([problem('message-rejected'), 4400]);
    const head = channel.message('GET', '/live', undefined, { frames: 'socket' });
    const reply = await channel.post(head, { at: 'header' });
    expect([reply.status, reply.body]).toEqual([400, problem('message-rejected')]);
    expect(seen).toEqual(NO_TRACE);
  });

  it('plain HTTP at its path', async () => {
    for (const target of ['/live', '/live?a=1', '/live/']) {
      for (const method of ['GET', 'POST']) {
        const reply = await app().visitor().send({ method, target });
        expect([target, method, reply.status, reply.body]).toEqual([target, method, 415, problem('message-required')]);
      }
    }
    expect((await app().visitor().send({ target: '/elsewhere' })).status).toBe(404);
  });

  it('a socket that says nothing for ten seconds, and which nobody saw before', async () => {
    const visitor = app().visitor();
    const channel = await visitor.handshake('X25519');
    const advance = stopTimers();
    const raw = new WebSocket(`${visitor.base.replace('http', 'ws')}/live`, ['e2e.1']);
    const read: string[] = [];
    let closed: number | undefined;
    raw.on('message', (data: Buffer) => read.push(data.toString())).on('close', (code) => (closed = code));
    await until(() => raw.readyState === WebSocket.OPEN);
    expect(server().clients.size).toBe(0);
    advance(9999);
    expect(await peerIsServed(channel)).toBe(true);
    expect(read).toEqual([]);
    advance(1);
    await until(() => closed !== undefined);
    expect([read, closed]).toEqual([[problem('message-required')], 4415]);
  });

  it('the beginning of a first message that is longer than any head', async () => {
    const raw = new WebSocket(`${app().url.replace('http', 'ws')}/live`, ['e2e.1']);
    const read: string[] = [];
    let closed: number | undefined;
    raw.on('message', (data: Buffer) => read.push(data.toString())).on('close', (code) => (closed = code));
    raw.on('open', () => raw.send('x'.repeat(200_000), { fin: false }));
    await until(() => closed !== undefined);
    expect([read, closed]).toEqual([[problem('message-rejected')], 4400]);
  });

  it('but not one with a long message right after its head', async () => {
    const channel = await app().visitor().handshake('X25519');
    const peer = await SocketPeer.open(channel, { burst: Buffer.alloc(500_000) });
    await until(() => peer.read.length > 0 || peer.closed !== undefined);
    expect(peer.read[0]).toHaveLength(2 * 500_001);
    peer.raw.terminate();
    const refused = await SocketPeer.open(channel, { burst: Buffer.alloc(500_000), members: { iat: 1 } });
    await refused.over();
    expect([refused.closed, refused.refusal]).toEqual([4400, expect.stringContaining('message-stale')]);
  });

  it('for good, a second later, who does not close', async () => {
    const http = app().nest.getHttpServer() as NetServer;
    const theirs: Socket[] = [];
    http.once('connection', (socket: Socket) => theirs.push(socket));
    const { port } = http.address() as AddressInfo;
    const advance = stopTimers();
    let answer = '';
    const own = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => own.write(asking('e2e.1')));
    own.on('data', (chunk) => (answer += chunk.toString('latin1'))).on('error', () => undefined);
    await until(() => answer.includes('\r\n\r\n'));
    advance(10_000);
    await until(() => answer.includes('message-required'));
    advance(999);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(theirs[0]!.destroyed).toBe(false);
    advance(1);
    await until(() => theirs[0]!.destroyed);
    own.destroy();
  });

  it('the one that has waited longest, where too many wait', async () => {
    const channel = await app().visitor().handshake('X25519');
    // However long this takes, none has waited for ten seconds.
    stopTimers();
    const codes: (number | undefined)[] = [];
    const waiting: WebSocket[] = [];
    for (let index = 0; index < MAX_PER_ADDRESS; index++) {
      const raw = new WebSocket(`${app().url.replace('http', 'ws')}/live`, ['e2e.1']);
      raw.on('close', (code) => (codes[index] = code));
      waiting.push(raw);
      await until(() => raw.readyState === WebSocket.OPEN);
    }
    expect(await peerIsServed(channel)).toBe(true);
    await until(() => codes[0] !== undefined);
    expect(codes).toEqual([4503]);
    expect(server().clients.size).toBe(0);
    for (const raw of waiting) raw.terminate();
  });

  async function peerIsServed(channel: Channel): Promise<boolean> {
    const peer = await SocketPeer.open(channel);
    const isServed = peer.isOpen;
    peer.raw.terminate();
    await until(() => server().clients.size === 0);
    return isServed;
  }
});
