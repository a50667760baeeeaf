import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MemoryStore } from 'express-session';
import type { Server, WebSocket } from 'ws';
import { Encrypted, MemoryReplayGuard, type E2eOptions } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { json, type Channel } from '../../external/conformance/channel.js';
import { stopTimers, until } from '../../support/clock.js';
import { onEachPlatform, TestApp, useApp, type PlatformName } from '../e2e/support/apps.js';
import { COOKIE_SECRET, SECRET, SessionController, useOwnSession } from '../e2e/support/sessions.js';
import { liveGateway, seen } from './support/gateway.js';
import { SocketPeer } from './support/peer.js';
import { breakings } from './support/rows.js';
import { viewOf } from './support/stores.js';

const Live = liveGateway('/live', Encrypted());
const MAX_BODY = 10_000;
const MAX_BUFFERED = 200_000;
const SESSION_ENDED = 'end 4401 ';

const serve = (platform: PlatformName, e2e: E2eOptions = {}, own = false): Promise<TestApp> =>
  TestApp.start(platform, {
    controllers: [SessionController],
    providers: [Live],
    e2e: { streamCheckInterval: 40, ...e2e },
    configure: async (nest) => {
      if (own) await useOwnSession(nest, platform);
      nest.useWebSocketAdapter(new E2eWsAdapter(nest));
    },
  });

const at = (app: TestApp, { jar }: Channel['visitor']) => Object.assign(app.visitor(), { jar: jar.clone() });
const act = async (channel: Channel, what: string): Promise<void> => {
  expect((await channel.request('POST', `/session/${what}`, json({ note: 'x' }))).status).toBeLessThan(300);
};
const ENDINGS = ['destroy', 'regenerate', 'revoke', 'login'];

beforeEach(() => void (seen.length = 0));

onEachPlatform('A sealed socket ends with its session', (platform) => {
  describe.each([
    ['of the module', false],
    ['of the application', true],
  ])('%s', (_, own) => {
    let app: TestApp;
    beforeEach(async () => {
      app = await serve(platform, own ? { secret: SECRET } : {}, own);
    });
    afterEach(() => app.close());

    it('by every way in which that ends, and by no other request', async () => {
      for (const what of ENDINGS) {
        const channel = await app.visitor().handshake('X25519');
        await act(channel, 'notes');
        const peer = await SocketPeer.open(channel);
        const stranger = await SocketPeer.open(await app.visitor().handshake('X25519'));
        await act(channel, 'notes');
        expect(await peer.ask('echo', what)).toEqual({ event: 'echo', data: what });
        await act(channel, what);
        await peer.over();
        expect([what, peer.read.at(-1), peer.closed]).toEqual([what, SESSION_ENDED, 1000]);
        expect(await stranger.ask('echo', 1)).toEqual({ event: 'echo', data: 1 });
        stranger.raw.terminate();
      }
    });

    it('by KeyService, which takes a socket for its request', async () => {
      const channel = await app.visitor().handshake('X25519');
      const peer = await SocketPeer.open(channel);
      peer.send(JSON.stringify({ event: 'revoke' }));
      await peer.over();
      expect(peer.read).toEqual([SESSION_ENDED]);
      expect((await SocketPeer.open(channel)).refusal).toContain('handshake-required');
    });
  });

  it('where another server ended that, soon', async () => {
    const [store, replayGuard] = [new MemoryStore(), new MemoryReplayGuard()];
    const start = (each: MemoryStore): Promise<TestApp> =>
      serve(platform, { session: { store: each, secret: COOKIE_SECRET }, secret: SECRET, replayGuard });
    const [one, other] = [await start(store), await start(viewOf(store))];
    for (const what of ENDINGS) {
      const channel = await one.visitor().handshake('X25519');
      await act(channel, 'notes');
      const peer = await SocketPeer.open(channel, { visitor: at(other, channel.visitor) });
      await act(channel, what);
      await peer.over();
      expect([what, peer.read]).toEqual([what, [SESSION_ENDED]]);
    }
    await Promise.all([one.close(), other.close()]);
  });

  it('and without cookies with its channel', async () => {
    const app = await serve(platform, { session: 'channel' });
    const channel = await app.visitor().handshake('X25519');
    const peer = await SocketPeer.open(channel);
    expect(await peer.ask('channel')).toEqual({ event: 'channel', data: channel.kid });
    peer.send(JSON.stringify({ event: 'revoke' }));
    await peer.over();
    expect(peer.read.at(-1)).toBe(SESSION_ENDED);
    await app.close();
  });

  it('and with the application, which does not wait for it', async () => {
    const app = await serve(platform, { shutdownTimeout: 60_000 });
    const peer = await SocketPeer.open(await app.visitor().handshake('X25519'));
    await app.nest.close();
    expect(peer.read).toEqual(['end 1001 ']);
    await app.close();
  });
});

onEachPlatform('A sealed socket', (platform) => {
  const app = useApp(platform, {
    providers: [Live],
    e2e: { maxBodySize: MAX_BODY },
    configure: (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest, { maxBuffered: MAX_BUFFERED })),
  });
  afterEach(() => void jest.useRealTimers());
  const open = async (): Promise<SocketPeer> => SocketPeer.open(await app().visitor().handshake('X25519'));
  const clients = (): WebSocket[] => [...(app().get(Live) as { server: Server }).server.clients];
  const ECHO = JSON.stringify({ event: 'echo' });

  it.each(breakings(ECHO, JSON.stringify({ event: 'silent' }), MAX_BODY))(
    'is broken by %s, and no handler runs',
    async (_, act) => {
      const [peer, other, bystander] = [await open(), await open(), await open()];
      seen.length = 0;
      act(peer, other);
      await peer.over();
      await until(() => seen.includes('disconnected'));
      const lines = seen.filter((line) => line !== 'silent');
      expect(lines.filter((line) => line.startsWith('error')).length).toBeLessThan(2);
      expect(lines.filter((line) => !line.startsWith('error')).sort()).toEqual(['closed 1006 ', 'disconnected']);
      expect(await bystander.ask('echo', 1)).toEqual({ event: 'echo', data: 1 });
      for (const each of [other, bystander]) each.raw.terminate();
    },
  );

  it('takes a message that is just as long as the limit', async () => {
    const peer = await open();
    peer.raw.send(peer.seal(0, Buffer.alloc(MAX_BODY - 1)));
    await until(() => peer.read.length > 0);
    expect(peer.read[0]).toHaveLength(2 * MAX_BODY);
    peer.raw.terminate();
  });

  it('is ended where the application sends more than a message may be', async () => {
    const peer = await open();
    peer.send(JSON.stringify({ event: 'long', data: { bytes: MAX_BODY + 1 } }));
    await peer.over();
    expect(peer.read).toEqual(['end 1009 ']);
  });

  it('discards what comes after it was ended', async () => {
    const peer = await open();
    peer.answers = false;
    seen.length = 0;
    peer.send(JSON.stringify({ event: 'bye' }));
    await until(() => peer.read.length > 0);
    peer.send(ECHO);
    await peer.close(3001);
    await until(() => seen.includes('disconnected'));
    expect(seen.sort()).toEqual(['closed 3001 ', 'disconnected']);
  });

  it('has not ended in order where its end is not answered in ten seconds', async () => {
    const peer = await open();
    peer.answers = false;
    seen.length = 0;
    const advance = stopTimers();
    peer.send(JSON.stringify({ event: 'bye' }));
    await until(() => peer.read.length > 0);
    expect(peer.read).toEqual(['end 3001 as asked']);
    advance(9999);
    expect(peer.closed).toBeUndefined();
    advance(1);
    await peer.over();
    await until(() => seen.includes('disconnected'));
    expect(seen).toContain('closed 1006 ');
  });

  it('is cut off where its client reads too slowly', async () => {
    await until(() => clients().length === 0);
    const peer = await open();
    seen.length = 0;
    const [client] = clients();
    peer.raw.pause();
    const chunk = Buffer.alloc(MAX_BODY);
    let sent = 0;
    // The kernel takes some megabytes before anything waits.
    for (; client!.readyState === client!.OPEN && sent < 100_000; sent++) {
      client!.send(chunk);
      if (sent % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(client!.readyState).not.toBe(client!.OPEN);
    await until(() => seen.includes('disconnected'));
    expect(seen).toContain('closed 1006 ');
    peer.raw.terminate();
  });

  it('is closing from the moment that it is cut off', async () => {
    await until(() => clients().length === 0);
    const peer = await open();
    seen.length = 0;
    const [client] = clients();
    client!.terminate();
    expect(client!.readyState).toBe(client!.CLOSING);
    await until(() => seen.includes('disconnected'));
    client!.terminate();
    expect(client!.readyState).toBe(client!.CLOSED);
    await peer.over();
  });

  it('is cut off also where only pongs wait for its client', async () => {
    await until(() => clients().length === 0);
    const peer = await open();
    seen.length = 0;
    const [client] = clients();
    peer.raw.pause();
    const payload = Buffer.alloc(125);
    for (let sent = 0; client!.readyState === client!.OPEN && sent < 1_000_000; sent++) {
      peer.raw.ping(payload);
      if (sent % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(client!.readyState).not.toBe(client!.OPEN);
    await until(() => seen.includes('disconnected'));
    expect(seen).toContain('closed 1006 ');
    peer.raw.terminate();
  });
});
