import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createClient } from 'redis';
import { E2eClientError, type E2eClient } from '../../../src/client/index.js';
import { Cluster } from './support/cluster.js';
import { FLAWLESS, load, report, verdict } from './support/load.js';

const STORE_TIMEOUT = 2_000;
/** By then every request has its answer, whatever Redis does: a claim, and the session's save. The rest is the machine's. */
const BOUND = 2 * STORE_TIMEOUT + 4_000;
const CLIENTS = 6;

interface Outcome {
  readonly what: string;
  readonly took: number;
}

/** One call, never sent again: how it ended, and after how many milliseconds. */
async function outcomeOf(call: () => Promise<Response>): Promise<Outcome> {
  const from = performance.now();
  const what = await call().then(
    async (response) => {
      const { type = '' } = (await response.json()) as { type?: string };
      return `sealed ${response.status} ${type.replace('urn:e2e:problem:', '')}`.trim();
    },
    (error: unknown) => (error instanceof E2eClientError ? `${error.status} ${error.problem}` : String(error)),
  );
  return { what, took: performance.now() - from };
}

const write = (client: E2eClient, id: string): Promise<Response> =>
  client.fetch('/writes', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id }),
  });

describe('three servers whose Redis has a bad day', () => {
  let cluster: Cluster;
  let redis: ReturnType<typeof createClient>;
  beforeAll(async () => {
    cluster = await Cluster.start({ storeTimeout: STORE_TIMEOUT, durable: true });
    redis = createClient({ url: cluster.redis.url, socket: { reconnectStrategy: 50 } });
    redis.on('error', () => undefined);
    await redis.connect();
  });
  afterEach(() => cluster.link.mend());
  afterAll(async () => {
    redis.destroy();
    await cluster.stop();
  });

  const fresh = async (): Promise<E2eClient[]> => {
    const clients = Array.from({ length: CLIENTS }, () => cluster.client());
    await Promise.all(clients.map((client) => client.handshake()));
    return clients;
  };
  /** Two reads and two writes of each client, and a handshake of someone new. */
  const ask = (clients: readonly E2eClient[]): Promise<Outcome[]> =>
    Promise.all([
      ...clients.flatMap((client) => [
        outcomeOf(() => client.fetch('/reads/1')),
        outcomeOf(() => write(client, `refused ${randomUUID()}`)),
        outcomeOf(() => client.fetch('/reads/2')),
        outcomeOf(() => write(client, `refused ${randomUUID()}`)),
      ]),
      outcomeOf(() => cluster.client().fetch('/reads/3')),
    ]);
  const expectBusy = (outcomes: readonly Outcome[]): void => {
    expect(outcomes.filter(({ what }) => !/^(sealed )?503 busy$/.test(what))).toEqual([]);
    expect(Math.max(...outcomes.map(({ took }) => took))).toBeLessThan(BOUND);
  };
  /** Nobody restarts anything: all clients get through, by themselves. */
  const expectHealed = async (title: string, clients: readonly E2eClient[]): Promise<number> => {
    const mark = cluster.mark();
    const tally = await load({ clients, calls: 300, patience: 30_000 });
    report(`after it ${title}`, tally, cluster.passedSince(mark));
    expect(verdict(cluster, tally, mark)).toEqual(FLAWLESS);
    expect(tally.uncertain).toBe(0);
    expect(cluster.journal.filter((id) => id.startsWith('refused'))).toEqual([]);
    return cluster.passedSince(mark).filter(({ target, status }) => target === '/e2e/handshake' && status === 201)
      .length;
  };

  it('refuse everything as busy while the connection is cut, and go on with every channel afterwards', async () => {
    const clients = await fresh();
    cluster.link.cut();
    expectBusy(await ask(clients));
    cluster.link.mend();
    expect(await expectHealed('was cut', clients)).toBe(0);
  });

  it('refuse everything as busy, in time, while it is frozen, and carry none of it out once it thaws', async () => {
    const clients = await fresh();
    cluster.link.freeze();
    expectBusy(await ask(clients));
    cluster.link.mend();
    expect(await expectHealed('was frozen', clients)).toBe(0);
  });

  it('refuse everything as busy while it is down, and go on with every channel where it kept its data', async () => {
    const clients = await fresh();
    await cluster.redis.kill();
    expectBusy(await ask(clients));
    await cluster.redis.start();
    expect(await expectHealed('was down', clients)).toBe(0);
  });

  it('have clients shake hands again, once each, where it lost its data', async () => {
    const clients = await fresh();
    await cluster.redis.kill();
    cluster.redis.forget();
    await cluster.redis.start();
    expect(await expectHealed('lost its data', clients)).toBe(CLIENTS);
  });

  it.each<[string, Parameters<typeof redis.configSet>[0] & string]>([
    ['takes no writes', 'min-replicas-to-write'],
    ['is full', 'maxmemory'],
  ])('refuse everything as busy while it %s, and run no handler', async (state, setting) => {
    const clients = await fresh();
    await redis.configSet(setting, '1');
    try {
      expectBusy(await ask(clients));
    } finally {
      await redis.configSet(setting, '0');
    }
    expect(await expectHealed(`(${state})`, clients)).toBe(0);
  });

  it('are slow while it is slow, and refuse nothing as long as it answers in time', async () => {
    const clients = await fresh();
    const mark = cluster.mark();
    cluster.link.slow(STORE_TIMEOUT / 4);
    const tally = await load({ clients, calls: 60 });
    report('while it is slow', tally, cluster.passedSince(mark));
    expect(verdict(cluster, tally, mark)).toEqual(FLAWLESS);
    expect(tally).toMatchObject({ errors: {}, uncertain: 0 });
    cluster.link.mend();
    expect(await expectHealed('was slow', clients)).toBe(0);
  });

  it('refuse everything as busy, in time, while it is too slow', async () => {
    const clients = await fresh();
    cluster.link.slow(STORE_TIMEOUT + 300);
    expectBusy(await ask(clients));
    cluster.link.mend();
    expect(await expectHealed('was too slow', clients)).toBe(0);
  });

  it('answer what was under way in time when it freezes under load, without a double or a loss', async () => {
    const clients = await fresh();
    const mark = cluster.mark();
    let isOver = false;
    const chaos = (async () => {
      for (let times = 0; times < 2; times++) {
        await new Promise((resolve) => setTimeout(resolve, 400));
        cluster.link.freeze();
        await new Promise((resolve) => setTimeout(resolve, BOUND + 500));
        cluster.link.mend();
      }
    })().finally(() => (isOver = true));
    const tally = await load({ clients, calls: 300, until: () => isOver });
    await chaos;
    report('freezes under load', tally, cluster.passedSince(mark));
    expect(verdict(cluster, tally, mark)).toEqual(FLAWLESS);
    expect(Math.max(...cluster.passedSince(mark).map(({ took = Infinity }) => took))).toBeLessThan(BOUND);
  });

  it('answer what was under way in time when the connection is cut under load, without a double or a loss', async () => {
    const clients = await fresh();
    const mark = cluster.mark();
    let isOver = false;
    const chaos = (async () => {
      for (let times = 0; times < 3; times++) {
        await new Promise((resolve) => setTimeout(resolve, 300));
        cluster.link.cut();
        await new Promise((resolve) => setTimeout(resolve, 300));
        cluster.link.mend();
      }
    })().finally(() => (isOver = true));
    const tally = await load({ clients, calls: 300, until: () => isOver });
    await chaos;
    report('cut under load', tally, cluster.passedSince(mark));
    expect(verdict(cluster, tally, mark)).toEqual(FLAWLESS);
    expect(Math.max(...cluster.passedSince(mark).map(({ took = Infinity }) => took))).toBeLessThan(BOUND);
  });

  describe.each([
    ['channel', 'sess:e2e:channel:*'],
    ['session', 'sess:e2e:session:*'],
  ])('and where a %s’s record is', (_, pattern) => {
    it.each<[string, (text: string) => string]>([
      ['cut off in the middle', (text) => text.slice(0, text.length / 2)],
      ['not JSON at all', () => '\u0000\u0001garbage'],
      ['JSON of something else', () => '[]'],
      ['whole but for its last characters', (text) => text.replace(/.{8}"}$/, '"}')],
      ['empty', () => ''],
    ])('%s, take it for absent, so that its client shakes hands again by itself', async (_name, damage) => {
      await redis.flushAll();
      const client = cluster.client();
      await client.handshake();
      for (const key of await redis.keys(pattern)) {
        await redis.set(key, damage((await redis.get(key))!), { expiration: 'KEEPTTL' });
      }
      expect(await outcomeOf(() => client.fetch('/reads/1'))).toMatchObject({ what: 'sealed 200' });
      expect(await outcomeOf(() => write(client, randomUUID()))).toMatchObject({ what: 'sealed 201' });
      // Another tab's, too: on the session's own record.
      expect(await outcomeOf(() => cluster.client().fetch('/reads/1'))).toMatchObject({ what: 'sealed 200' });
    });
  });

  it.each<[string, string]>([
    ['cut off', 'x'.repeat(140)],
    ['empty', ''],
  ])('take a window that is %s for lost', async (_name, value) => {
    await redis.flushAll();
    const client = cluster.client();
    await client.handshake();
    for (const key of await redis.keys('e2e:window:*')) await redis.set(key, value);
    const mark = cluster.mark();
    expect(await outcomeOf(() => client.fetch('/reads/1'))).toMatchObject({ what: 'sealed 200' });
    expect(cluster.passedSince(mark).filter(({ target }) => target === '/e2e/handshake')).toHaveLength(1);
  });
});
