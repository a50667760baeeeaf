import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { E2eClient } from '../../../src/client/index.js';
import { deliver } from './support/balancer.js';
import { Cluster } from './support/cluster.js';
import { FLAWLESS, load, report, verdict } from './support/load.js';
import { Profile, type Captured } from './support/profile.js';

const post = (client: E2eClient, path: string, body: object): Promise<Response> =>
  client.fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

describe.each(['express', 'fastify'] as const)('three servers that share sessions and windows (%s)', (platform) => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ platform });
  });
  afterAll(() => cluster.stop());

  const profile = () => new Profile(cluster.balancer.url);
  const ports = () => cluster.servers.map(({ setup }) => setup.port);
  const handshakes = (from: number) =>
    cluster.balancer.passed.slice(from).filter(({ target }) => target === '/e2e/handshake').length;
  const deliverTo = async (port: number, message: Captured) => {
    const { status, type, body } = await deliver(undefined, port, message);
    return `${status} ${type} ${/urn:e2e:problem:[\w-]+/.exec(body.toString())?.[0] ?? ''}`.trim();
  };

  it('refuse what one of them has taken, each of them, with a sealed 409', async () => {
    const browser = profile();
    const tab = browser.tab();
    await tab.handshake();
    const message = await browser.capture(() => post(tab, '/writes', { id: 'taken once' }));

    expect(await deliverTo(ports()[0]!, message)).toBe('201 application/jose');
    for (const port of ports()) expect(await deliverTo(port, message)).toBe('409 application/jose');
    expect(cluster.journal.filter((id) => id === 'taken once')).toHaveLength(1);
  });

  it('let one of a hundred copies of a message through that arrive everywhere at once', async () => {
    const browser = profile();
    const tab = browser.tab();
    await tab.handshake();
    const message = await browser.capture(() => post(tab, '/writes', { id: 'copied' }));

    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => deliverTo(ports()[index % 3]!, message)),
    );
    expect(answers.filter((answer) => answer === '201 application/jose')).toHaveLength(1);
    expect(answers.filter((answer) => answer === '409 application/jose')).toHaveLength(99);
    expect(cluster.journal.filter((id) => id === 'copied')).toHaveLength(1);
  });

  it.each(['/regenerate', '/destroy'])(
    'end a session’s channels everywhere where one of them does %s',
    async (path) => {
      const browser = profile();
      const [here, there] = [browser.tab(), browser.tab()];
      // Somebody's session: one that held nothing would hand the channel on when it is regenerated.
      expect((await post(here, '/login', { user: 'ada' })).status).toBe(201);
      for (const tab of [here, there]) expect((await post(tab, '/writes', { id: `before ${path}` })).status).toBe(201);
      // Sealed on both channels while the session lives, with its cookie.
      const messages: Captured[] = [];
      for (const tab of [here, there]) {
        messages.push(await browser.capture(() => post(tab, '/writes', { id: `held ${path}` })));
      }
      const from = cluster.balancer.passed.length;
      expect((await post(here, path, {})).status).toBe(201);
      for (const message of messages) {
        for (const port of ports()) {
          expect(await deliverTo(port, message)).toMatch(
            /^428 application\/problem\+json.* urn:e2e:problem:handshake-re/,
          );
        }
      }
      expect(cluster.journal).not.toContain(`held ${path}`);
      // The tabs begin anew by themselves.
      for (const tab of [here, there]) expect((await tab.fetch('/reads/1')).status).toBe(200);
      expect(handshakes(from)).toBe(2);
    },
  );

  it('carry a channel over a login, so that the next request on another server notices nothing', async () => {
    const browser = profile();
    const [tab, other] = [browser.tab(), browser.tab()];
    await tab.handshake();
    await other.handshake();
    const from = cluster.balancer.passed.length;
    for (let round = 0; round < 20; round++) {
      expect((await post(tab, '/login', { user: `user ${round}` })).status).toBe(201);
      expect((await post(tab, '/writes', { id: `after login ${round}` })).status).toBe(201);
      expect(await (await tab.fetch('/me')).json()).toEqual({ user: `user ${round}` });
    }
    expect(handshakes(from)).toBe(0);
    // Another tab's channel ended with the old session; it opens one on the new session by itself.
    expect(await (await other.fetch('/me')).json()).toEqual({ user: 'user 19' });
    expect(handshakes(from)).toBe(1);
  });

  it('end all channels, but no session, by the command that the documentation shows', async () => {
    const browser = profile();
    const [here, there] = [browser.tab(), browser.tab()];
    expect((await post(here, '/login', { user: 'ada' })).status).toBe(201);
    const channels = [await here.handshake(), await there.handshake()];
    const message = await browser.capture(() => post(here, '/writes', { id: 'held until all ended' }));
    const [command] = /redis-cli --scan .*/.exec(readFileSync('docs/operations.md', 'utf8'))!;
    const bound = command.replaceAll('redis-cli', `redis-cli -p ${cluster.redis.port}`);
    execFileSync('sh', ['-ec', bound]);
    for (const port of ports()) expect(await deliverTo(port, message)).toBe('428 application/jose');
    expect(cluster.journal).not.toContain('held until all ended');
    for (const [index, tab] of [here, there].entries()) {
      expect(await (await tab.fetch('/me')).json()).toEqual({ user: 'ada' });
      const { kid, session } = await tab.handshake();
      expect([kid === channels[index]!.kid, session]).toEqual([false, channels[index]!.session]);
    }
  });

  it('go on with every channel after all of them were restarted', async () => {
    const clients = Array.from({ length: 6 }, () => cluster.client());
    await load({ clients, calls: 60 });
    const mark = cluster.mark();
    await Promise.all(cluster.servers.map((server) => server.restart()));
    const tally = await load({ clients, calls: 300 });
    report('all servers are restarted', tally, cluster.passedSince(mark));
    expect(verdict(cluster, tally, mark)).toEqual(FLAWLESS);
    expect(tally).toMatchObject({ again: 0, uncertain: 0, errors: {} });
    expect(handshakes(mark.passed)).toBe(0);
  });

  it('lose nothing while they are restarted one after the other, under load', async () => {
    const clients = Array.from({ length: 6 }, () => cluster.client());
    await load({ clients, calls: 60 });
    const mark = cluster.mark();
    const rolling = (async () => {
      for (const server of cluster.servers) await server.restart();
    })();
    let isOver = false;
    void rolling.finally(() => (isOver = true));
    const tally = await load({ clients, calls: 300, until: () => isOver });
    await rolling;
    report('a rolling restart', tally, cluster.passedSince(mark));
    expect(verdict(cluster, tally, mark)).toEqual(FLAWLESS);
    // A server that ends in peace answers what it has begun. What the balancer sends at that very moment over a
    // connection that it kept, may meet its end: that is a 502 of its own, and nothing was carried out.
    expect(Object.keys(tally.errors).filter((error) => error !== '502')).toEqual([]);
    expect(tally.uncertain).toBeLessThan(20);
    expect(cluster.servers.filter(({ output }) => output.includes('was killed'))).toEqual([]);
    expect(handshakes(mark.passed)).toBe(0);
  });
});

describe('a server with sessions in Redis and windows in memory', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ windows: 'in memory', sessions: ['of the module'] });
  });
  afterAll(() => cluster.stop());

  it('has lost the windows after a restart, and its clients shake hands again by themselves, once each', async () => {
    const clients = Array.from({ length: 6 }, () => cluster.client());
    await load({ clients, calls: 60 });
    const mark = cluster.mark();
    await cluster.servers[0]!.restart();
    const reads = await Promise.all(
      clients.flatMap((client) => [1, 2, 3].map(async (id) => (await client.fetch(`/reads/${id}`)).status)),
    );
    expect(reads).toEqual(reads.map(() => 200));
    const passed = cluster.passedSince(mark);
    expect(passed.filter(({ target }) => target === '/e2e/handshake')).toHaveLength(6);
    const tally = await load({ clients, calls: 100 });
    report('windows in memory, after a restart', tally, passed);
    expect(verdict(cluster, tally, mark)).toEqual(FLAWLESS);
    expect(tally).toMatchObject({ again: 0, errors: {} });
  });
});
