import { afterEach, describe, expect, it } from '@jest/globals';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import type { ReplayGuard } from '../../../src/channel/replay.js';
import { redisReplayGuard, type RedisReplayGuardOptions } from '../../../src/redis/index.js';
import { startRedis, type RedisServer } from './support/redis.js';

const servers: RedisServer[] = [];
const clients: Redis[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  // A master that is told to stop waits for its replicas.
  for (const server of servers.splice(0)) {
    await server.kill();
    server.forget();
  }
});

async function start(more: Record<string, string>): Promise<RedisServer> {
  const server = await startRedis(undefined, { 'shutdown-timeout': '0', 'repl-diskless-sync-delay': '0', ...more });
  servers.push(server);
  return server;
}
function connect({ url }: RedisServer): Redis {
  const client = new Redis(url, { retryStrategy: () => 50 });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}
const guardOn = (server: RedisServer, options?: RedisReplayGuardOptions): ReplayGuard =>
  redisReplayGuard(connect(server), options);
const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;

/** Until a replica has everything that was written. */
async function hasReplica(master: Redis): Promise<void> {
  for (let write = 0; ; write++) {
    await master.set('write', write);
    if ((await master.wait(1, 200)) > 0) return;
  }
}

/** A channel on which two numbers were claimed, with something between them that an older state lacks. */
async function claimAround(guard: ReplayGuard, between: () => Promise<unknown>): Promise<void> {
  await guard.open('kid', inAnHour());
  expect(await guard.claim('kid', 'dir', 1)).toBe('new');
  await between();
  expect(await guard.claim('kid', 'dir', 2)).toBe('new');
}

const PERSISTENCE: [string, Record<string, string>][] = [
  ['snapshots', { appendonly: 'no' }],
  ['an append-only file, written every second', { appendonly: 'yes', appendfsync: 'everysec' }],
  ['an append-only file, written always', { appendonly: 'yes', appendfsync: 'always' }],
];

describe('Windows that may be older than they were', () => {
  it.each(PERSISTENCE)('are lost after a restart of a Redis with %s', async (_, settings) => {
    const server = await start(settings);
    const admin = connect(server);
    const guard = guardOn(server);
    await claimAround(guard, () => admin.save());
    await server.kill();
    await server.start();
    for (const seq of [1, 2, 3]) expect(await guardOn(server).claim('kid', 'dir', seq)).toBe('lost');
    await guard.open('next', inAnHour());
    expect(await guard.claim('next', 'dir', 1)).toBe('new');
  });

  it('are lost where an older snapshot was restored, on this server and on another one', async () => {
    const server = await start({ appendonly: 'no', dbfilename: 'dump.rdb' });
    const admin = connect(server);
    const guard = guardOn(server);
    const backup = join(server.folder, 'backup.rdb');
    await claimAround(guard, async () => {
      await admin.save();
      copyFileSync(join(server.folder, 'dump.rdb'), backup);
    });
    const other = await start({ appendonly: 'no', dbfilename: 'dump.rdb' });
    await other.kill();
    copyFileSync(backup, join(other.folder, 'dump.rdb'));
    await other.start();
    expect(await guardOn(other).claim('kid', 'dir', 2)).toBe('lost');

    await server.kill();
    copyFileSync(backup, join(server.folder, 'dump.rdb'));
    await server.start();
    expect(await guardOn(server).claim('kid', 'dir', 2)).toBe('lost');
  });

  it('are lost on a replica that is promoted without the last writes, and back on the first server', async () => {
    const first = await start({ appendonly: 'no' });
    const second = await start({
      appendonly: 'no',
      replicaof: `127.0.0.1 ${first.port}`,
      'repl-diskless-load': 'disabled',
    });
    const [atFirst, atSecond] = [connect(first), connect(second)];
    const inSync = async (replica: Redis): Promise<void> => {
      while (!(await replica.info('replication')).includes('master_link_status:up')) {
        await new Promise((done) => setTimeout(done, 50));
      }
    };
    await inSync(atSecond);
    const guard = guardOn(first);
    await claimAround(guard, async () => {
      expect(await atFirst.wait(1, 5000)).toBe(1);
      // From here on nothing arrives at the replica.
      await atSecond.replicaof('127.0.0.1', 1);
    });
    await atSecond.replicaof('NO', 'ONE');
    expect(await guardOn(second).claim('kid', 'dir', 2)).toBe('lost');

    // The first one comes back as a replica, takes over the older state, and is promoted again, with no restart.
    await atFirst.replicaof('127.0.0.1', second.port);
    await inSync(atFirst);
    await atFirst.replicaof('NO', 'ONE');
    expect(await guardOn(first).claim('kid', 'dir', 2)).toBe('lost');
  });

  it('are lost where two masters serve at once, each cut off from the other', async () => {
    const first = await start({ appendonly: 'no' });
    const second = await start({ appendonly: 'no', replicaof: `127.0.0.1 ${first.port}` });
    const [atFirst, atSecond] = [connect(first), connect(second)];
    // Its first replica begins an epoch: a master takes a new id then.
    await hasReplica(atFirst);
    const guard = guardOn(first);
    await guard.open('kid', inAnHour());
    await hasReplica(atFirst);
    await atSecond.replicaof('NO', 'ONE');
    expect(await guard.claim('kid', 'dir', 1)).toBe('new');
    expect(await guardOn(second).claim('kid', 'dir', 1)).toBe('lost');
  });

  it('are not made where Redis does not say which epoch it is in, and the check says what to allow', async () => {
    const server = await start({ appendonly: 'no' });
    const admin = connect(server);
    await admin.acl('SETUSER', 'app', 'on', '>pass', '~*', '+@all', '-info');
    const limited = new Redis(server.url, { username: 'app', password: 'pass', enableReadyCheck: false });
    clients.push(limited);
    const guard = redisReplayGuard(limited);
    await expect((async () => guard.open('kid', inAnHour()))()).rejects.toMatchObject({ code: 'busy' });
    expect(await guard.check!()).toEqual([expect.stringContaining('ACL: +info')]);
    expect(await guardOn(server).check!()).toEqual([]);
  });
});

describe('With { durable: true }', () => {
  it('windows outlive a kill of a Redis that writes always, whole', async () => {
    const server = await start({ appendonly: 'yes', appendfsync: 'always' });
    const guard = guardOn(server, { durable: true });
    await claimAround(guard, () => Promise.resolve());
    for (let seq = 10; seq < 60; seq++) expect(await guard.claim('kid', 'dir', seq)).toBe('new');
    await server.kill();
    await server.start();
    const after = guardOn(server, { durable: true });
    for (const seq of [1, 2, ...Array.from({ length: 50 }, (_, index) => 10 + index)]) {
      expect(await after.claim('kid', 'dir', seq)).toBe('replayed');
    }
    expect(await after.claim('kid', 'dir', 60)).toBe('new');
  });

  it('a server that was told otherwise believes none of them', async () => {
    const server = await start({});
    const durable = guardOn(server, { durable: true });
    await durable.open('kid', inAnHour());
    expect(await guardOn(server).claim('kid', 'dir', 1)).toBe('lost');
    await guardOn(server).open('other', inAnHour());
    expect(await durable.claim('other', 'dir', 1)).toBe('lost');
  });

  it.each<[string, Record<string, string>, string | undefined]>([
    ['appendfsync always', { appendonly: 'yes', appendfsync: 'always' }, undefined],
    ['appendfsync everysec', { appendonly: 'yes', appendfsync: 'everysec' }, 'appendfsync everysec'],
    ['snapshots alone', { appendonly: 'no', save: '60 1' }, 'appendonly no'],
    [
      'no fsync during a rewrite',
      { appendonly: 'yes', appendfsync: 'always', 'no-appendfsync-on-rewrite': 'yes' },
      'no-appendfsync-on-rewrite yes',
    ],
  ])('the settings are checked: %s', async (_, settings, said) => {
    const server = await start(settings);
    const nodeRedis = createClient({ url: server.url });
    await nodeRedis.connect();
    try {
      for (const client of [nodeRedis, connect(server)]) {
        const lines = await redisReplayGuard(client, { durable: true }).check!();
        expect(lines).toEqual(said === undefined ? [] : [expect.stringContaining(said)]);
      }
    } finally {
      nodeRedis.destroy();
    }
  });

  it('a replica is told of, and so is a Redis whose settings cannot be read', async () => {
    const server = await start({ appendonly: 'yes', appendfsync: 'always' });
    const admin = connect(server);
    await start({ replicaof: `127.0.0.1 ${server.port}` });
    await hasReplica(admin);
    expect(await guardOn(server, { durable: true }).check!()).toEqual([expect.stringContaining('replicas')]);
    await admin.acl('SETUSER', 'app', 'on', '>pass', '~*', '+@all', '-config');
    const limited = new Redis(server.url, { username: 'app', password: 'pass' });
    clients.push(limited);
    expect(await redisReplayGuard(limited, { durable: true }).check!()).toEqual([
      expect.stringContaining('cannot be checked'),
    ]);
  });
});

it('The clock that servers share is that of Redis', async () => {
  const server = await start({});
  const time = await guardOn(server).time!();
  expect(Math.abs(time - Date.now())).toBeLessThan(1000);
});
