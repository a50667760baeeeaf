import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Server, WebSocket } from 'ws';
import { E2eEvents, Encrypted, type E2eCounters, type E2eEvent } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { json } from '../../external/conformance/channel.js';
import { stopTimers, until } from '../../support/clock.js';
import { onEachPlatform, TestApp } from '../e2e/support/apps.js';
import { SessionController } from '../e2e/support/sessions.js';
import { liveGateway } from './support/gateway.js';
import { SocketPeer } from './support/peer.js';

const Live = liveGateway('/live', Encrypted());
const MAX_BODY = 10_000;
const ECHO = JSON.stringify({ event: 'echo', data: 1 });

onEachPlatform('The events of sealed sockets', (platform) => {
  const events: E2eEvent[] = [];
  let app: TestApp;
  beforeAll(async () => {
    app = await TestApp.start(platform, {
      controllers: [SessionController],
      providers: [Live],
      e2e: { maxBodySize: MAX_BODY, onEvent: (event) => void events.push(event) },
      configure: (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest, { maxBuffered: 100_000 })),
    });
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    await until(() => counters().sockets.open === 0);
    events.length = 0;
  });
  const counters = (): E2eCounters => app.get(E2eEvents).counters;
  const clients = (): Set<WebSocket> => (app.get(Live) as { server: Server }).server.clients;
  const open = async (): Promise<SocketPeer> => SocketPeer.open(await app.visitor().handshake('X25519'));
  const over = (): Promise<void> => until(() => events.some(({ type }) => /^stream-(ended|broken)$/.test(type)));

  it('tell of one from its head to its end, in order, with what went over it, and no more', async () => {
    const before = counters();
    const channel = await app.visitor().handshake('X25519');
    events.length = 0;
    const peer = await SocketPeer.open(channel, { protocols: ['canary'] });
    expect(counters().sockets.open).toBe(1);
    expect(await peer.ask('echo', 'canary')).toEqual({ event: 'echo', data: 'canary' });
    peer.send(Buffer.alloc(100));
    await until(() => peer.read.length === 2);
    await peer.close(3000, 'canary');
    await over();
    const text = JSON.stringify({ event: 'echo', data: 'canary' });
    const ms = expect.any(Number);
    // Two texts, 100 bytes and the 101 of their answer, and an end each way: a code and six bytes.
    const facts = { frames: 6, bytes: 2 * text.length + 201 + 2 * 8 };
    expect(events.filter(({ type }) => type !== 'key-pool')).toEqual([
      { type: 'window', claim: 'new', ms },
      { type: 'opened', kind: 'X25519', alg: 'dir', bytes: expect.any(Number), ms },
      { type: 'sealed', status: 101, bytes: 0, ms },
      { type: 'stream-opened', direction: 'socket' },
      { type: 'stream-ended', direction: 'socket', ...facts, ms, cause: 'client' },
    ]);
    expect(JSON.stringify(events)).not.toMatch(new RegExp(`canary|live|${channel.kid}`));
    const after = counters();
    expect(after.sockets).toEqual({
      open: 0,
      messages: before.sockets.messages + facts.frames,
      bytes: before.sockets.bytes + facts.bytes,
      causes: { ...before.sockets.causes, client: (before.sockets.causes.client ?? 0) + 1 },
    });
    expect(after.streams.socket.opened).toBe(before.streams.socket.opened + 1);
  });

  it('tell of a refusal, and count no socket for it', async () => {
    const before = counters();
    const channel = await app.visitor().handshake('X25519');
    events.length = 0;
    await (await SocketPeer.open(channel, { members: { target: '/other' } })).over();
    await (await SocketPeer.open(channel, { first: Buffer.alloc(1) })).over();
    expect(events).toEqual([
      { type: 'refused', problem: 'message-rejected', step: expect.any(String) },
      { type: 'refused', problem: 'message-required' },
    ]);
    expect(counters().streams.socket).toEqual(before.streams.socket);
  });

  describe('say why one ended', () => {
    it.each<[string, 'ended' | 'broken', (peer: SocketPeer) => unknown]>([
      ['application', 'ended', (peer) => peer.send(JSON.stringify({ event: 'bye' }))],
      ['application', 'broken', () => clients().forEach((client) => client.terminate())],
      ['application', 'ended', (peer) => peer.send(JSON.stringify({ event: 'long', data: { bytes: MAX_BODY + 1 } }))],
      ['session', 'ended', (peer) => peer.send(JSON.stringify({ event: 'revoke' }))],
      ['message', 'broken', (peer) => peer.raw.send(Buffer.alloc(40))],
      ['message', 'broken', (peer) => peer.raw.send(ECHO)],
      ['message', 'broken', (peer) => peer.raw.send(peer.seal(0, Buffer.alloc(MAX_BODY + 1)))],
      ['cut', 'broken', (peer) => peer.raw.terminate()],
      ['cut', 'broken', (peer) => peer.raw.close(1000)],
      [
        'slow',
        'broken',
        (peer) => {
          peer.raw.pause();
          const chunk = Buffer.alloc(MAX_BODY);
          for (const client of clients()) while (client.readyState === client.OPEN) client.send(chunk);
        },
      ],
    ])('%s, %s', async (cause, type, act) => {
      const before = counters().sockets.causes[cause as 'cut'] ?? 0;
      const peer = await open();
      act(peer);
      await over();
      expect(events.filter((event) => event.type.startsWith('stream-'))).toEqual([
        { type: 'stream-opened', direction: 'socket' },
        expect.objectContaining({ type: `stream-${type}`, direction: 'socket', cause }),
      ]);
      expect(counters().sockets).toMatchObject({ open: 0, causes: { [cause]: before + 1 } });
      peer.raw.terminate();
    });

    it('application, broken, where its end is not answered', async () => {
      const peer = await open();
      peer.answers = false;
      const advance = stopTimers();
      peer.send(JSON.stringify({ event: 'bye' }));
      await until(() => peer.read.length > 0);
      advance(10_000);
      await over();
      jest.useRealTimers();
      expect(events.at(-1)).toMatchObject({ type: 'stream-broken', cause: 'application' });
    });

    it('session, with a logout by HTTP; and the first cause counts', async () => {
      const channel = await app.visitor().handshake('X25519');
      const peer = await SocketPeer.open(channel);
      peer.answers = false;
      await channel.request('POST', '/session/destroy', json({}));
      await until(() => peer.read.length > 0);
      peer.raw.terminate();
      await over();
      expect(events.at(-1)).toMatchObject({ type: 'stream-broken', cause: 'session' });
    });

    it('closing', async () => {
      const told: E2eEvent[] = [];
      const other = await TestApp.start(platform, {
        providers: [Live],
        e2e: { onEvent: (event) => void told.push(event) },
        configure: (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest)),
      });
      const peer = await SocketPeer.open(await other.visitor().handshake('X25519'));
      await other.nest.close();
      expect(peer.read).toEqual(['end 1001 ']);
      expect(told.at(-1)).toMatchObject({ type: 'stream-ended', cause: 'closing' });
      await other.close();
    });
  });
});
