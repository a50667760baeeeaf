import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { E2eClient } from '../../../src/client/index.js';
import { deliver } from './support/balancer.js';
import { Cluster } from './support/cluster.js';
import { Profile, type Captured } from './support/profile.js';

const TABS = 12;
const ROUNDS = 6;

const post = (client: E2eClient, path: string, body: object): Promise<Response> =>
  client.fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

describe('three servers, one session of many tabs', () => {
  let cluster: Cluster;
  let redis: Redis;
  beforeAll(async () => {
    cluster = await Cluster.start();
    redis = new Redis(cluster.redis.url);
  });
  afterAll(async () => {
    redis.disconnect();
    await cluster.stop();
  });
  const ports = () => cluster.servers.map(({ setup }) => setup.port);
  const outcome = async (port: number, message: Captured): Promise<string> => {
    const { status, body } = await deliver(undefined, port, message);
    return `${status} ${/urn:e2e:problem:[\w-]+/.exec(body.toString())?.[0] ?? ''}`.trim();
  };
  /** Tabs that shook hands at once, at all servers, each with a message in hand; one of them is in use already. */
  const tabsOf = async (browser: Profile, name: string): Promise<Captured[]> => {
    const [first, ...tabs] = Array.from({ length: TABS }, () => browser.tab());
    await first!.handshake();
    await Promise.all(tabs.map((tab) => tab.handshake()));
    const messages: Captured[] = [];
    for (const tab of [first!, ...tabs]) {
      messages.push(await browser.capture(() => post(tab, '/writes', { id: name })));
    }
    return messages;
  };
  const plain = async (path: string, { cookie }: Profile, port: number): Promise<void> => {
    const headers = ['host', `127.0.0.1:${port}`, 'cookie', cookie];
    const { status } = await deliver(undefined, port, { method: 'POST', target: path, headers, body: Buffer.alloc(0) });
    expect(status).toBe(201);
  };

  it.each<[string, (browser: Profile, round: number) => Promise<unknown>]>([
    ['revoke()', (browser, round) => plain('/plain/revoke', browser, ports()[round % 3]!)],
    ['a plain logout', (browser, round) => plain('/plain/logout', browser, ports()[round % 3]!)],
    [
      'the session’s key deleted in Redis',
      async () => {
        const keys = await redis.keys('sess:*');
        const sessions = keys.filter((key) => !key.startsWith('sess:e2e:'));
        await redis.del(...sessions);
      },
    ],
  ])('end with %s, however many handshakes were under way at once', async (name, end) => {
    let survived = 0;
    let ended = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const browser = new Profile(cluster.balancer.url);
      const messages = await tabsOf(browser, `${name} ${round}`);
      // More come while it ends: they may be part of what goes on, and those from before may not.
      const late = browser.tab();
      await Promise.all([end(browser, round), late.handshake().catch(() => undefined)]);
      for (const [index, message] of messages.entries()) {
        const answer = await outcome(ports()[index % 3]!, message);
        if (answer === '428 urn:e2e:problem:handshake-required') ended++;
        else survived++;
      }
    }
    process.stdout.write(`${name}: ${ended} channels ended, ${survived} survived\n`);
    expect({ ended, survived }).toEqual({ ended: ROUNDS * TABS, survived: 0 });
    expect(cluster.journal.filter((id) => id.startsWith(name))).toEqual([]);
  });

  it('keep all channels that were made at once', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const messages = await tabsOf(new Profile(cluster.balancer.url), `kept ${round}`);
      const answers = await Promise.all(messages.map((message, index) => outcome(ports()[index % 3]!, message)));
      expect(answers).toEqual(answers.map(() => '201'));
    }
    expect(cluster.journal.filter((id) => id.startsWith('kept'))).toHaveLength(ROUNDS * TABS);
  });
});

describe('three servers whose clocks are a minute off, each its own way', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start({ clocks: [0, -60, 60] });
  });
  afterAll(() => cluster.stop());

  it('refuse no honest request, and say so in their logs', async () => {
    const answers: number[] = [];
    for (let round = 0; round < 6; round++) {
      const client = cluster.client();
      for (let call = 0; call < 5; call++) {
        answers.push((await post(client, '/writes', { id: `${round} ${call}` })).status);
      }
    }
    expect(answers).toEqual(answers.map(() => 201));
    expect(cluster.servers.map(({ output }) => /is \d+ seconds (behind|ahead)/.exec(output)?.[1])).toEqual([
      undefined,
      'behind',
      'ahead',
    ]);
  });
});
