import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RedisStore } from 'connect-redis';
import type { SessionData } from 'express-session';
import fc from 'fast-check';
import { Cluster, Redis } from 'ioredis';
import { readFileSync } from 'node:fs';
import { createClient, createCluster } from 'redis';
import { MemoryReplayGuard, type ReplayGuard } from '../../../src/channel/replay.js';
import { redisReplayGuard } from '../../../src/redis/index.js';
import { freePort } from '../../support/free-port.js';
import { startRedis, type RedisServer } from './support/redis.js';

let server: RedisServer;
let nodeRedis: ReturnType<typeof createClient>;
let ioRedis: Redis;
beforeAll(async () => {
  server = await startRedis();
  nodeRedis = createClient({ url: server.url });
  await nodeRedis.connect();
  ioRedis = new Redis(server.url);
});
afterAll(async () => {
  nodeRedis.destroy();
  ioRedis.disconnect();
  await server.stop();
});

const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;
let made = 0;
async function opened(guard: ReplayGuard): Promise<string> {
  const kid = `channel-${++made}`;
  await guard.open(kid, inAnHour());
  return kid;
}

const CLIENTS: [string, () => ReplayGuard][] = [
  ['redis', () => redisReplayGuard(nodeRedis)],
  ['ioredis', () => redisReplayGuard(ioRedis)],
];

describe.each(CLIENTS)('The window in Redis, by the client "%s"', (_, guardOf) => {
  it('takes each number once, in either way by itself', async () => {
    const guard = guardOf();
    const kid = await opened(guard);
    expect(await guard.claim(kid, 'dir', 5)).toBe('new');
    expect(await guard.claim(kid, 'dir', 5)).toBe('replayed');
    expect(await guard.claim(kid, 'dir', 4)).toBe('new');
    expect(await guard.claim(kid, 'RSA-OAEP-256', 5)).toBe('new');
    expect(await guard.claim(kid, 'RSA-OAEP-256', 5)).toBe('replayed');
  });

  it('answers as the one in memory does, whatever comes', async () => {
    const guard = guardOf();
    const seq = fc.oneof(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 3000 }),
      fc.integer({ min: 1, max: 2 ** 32 }),
      fc.constantFrom(1, 31, 32, 33, 1023, 1024, 1025, 1055, 1056, 1057, 2 ** 32 - 1, 2 ** 32),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(seq, { minLength: 1, maxLength: 60 }), async (numbers) => {
        const memory = new MemoryReplayGuard();
        const kid = await opened(guard);
        memory.open(kid, inAnHour());
        for (const number of numbers) {
          expect([number, await guard.claim(kid, 'dir', number)]).toEqual([number, memory.claim(kid, 'dir', number)]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('lets one of a hundred claims at once through', async () => {
    const guard = guardOf();
    const kid = await opened(guard);
    const claims = await Promise.all(Array.from({ length: 100 }, async () => guard.claim(kid, 'dir', 7)));
    expect(claims.filter((claim) => claim === 'new')).toHaveLength(1);
  });

  it('is lost for a channel that has none, and for one that was closed', async () => {
    const guard = guardOf();
    const kid = await opened(guard);
    await guard.close(kid);
    expect(await guard.claim(kid, 'dir', 1)).toBe('lost');
    expect(await guard.claim('unknown', 'dir', 1)).toBe('lost');
  });

  it('finds its way back when the server forgot the script', async () => {
    const guard = guardOf();
    const kid = await opened(guard);
    await ioRedis.script('FLUSH');
    expect(await guard.claim(kid, 'dir', 1)).toBe('new');
  });
});

describe('The window in Redis', () => {
  it('is one key of constant size for a channel, and expires with it', async () => {
    const guard = redisReplayGuard(nodeRedis, { prefix: 'p:' });
    const end = inAnHour();
    await guard.open('sized', end);
    const before = await nodeRedis.strLen('p:sized');
    for (let seq = 1; seq < 5000; seq += 7) await guard.claim('sized', 'dir', seq);
    expect(await nodeRedis.strLen('p:sized')).toBe(before);
    expect(before).toBe(320);
    expect(await nodeRedis.expireTime('p:sized')).toBe(end);
  });

  it('is busy, within its time, where Redis does not answer', async () => {
    const kid = await opened(redisReplayGuard(nodeRedis));
    await ioRedis.call('CLIENT', 'PAUSE', '20000', 'ALL');
    try {
      const guard = redisReplayGuard(nodeRedis, { timeout: 200 });
      const from = Date.now();
      await expect(guard.claim(kid, 'dir', 1)).rejects.toMatchObject({ code: 'busy' });
      expect(Date.now() - from).toBeLessThan(15_000);
    } finally {
      await ioRedis.call('CLIENT', 'UNPAUSE');
    }
  });

  it('is busy where Redis is gone', async () => {
    const other = await startRedis();
    const client = new Redis(other.url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
    client.on('error', () => undefined);
    const guard = redisReplayGuard(client);
    const kid = await opened(guard);
    await other.stop();
    await expect((async () => guard.claim(kid, 'dir', 1))()).rejects.toMatchObject({ code: 'busy' });
    client.disconnect();
  });
});

it('The window and connect-redis need no more than the ACL that the documentation shows', async () => {
  const [shown] = /ACL SETUSER app .*/.exec(readFileSync('docs/operations.md', 'utf8'))!;
  const [command = '', ...args] = shown.replace('PASSWORD', 'pass').split(' ');
  await ioRedis.call(command, ...args);
  const limited = createClient({ url: server.url, username: 'app', password: 'pass' });
  await limited.connect();
  try {
    const guard = redisReplayGuard(limited);
    expect(await guard.check!()).toEqual([]);
    expect(Math.abs((await guard.time!()) - Date.now())).toBeLessThan(60_000);
    const kid = await opened(guard);
    for (const seq of [1, 2, 2000]) expect(await guard.claim(kid, 'dir', seq)).toBe('new');
    expect(await guard.claim(kid, 'dir', 2000)).toBe('replayed');
    await guard.close(kid);
    expect(await guard.claim(kid, 'dir', 3)).toBe('lost');

    const store = new RedisStore({ client: limited });
    const value = { cookie: { originalMaxAge: 60_000 } } as unknown as SessionData;
    await store.set('id', value);
    await store.touch('id', value);
    expect(await store.get('id')).toMatchObject({ cookie: {} });
    await store.destroy('id');
    await expect(limited.get('another')).rejects.toThrow('NOPERM');
  } finally {
    limited.destroy();
  }
});

describe('The window in a Redis Cluster', () => {
  it('is one key a script, by either client', async () => {
    const bus = await freePort();
    const node = await startRedis(undefined, {
      'cluster-enabled': 'yes',
      'cluster-port': String(bus),
      'cluster-announce-ip': '127.0.0.1',
    });
    const direct = new Redis(node.url);
    await direct.cluster('ADDSLOTSRANGE', 0, 16383);
    while (!(await direct.cluster('INFO')).includes('cluster_state:ok')) {
      await new Promise((done) => setTimeout(done, 50));
    }

    const io = new Cluster([{ host: '127.0.0.1', port: node.port }]);
    const cluster = createCluster({ rootNodes: [{ url: node.url }] });
    await cluster.connect();
    try {
      for (const client of [io, cluster]) {
        const guard = redisReplayGuard(client);
        const kid = await opened(guard);
        const claims = [
          await guard.claim(kid, 'dir', 1),
          await guard.claim(kid, 'dir', 1),
          await guard.claim('no', 'dir', 1),
        ];
        expect(claims).toEqual(['new', 'replayed', 'lost']);
      }
    } finally {
      cluster.destroy();
      io.disconnect();
      direct.disconnect();
      await node.stop();
    }
  });
});
