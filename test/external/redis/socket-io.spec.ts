import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient } from 'redis';
import { until } from '../../support/clock.js';
import { Tap } from '../../integration/e2e/support/tap.js';
import { connected, plainClient, sealedClient, type IoClient } from '../../integration/socket.io/support/clients.js';
import { Cluster } from './support/cluster.js';
import { Profile } from './support/profile.js';

const CANARY = 'canary-of-a-broadcast-93ad';

describe('sealed sockets of socket.io at two servers, with the Redis adapter', () => {
  let cluster: Cluster;
  let taps: Tap[];
  const open: IoClient[] = [];
  beforeAll(async () => {
    const sessions = ['of the module', 'of the application'] as const;
    cluster = await Cluster.start({ sessions, sockets: 'socket.io', streamCheckInterval: 1000 });
    taps = await Promise.all(cluster.servers.map(({ setup }) => Tap.before(setup.port)));
  });
  afterAll(async () => {
    for (const tap of taps) await tap.close();
    await cluster.stop();
  });
  afterEach(() => open.splice(0).forEach(({ socket }) => socket.disconnect()));

  const kept = async (one: IoClient): Promise<IoClient> => {
    open.push(await connected(one));
    expect(one.log).toEqual(['connect']);
    return one;
  };
  const sealedAt = (index: number): Promise<IoClient> => {
    const { url } = taps[index]!;
    return kept(sealedClient(new Profile(url).tab(), url, { path: '/live' }));
  };
  const plainAt = (index: number): Promise<IoClient> => kept(plainClient(taps[index]!.url, '/plain-live'));
  const ask = (one: IoClient, event: string, data: unknown = 1): Promise<unknown> =>
    one.socket.timeout(10_000).emitWithAck(event, data);

  it.each([
    ['everybody', undefined],
    ['a room', 'a room'],
  ])('reach each other by what is sent to %s, sealed on every wire', async (_, room) => {
    const story = async (openAt: typeof sealedAt): Promise<string> => {
      const clients = [await openAt(0), await openAt(1), await openAt(1)];
      for (const one of clients) await ask(one, 'join', 'a room');
      for (const tap of taps) tap.clear();
      clients[0]!.socket.emit('say', { room, text: CANARY });
      await until(() => clients.every(({ log }) => log.length > 1));
      for (const { log } of clients) expect(log[1]).toContain(CANARY);
      return taps.map(({ text }) => text).join('');
    };
    expect(await story(sealedAt)).not.toContain(CANARY);
    expect(await story(plainAt)).toContain(CANARY);
  });

  it('know of each other’s sockets as in the clear', async () => {
    const story = async (openAt: typeof sealedAt): Promise<unknown[]> => {
      const [one, other] = [await openAt(0), await openAt(1)];
      return [await ask(one, 'everyone'), await ask(other, 'everyone')];
    };
    expect(await story(sealedAt)).toEqual(await story(plainAt));
  });

  it('are in the clear in Redis, as the documentation says', async () => {
    const listener = createClient({ url: cluster.redis.url });
    await listener.connect();
    const heard: string[] = [];
    await listener.pSubscribe('socket.io*', (message) => void heard.push(message));
    const one = await sealedAt(0);
    one.socket.emit('say', { text: CANARY });
    await until(() => heard.some((message) => message.includes(CANARY)));
    listener.destroy();
  });

  it('end at one server after a logout at the other, and do not connect again by themselves', async () => {
    const profile = new Profile(taps[0]!.url);
    const tab = profile.tab();
    const post = (path: string): Promise<Response> =>
      tab.fetch(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"user":"ada"}',
      });
    expect((await post('/login')).status).toBe(201);
    profile.socketsAt = taps[1]!.url;
    const one = await kept(sealedClient(tab, taps[0]!.url, { path: '/live' }));
    expect(await ask(one, 'whoami')).toEqual({ user: 'ada', server: 'server 1' });
    const stranger = await sealedAt(1);
    const began = performance.now();
    expect((await post('/destroy')).ok).toBe(true);
    await until(() => one.log.length > 1);
    process.stdout.write(`a logout at another server took ${(performance.now() - began).toFixed(0)} ms\n`);
    expect([one.log[1], one.socket.active]).toEqual(['disconnect io server disconnect', false]);
    expect(await ask(stranger, 'whoami')).toEqual({ user: null, server: 'server 1' });
  });
});
