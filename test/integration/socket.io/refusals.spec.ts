import { afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { WebSocket } from 'ws';
import { Encrypted } from '../../../src/index.js';
import { E2eIoAdapter } from '../../../src/socket.io/index.js';
import { freePort } from '../../support/free-port.js';
import { stopTimers, until } from '../../support/clock.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { SocketPeer } from '../sockets/support/peer.js';
import { breakings, refusedOpenings } from '../sockets/support/rows.js';
import { clientOf, connected, plainClient, sealedClient } from './support/clients.js';
import { ioGateway, seen, type LiveGateway } from './support/gateway.js';
import { connectPeer, event, TARGET } from './support/peer.js';

const NO_TRACE: string[] = [];
const MAX_BODY = 10_000;
const MAX_BUFFERED = 200_000;
/** Messages: far more than a kernel takes for one socket. */
const MAX_SENT = 5000;
const problem = (name: string): unknown => expect.stringContaining(`"type":"urn:e2e:problem:${name}"`);
const Live = ioGateway({}, Encrypted());

onEachPlatform('A sealed gateway of socket.io turns away', (platform) => {
  let port = 0;
  beforeAll(async () => {
    port = await freePort();
  });
  const app = useApp(platform, () => ({
    providers: [Live, ioGateway({ port, path: '/far' }, Encrypted())],
    e2e: { maxBodySize: MAX_BODY },
    configure: (nest) => nest.useWebSocketAdapter(new E2eIoAdapter(nest, { maxBuffered: MAX_BUFFERED })),
  }));
  const server = () => app().get<LiveGateway>(Live).server;
  const handshake = () => app().visitor().handshake('X25519');
  beforeEach(async () => {
    await until(() => server().engine.clientsCount === 0);
    seen.length = 0;
  });
  afterEach(() => void jest.useRealTimers());

  it.each(refusedOpenings(TARGET, '/other'))('%s, in the clear', async (_, opening, name, code) => {
    const peer = await SocketPeer.open(await handshake(), { target: TARGET, ...opening });
    await peer.over();
    expect([peer.refusal, peer.closed]).toEqual([problem(name), code]);
    expect([seen, server().engine.clientsCount]).toEqual([NO_TRACE, 0]);
  });

  it.each(breakings(event('echo', 1), event('silent'), MAX_BODY))(
    'whoever breaks its socket by %s, and no handler runs',
    async (_, act) => {
      const [peer, other, bystander] = [
        await connectPeer(await handshake()),
        await connectPeer(await handshake()),
        await connectPeer(await handshake()),
      ];
      seen.length = 0;
      act(peer, other);
      await peer.over();
      await until(() => seen.includes('disconnected'));
      expect(seen.filter((line) => line !== 'silent')).toEqual(['disconnected']);
      bystander.send(`420${JSON.stringify(['echo', 1])}`);
      await until(() => bystander.read.length > 0);
      expect(bystander.read).toEqual(['430[1]']);
      for (const each of [other, bystander]) each.raw.terminate();
    },
  );

  it.each([
    ['an Engine.IO of another version', '/socket.io/?EIO=3&transport=websocket'],
    ['no Engine.IO', '/socket.io/'],
    ['polling', '/socket.io/?EIO=4&transport=polling'],
    ['a connection that is not its own', '/socket.io/?EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA'],
  ])('a sealed socket that asks for %s, sealed', async (_, target) => {
    const peer = await SocketPeer.open(await handshake(), { target });
    await peer.over();
    expect(peer.read).toEqual([expect.stringMatching(/^end 1008 /)]);
    expect([seen, server().engine.clientsCount]).toEqual([NO_TRACE, 0]);
  });

  it('whoever would go on with the connection of another session', async () => {
    const victim = await SocketPeer.open(await handshake(), { target: TARGET });
    await until(() => victim.read.length > 0);
    const { sid } = JSON.parse(victim.read[0]!.slice(1)) as { sid: string };
    const thief = await SocketPeer.open(await handshake(), { target: `${TARGET}&sid=${sid}` });
    await thief.over();
    expect(thief.read).toEqual([expect.stringMatching(/^end 1008 /)]);
    for (const method of ['GET', 'POST']) {
      const target = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
      const reply = await app().visitor().send({ method, target });
      expect([reply.status, reply.body]).toEqual([415, problem('message-required')]);
    }
    expect(victim.closed).toBeUndefined();
    victim.raw.terminate();
  });

  it('polling, and all that is plain HTTP at its path', async () => {
    for (const target of [
      '/socket.io/',
      '/socket.io',
      '/socket.io/?EIO=4&transport=polling',
      '/socket.io/socket.io.js',
    ]) {
      for (const method of ['GET', 'POST']) {
        const reply = await app().visitor().send({ method, target });
        expect([target, reply.status, reply.body]).toEqual([target, 415, problem('message-required')]);
      }
    }
    expect((await app().visitor().send({ target: '/socket.iox' })).status).toBe(404);
  });

  it('a client in the clear, whatever its transport', async () => {
    for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
      const plain = await connected(plainClient(app().url, '/socket.io', { transports, reconnection: false }));
      expect(plain.log).toEqual([expect.stringMatching(/^connect_error /)]);
      plain.socket.disconnect();
    }
    expect(seen).toEqual(NO_TRACE);
  });

  it('nobody with a head at a port of its own, and everybody else', async () => {
    const url = `http://127.0.0.1:${port}`;
    const response = await fetch(`${url}/far/?EIO=4&transport=polling`);
    expect([response.status, await response.text()]).toEqual([415, problem('message-required')]);
    const channel = await handshake();
    const peer = await SocketPeer.open(channel, {
      target: TARGET.replace('/socket.io', '/far'),
      visitor: Object.assign(app().visitor(), { base: url, jar: channel.visitor.jar }),
    });
    expect(peer.isOpen).toBe(true);
    peer.raw.terminate();
  });

  it('a socket that says nothing for ten seconds, which hears no broadcast', async () => {
    const live = await connectPeer(await handshake());
    const advance = stopTimers();
    const raw = new WebSocket(app().url.replace('http', 'ws') + TARGET, ['e2e.1']);
    const read: string[] = [];
    raw.on('message', (data: Buffer) => read.push(data.toString())).on('close', (code) => read.push(String(code)));
    await until(() => raw.readyState === WebSocket.OPEN);
    expect(server().engine.clientsCount).toBe(1);
    server().emit('said', 'to everybody');
    await until(() => live.read.length > 0);
    advance(9999);
    expect(read).toEqual([]);
    advance(1);
    await until(() => read.length === 2);
    expect(read).toEqual([problem('message-required'), '4415']);
    live.raw.terminate();
  });

  it('a client that reads too slowly, whatever waits for it in engine.io', async () => {
    const peer = await connectPeer(await handshake());
    peer.raw.pause();
    const chunk = 'x'.repeat(MAX_BODY - 100);
    let sent = 0;
    // The kernel takes some megabytes before anything waits, and of what waits here `ws` has one message.
    for (; server().engine.clientsCount > 0 && sent < MAX_SENT; sent++) {
      server().emit('said', chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeLessThan(MAX_SENT);
    await until(() => seen.includes('disconnected'));
    peer.raw.terminate();
  });

  it('nobody for a message that is just as long as the limit, and ends where the application sends a longer one', async () => {
    const client = sealedClient(clientOf(app()), app().url, { reconnection: false });
    await connected(client);
    const text = 'x'.repeat(MAX_BODY - '420["echo",""]'.length);
    expect(await client.socket.emitWithAck('echo', text)).toBe(text);
    client.socket.emit('long', MAX_BODY);
    await until(() => client.log.length > 1);
    expect(client.log).toEqual(['connect', 'disconnect transport close']);
  });
});
