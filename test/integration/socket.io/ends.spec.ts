import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MemoryStore } from 'express-session';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { E2eEvents, Encrypted, MemoryReplayGuard, type E2eOptions } from '../../../src/index.js';
import type { E2eClient } from '../../../src/client/index.js';
import { E2eIoAdapter } from '../../../src/socket.io/index.js';
import { json, type Channel } from '../../external/conformance/channel.js';
import { stopTimers, until } from '../../support/clock.js';
import { onEachPlatform, TestApp, useApp, type PlatformName } from '../e2e/support/apps.js';
import { CANARY } from '../e2e/support/raw.js';
import { COOKIE_SECRET, SECRET, SessionController, useOwnSession } from '../e2e/support/sessions.js';
import { viewOf } from '../sockets/support/stores.js';
import { clientOf, connected, listen, sealedClient, type IoClient } from './support/clients.js';
import { ioGateway, seen, type LiveGateway } from './support/gateway.js';
import { connectPeer, event } from './support/peer.js';

const Live = ioGateway({}, Encrypted());
const Chat = ioGateway({ namespace: 'chat' }, Encrypted());
const ENDINGS = ['destroy', 'regenerate', 'revoke', 'login'];
/** The events that a client receives in each namespace, and from its socket. */
const SESSION_ENDED = ['41', 'end 4401 '];

const serve = (platform: PlatformName, e2e: E2eOptions = {}, own = false): Promise<TestApp> =>
  TestApp.start(platform, {
    controllers: [SessionController],
    providers: [Live, Chat],
    e2e: { streamCheckInterval: 40, ...e2e },
    configure: async (nest) => {
      if (own) await useOwnSession(nest, platform);
      nest.useWebSocketAdapter(new E2eIoAdapter(nest));
    },
  });

const note = { method: 'POST', body: '{"note":"x"}', headers: { 'content-type': 'application/json' } };
const act = async (client: E2eClient, what: string): Promise<void> => {
  expect((await client.fetch(`session/${what}`, note)).status).toBeLessThan(300);
};
const actBy = async (channel: Channel, what: string): Promise<void> => {
  expect((await channel.request('POST', `/session/${what}`, json({ note: 'x' }))).status).toBeLessThan(300);
};
const ask = async ({ socket }: IoClient, name: string, data: unknown = 1): Promise<unknown> =>
  socket.timeout(5000).emitWithAck(name, data);

const throwAtEnd = (socket: LiveGateway['sockets'][number]): void =>
  void socket.on('disconnecting', () => {
    throw new Error(CANARY);
  });

beforeEach(() => void (seen.length = 0));

onEachPlatform('A sealed socket of socket.io ends with its session', (platform) => {
  describe.each([
    ['of the module', false],
    ['of the application', true],
  ])('%s', (_, own) => {
    let app: TestApp;
    beforeEach(async () => {
      app = await serve(platform, own ? { secret: SECRET } : {}, own);
    });
    afterEach(async () => {
      jest.useRealTimers();
      await app.close();
    });

    it('by every way in which that ends, in each namespace, and does not connect again by itself', async () => {
      const stranger = await connected(sealedClient(clientOf(app), app.url));
      for (const what of ENDINGS) {
        const client = clientOf(app);
        await act(client, 'notes');
        const one = await connected(sealedClient(client, app.url, { reconnectionDelay: 1 }));
        const chat = await connected(listen(one.socket.io.socket('/chat')));
        expect(await ask(one, 'whoami')).toEqual({ notes: ['x'] });
        await act(client, 'notes');
        await ask(one, 'join', 'a room');
        await act(client, what);
        await until(() => one.log.length > 1 && chat.log.length > 1);
        for (const { log, socket } of [one, chat]) {
          expect([what, log, socket.active]).toEqual([what, ['connect', 'disconnect io server disconnect'], false]);
        }
        await until(() => app.get<LiveGateway>(Live).server.engine.clientsCount === 1);

        // Asked to, it opens on the session that there is now, with nothing of the last one.
        one.socket.connect();
        await until(() => one.log.length > 2);
        expect(one.log.at(-1)).toBe('connect');
        expect(one.socket.recovered).toBeFalsy();
        expect(app.get<LiveGateway>(Live).server.of('/').adapter.rooms.has('a room')).toBe(false);
        if (what === 'destroy') expect(await ask(one, 'whoami')).toEqual({ notes: null });
        one.socket.disconnect();
      }
      expect(await ask(stranger, 'echo', 1)).toBe(1);
      stranger.socket.disconnect();
    });

    it('where listeners of the application throw, in each namespace and each connection of the session', async () => {
      // The next look at the store is not waited for.
      stopTimers();
      const client = clientOf(app);
      await act(client, 'notes');
      const [one, two] = [sealedClient(client, app.url), sealedClient(client, app.url)];
      const all = [one, two, listen(one.socket.io.socket('/chat')), listen(two.socket.io.socket('/chat'))];
      for (const each of all) await connected(each);
      await until(() => seen.length === 4);
      for (const gateway of [Live, Chat]) app.get<LiveGateway>(gateway).sockets.forEach(throwAtEnd);
      await act(client, 'destroy');
      await until(() => all.every(({ log }) => log.length > 1));
      expect(all.map(({ log }) => log)).toEqual(
        Array<string[]>(4).fill(['connect', 'disconnect io server disconnect']),
      );
      await until(() => app.get<LiveGateway>(Live).server.engine.clientsCount === 0);
      expect(seen.filter((each) => each === 'disconnected')).toHaveLength(4);
      expect(app.log.ofModule.filter((line) => line.startsWith('error'))).toEqual([
        expect.stringContaining('threw when its session ended'),
      ]);
      expect(app.log.text).not.toContain(CANARY);
    });

    it('by KeyService, which takes a socket for its request', async () => {
      const client = clientOf(app);
      const one = await connected(sealedClient(client, app.url));
      one.socket.emit('revoke', 1);
      await until(() => one.log.length > 1);
      expect(one.log).toEqual(['connect', 'disconnect io server disconnect']);
    });

    it('with 4401, and no handler of it runs any more, nor may it join a namespace', async () => {
      const channel = await app.visitor().handshake('X25519');
      await actBy(channel, 'notes');
      const peer = await connectPeer(channel);
      peer.answers = false;
      seen.length = 0;
      await actBy(channel, 'destroy');
      await until(() => peer.read.length === 2);
      expect(peer.read).toEqual(SESSION_ENDED);
      peer.send(event('echo', 1));
      peer.send('40/chat,');
      await peer.close(4401);
      expect(peer.read).toEqual(SESSION_ENDED);
      expect(seen).toEqual(['disconnected']);
    });
  });

  it('where another server ended that, soon', async () => {
    const [store, replayGuard] = [new MemoryStore(), new MemoryReplayGuard()];
    const start = (each: MemoryStore): Promise<TestApp> =>
      serve(platform, { session: { store: each, secret: COOKIE_SECRET }, secret: SECRET, replayGuard });
    const [one, other] = [await start(store), await start(viewOf(store))];
    for (const what of ENDINGS) {
      const channel = await one.visitor().handshake('X25519');
      await actBy(channel, 'notes');
      const visitor = Object.assign(other.visitor(), { jar: channel.visitor.jar.clone() });
      const peer = await connectPeer(channel, { visitor });
      other.get<LiveGateway>(Live).sockets.slice(-1).forEach(throwAtEnd);
      await actBy(channel, what);
      await peer.over();
      expect([what, peer.read]).toEqual([what, SESSION_ENDED]);
    }
    await Promise.all([one.close(), other.close()]);
  });

  it('and without cookies with its channel', async () => {
    const app = await serve(platform, { session: 'channel' });
    const channel = await app.visitor().handshake('X25519');
    const peer = await connectPeer(channel);
    peer.send(`420["channel",1]`);
    await until(() => peer.read.length > 0);
    expect(peer.read).toEqual([`430["${channel.kid}"]`]);
    peer.send(event('revoke', 1));
    await peer.over();
    expect(peer.read.slice(1)).toEqual(SESSION_ENDED);
    await app.close();
  });
});

/** What stands at one address while applications come and go behind it. */
class Front {
  port = 0;
  readonly #server: Server = createServer((client) => {
    const server = connect(this.port, '127.0.0.1');
    client.pipe(server).pipe(client);
    for (const each of [client, server]) {
      each.on('error', () => undefined);
      each.on('close', () => [client, server].forEach((socket) => socket.destroy()));
    }
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
  }
}

onEachPlatform('A client of socket.io connects again by itself', (platform) => {
  it('after a restart of the server, on a fresh channel where the old one is gone', async () => {
    const front = new Front();
    const url = await front.listen();
    const start = async (): Promise<TestApp> => {
      const app = await serve(platform, { shutdownTimeout: 60_000 });
      front.port = Number(new URL(app.url).port);
      return app;
    };
    let app = await start();
    const client = clientOf(app, { baseUrl: url });
    const { kid } = await client.handshake();
    const one = await connected(sealedClient(client, url, { reconnectionDelay: 5, reconnectionDelayMax: 5 }));
    expect(await ask(one, 'channel')).toBe(kid);
    await app.close();
    await until(() => one.log.length > 1);
    expect(one.log[1]).toMatch(/^disconnect (transport (close|error)|io server disconnect)$/);
    app = await start();
    await until(() => one.log.at(-1) === 'connect');
    const next = await ask(one, 'channel');
    expect([typeof next, next === kid]).toEqual(['string', false]);
    one.socket.disconnect();
    await app.close();
    front.close();
  });
});

onEachPlatform('A sealed socket of socket.io', (platform) => {
  const app = useApp(platform, {
    providers: [Live],
    configure: (nest) => nest.useWebSocketAdapter(new E2eIoAdapter(nest)),
  });
  const server = () => app().get<LiveGateway>(Live).server;

  it('that was cut is opened again, each time with a head of its own on the same channel', async () => {
    const client = clientOf(app());
    const one = await connected(sealedClient(client, app().url, { reconnectionDelay: 1, reconnectionDelayMax: 1 }));
    const kid = await ask(one, 'channel');
    for (let index = 1; index < 4; index++) {
      const [socket] = [...server().of('/').sockets.values()];
      (socket!.conn.transport as unknown as { socket: { terminate(): void } }).socket.terminate();
      await until(() => one.log.length === 1 + 2 * index);
      expect(one.log.slice(-2)).toEqual(['disconnect transport close', 'connect']);
      expect(await ask(one, 'channel')).toBe(kid);
    }
    one.socket.disconnect();
  });

  it('is counted, with what went over it', async () => {
    await until(() => server().engine.clientsCount === 0);
    const counted = () => app().get(E2eEvents).counters.streams.socket;
    const before = { ...counted() };
    const one = await connected(sealedClient(clientOf(app()), app().url));
    await ask(one, 'echo', 1);
    one.socket.disconnect();
    await until(() => counted().ended > before.ended);
    expect([counted().opened - before.opened, counted().broken - before.broken]).toEqual([1, 0]);
  });

  it('says why it did not open', async () => {
    const errors: unknown[] = [];
    const wrong = sealedClient(clientOf(app()), app().url, { path: '/nowhere', reconnection: false });
    wrong.socket.on('connect_error', (error) => errors.push((error as { code?: string }).code));
    const elsewhere = sealedClient(clientOf(app()), 'http://127.0.0.1:1', { reconnection: false });
    elsewhere.socket.on('connect_error', (error) => errors.push((error as { code?: string }).code));
    await until(() => errors.length === 2);
    expect(errors.sort()).toEqual(['plain-answer', 'request-unsupported']);
  });
});
