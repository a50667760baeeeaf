import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Cluster } from './support/cluster.js';
import { FLAWLESS, load, refusals, report, verdict } from './support/load.js';

const CLIENTS = 20;
const KINDS = ['X25519', 'P-256', 'X25519', 'RSA', 'X25519'] as const;

describe.each(['express', 'fastify'] as const)('three servers behind a balancer that takes turns (%s)', (platform) => {
  let cluster: Cluster;
  const clients = () => Array.from({ length: CLIENTS }, (_, index) => cluster.client({ keyKind: KINDS[index % 5]! }));
  beforeAll(async () => {
    // Nothing here is about a slow Redis: a busy machine must not look like one.
    cluster = await Cluster.start({ platform, storeTimeout: 10_000 });
  });
  afterAll(() => cluster.stop());

  it('answer every call of twenty clients, carry out each write once, and refuse nothing', async () => {
    const mark = cluster.mark();
    const tally = await load({ clients: clients(), calls: 3_000 });
    const passed = cluster.passedSince(mark);
    report('all is well', tally, passed);

    expect(verdict(cluster, tally, mark)).toEqual(FLAWLESS);
    expect(tally).toMatchObject({ calls: tally.answered, uncertain: 0, again: 0, errors: {} });
    expect(refusals(passed)).toEqual({});
    expect(cluster.journal.sort()).toEqual(tally.confirmed.sort());
    expect(tally.writes).toBeGreaterThanOrEqual(1_000);
    expect(passed.filter(({ target }) => target === '/e2e/handshake')).toHaveLength(CLIENTS);
    // Every session's requests went to all three.
    const servers = new Map<string, Set<number>>();
    for (const { headers, server } of passed) {
      const cookie = headers[headers.findIndex((name) => name.toLowerCase() === 'cookie') + 1]!;
      if (headers.some((name) => name.toLowerCase() === 'cookie')) {
        servers.set(cookie, (servers.get(cookie) ?? new Set()).add(server));
      }
    }
    expect([...servers.values()].map(({ size }) => size)).toEqual(Array.from({ length: CLIENTS }, () => 3));
  });

  it('continue without duplicates or losses when one is killed and restarted', async () => {
    const mark = cluster.mark();
    const victim = cluster.servers[1]!;
    let isOver = false;
    const chaos = (async () => {
      for (let kills = 0; kills < 2; kills++) {
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        await victim.kill();
        await new Promise((resolve) => setTimeout(resolve, 500));
        await victim.start();
      }
    })().finally(() => (isOver = true));
    const tally = await load({ clients: clients(), calls: 2_000, until: () => isOver });
    await chaos;
    const passed = cluster.passedSince(mark);
    report('a server is killed twice', tally, passed);

    expect(verdict(cluster, tally, mark)).toEqual(FLAWLESS);
    expect(tally.confirmed.length + tally.uncertain).toBe(tally.writes);
    // Only what was under way on that server was hurt, and a 502 is the balancer's own.
    expect(Object.keys(refusals(passed)).filter((name) => !name.endsWith('502 other'))).toEqual([]);

    const healed = cluster.mark();
    expect(await load({ clients: clients(), calls: 300 })).toMatchObject({ again: 0, uncertain: 0, errors: {} });
    const byVictim = cluster.passedSince(healed).filter(({ server }) => server === 1);
    expect(byVictim.length).toBeGreaterThanOrEqual(100);
  });
});
