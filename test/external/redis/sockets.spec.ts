import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { E2eClient, E2eWebSocket } from '../../../src/client/index.js';
import { Cluster } from './support/cluster.js';
import { Profile } from './support/profile.js';

/** Longer than a restart of Redis takes: two looks in a row without an answer end a socket. */
const CHECK_MS = 5000;
/** PROTOCOL §6: within a minute. The rest is for a busy machine. */
const BOUND_MS = 60_000 + 60_000;
const SESSION_ENDED = '4401  true';

interface Heard {
  readonly socket: E2eWebSocket;
  readonly ended: Promise<string>;
  readonly whoami: () => Promise<{ user: string | null; server: string }>;
}

/** An open socket; or why there is none. */
async function open(tab: E2eClient): Promise<Heard> {
  const socket = tab.webSocket('/live');
  const ended = new Promise<string>((resolve) => {
    socket.onclose = ({ code, reason, wasClean }) => resolve(`${code} ${reason} ${wasClean}`);
  });
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = ({ error }) => reject(error instanceof Error ? error : new Error('no reason'));
  });
  const whoami: Heard['whoami'] = () =>
    new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => resolve((JSON.parse(data as string) as { data: never }).data);
      void ended.then((end) => reject(new Error(`ended: ${end}`)));
      socket.send(JSON.stringify({ event: 'whoami' }));
    });
  return { socket, ended, whoami };
}

const post = (tab: E2eClient, path: string, body: object = {}): Promise<Response> =>
  tab.fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

describe('sealed sockets of three servers that share sessions and windows', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ streamCheckInterval: CHECK_MS, storeTimeout: 2500 });
  });
  afterAll(() => cluster.stop());
  beforeEach(() => cluster.link.mend());
  const url = (index: number): string => `http://127.0.0.1:${cluster.servers[index]!.setup.port}`;
  const handshakes = (): number => cluster.balancer.passed.filter(({ target }) => target === '/e2e/handshake').length;

  /** Somebody who is logged in, with a socket at one server. */
  async function loggedIn(user: string, at: number, base?: string) {
    const profile = new Profile(cluster.balancer.url);
    const tab = profile.tab(base);
    expect((await post(tab, '/login', { user })).status).toBe(201);
    profile.socketsAt = url(at);
    return { profile, tab, ...(await open(tab)) };
  }

  it('open at any server, on the channel and the session that another one made', async () => {
    const { profile, tab, whoami, socket } = await loggedIn('ada', 0);
    const before = handshakes();
    expect(await whoami()).toEqual({ user: 'ada', server: 'server 0' });
    for (const index of [1, 2]) {
      profile.socketsAt = url(index);
      const other = await open(tab);
      expect(await other.whoami()).toEqual({ user: 'ada', server: `server ${index}` });
      other.socket.close();
    }
    expect(handshakes()).toBe(before);
    socket.close();
  });

  it.each<[string, (tab: E2eClient, cookie: string) => Promise<{ readonly ok: boolean }>]>([
    ['a logout', (tab) => post(tab, '/destroy')],
    ['a new session id', (tab) => post(tab, '/regenerate')],
    ['a login', (tab) => post(tab, '/login', { user: 'grace' })],
    ['a logout that is not sealed', (_, cookie) => plainly('logout', cookie)],
    ['a revocation', (_, cookie) => plainly('revoke', cookie)],
  ])('end at one server within a minute of %s at another, each with 4401', async (name, end) => {
    const sockets = await Promise.all([0, 1, 2].map((at) => loggedIn('ada', at, url(0))));
    const stranger = await loggedIn('eve', 1);
    const began = performance.now();
    for (const { tab, profile } of sockets) expect((await end(tab, profile.cookie)).ok).toBe(true);
    expect(await Promise.all(sockets.map(({ ended }) => ended))).toEqual(Array(3).fill(SESSION_ENDED));
    const ms = performance.now() - began;
    process.stdout.write(`after ${name} the sockets of three servers ended in ${(ms / 1000).toFixed(1)} s\n`);
    expect(ms).toBeLessThan(BOUND_MS);
    expect((await stranger.whoami()).user).toBe('eve');
    stranger.socket.close();
  });

  it('end with 1001 where their server is stopped, and open again at another one, on the same channel', async () => {
    const { profile, tab, ended } = await loggedIn('ada', 1);
    const before = handshakes();
    const restarted = cluster.servers[1]!.restart();
    expect(await ended).toBe('1001  true');
    profile.socketsAt = url(2);
    const again = await open(tab);
    expect(await again.whoami()).toEqual({ user: 'ada', server: 'server 2' });
    await restarted;
    profile.socketsAt = url(1);
    const back = await open(tab);
    expect(await back.whoami()).toEqual({ user: 'ada', server: 'server 1' });
    expect(handshakes()).toBe(before);
    for (const each of [again, back]) each.socket.close();
  });

  it('are cut where their server is killed, and open again likewise', async () => {
    const { profile, tab, ended } = await loggedIn('ada', 1);
    const before = handshakes();
    await cluster.servers[1]!.kill();
    expect(await ended).toBe('1006  false');
    profile.socketsAt = url(0);
    const again = await open(tab);
    expect(await again.whoami()).toEqual({ user: 'ada', server: 'server 0' });
    expect(handshakes()).toBe(before);
    again.socket.close();
    await cluster.servers[1]!.start();
  });

  it('go on over a restart of Redis, after which new ones open', async () => {
    const { tab, whoami, socket } = await loggedIn('ada', 0);
    await cluster.redis.kill();
    expect((await whoami()).user).toBe('ada');
    await cluster.redis.start();
    expect((await whoami()).user).toBe('ada');
    const again = await opensSoon(tab);
    expect((await again.whoami()).user).toBe('ada');
    expect((await whoami()).user).toBe('ada');
    for (const each of [again.socket, socket]) each.close();
  });

  it('end where Redis stays away, since nobody can say whether their session still exists', async () => {
    const { tab, ended } = await loggedIn('ada', 0);
    cluster.link.cut();
    await expect(open(tab)).rejects.toMatchObject({ code: 'plain-answer', problem: 'busy' });
    expect(await ended).toBe(SESSION_ENDED);
    cluster.link.mend();
    const again = await opensSoon(tab);
    expect((await again.whoami()).user).toBe('ada');
    again.socket.close();
  });

  it('end where Redis comes back without its data; new ones open, on a new session', async () => {
    const { tab, ended } = await loggedIn('ada', 0);
    await cluster.redis.kill();
    cluster.redis.forget();
    await cluster.redis.start();
    expect(await ended).toBe(SESSION_ENDED);
    const again = await opensSoon(tab);
    expect((await again.whoami()).user).toBeNull();
    again.socket.close();
  });

  /** By a route that is not sealed, at another server. */
  function plainly(what: string, cookie: string): Promise<Response> {
    return fetch(`${url(0)}/plain/${what}`, { method: 'POST', headers: { cookie } });
  }

  /** The servers take a moment to find Redis again. */
  async function opensSoon(tab: E2eClient): Promise<Heard> {
    for (;;) {
      const heard = await open(tab).catch((error: unknown) => {
        expect(error).toMatchObject({ problem: 'busy' });
      });
      if (heard) return heard;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
});
