import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createE2eClient, type E2eClient } from '../../../src/client/index.js';
import { startSample, type Sample } from '../conformance/server.js';
import { Balancer } from './support/balancer.js';
import { freePort } from '../../support/free-port.js';
import { startRedis, type RedisServer } from './support/redis.js';

const entry = fileURLToPath(new URL('../../../dist/sample/main.js', import.meta.url));
const JSON_TYPE = { 'content-type': 'application/json' };
const write = async (client: E2eClient, title: string): Promise<number> => {
  const body = JSON.stringify({ title, body: 'by whichever server' });
  return (await client.fetch('/notes', { method: 'POST', headers: JSON_TYPE, body })).status;
};
const titles = async (client: E2eClient): Promise<string[]> =>
  ((await (await client.fetch('/notes')).json()) as { title: string }[]).map(({ title }) => title);

describe('the sample with REDIS_URL, two of it as the README says', () => {
  let redis: RedisServer;
  let samples: Sample[];
  let balancer: Balancer;
  let ports: number[];
  const start = () =>
    Promise.all(
      ports.map((port) =>
        startSample(
          {
            REDIS_URL: redis.url,
            E2E_SECRET: 'a-secret-of-at-least-32-characters',
            SESSION_SECRET: 'another-secret-for-the-session-cookie',
          },
          port,
        ),
      ),
    );
  beforeAll(async () => {
    redis = await startRedis();
    ports = [await freePort(), await freePort()];
    samples = await start();
    balancer = await Balancer.before(ports);
  });
  afterAll(async () => {
    await balancer.close();
    await Promise.all(samples.map((sample) => sample.stop()));
    await redis.stop();
  });
  const newClient = () => createE2eClient({ baseUrl: balancer.url, keyKind: 'X25519' });
  const handshakes = () => balancer.passed.filter(({ target }) => target === '/e2e/handshake').length;

  it('is one application: notes, logins and channels are on both', async () => {
    const client = newClient();
    for (const title of ['one', 'two', 'three']) expect(await write(client, title)).toBe(201);
    for (let times = 0; times < 4; times++) expect(await titles(client)).toEqual(['one', 'two', 'three']);

    const credentials = JSON.stringify({ username: 'ada', password: 'lovelace' });
    const login = await client.fetch('/auth/login', { method: 'POST', headers: JSON_TYPE, body: credentials });
    expect(login.status).toBe(200);
    expect(await write(client, 'four')).toBe(201);
    expect(await titles(client)).toEqual(['one', 'two', 'three', 'four']);
    expect(await (await client.fetch('/auth/me')).json()).toEqual({ username: 'ada' });
    expect(handshakes()).toBe(1);

    const [{ id }] = (await (await client.fetch('/notes')).json()) as [{ id: string }];
    expect((await client.fetch(`/notes/${id}`, { method: 'DELETE' })).status).toBe(204);
    for (let times = 0; times < 2; times++) expect(await titles(client)).toEqual(['two', 'three', 'four']);
    expect(await titles(newClient())).toEqual([]);
  });

  it('continues after both were restarted', async () => {
    const client = newClient();
    expect(await write(client, 'before')).toBe(201);
    const before = handshakes();
    await Promise.all(samples.map((sample) => sample.stop()));
    samples = await start();
    expect(await write(client, 'after')).toBe(201);
    expect(await titles(client)).toEqual(['before', 'after']);
    expect(handshakes()).toBe(before);
  });

  it('refuses requests while Redis is away, says so now and then in its log, and serves them when it is back', async () => {
    const client = newClient();
    expect(await write(client, 'before')).toBe(201);
    const killed = performance.now();
    await redis.kill();
    for (let times = 0; times < 6; times++) {
      await expect(write(client, 'meanwhile')).rejects.toMatchObject({ status: 503, problem: 'busy' });
    }
    for (const sample of samples) {
      // A line in five seconds, however many requests came.
      const lines = sample.output().match(/^Redis: .*trying again$/gm) ?? [];
      expect(lines.length).toBeGreaterThan(0);
      expect(lines.length).toBeLessThanOrEqual(2 + (performance.now() - killed) / 5000);
    }
    await redis.start();
    // Each server finds it again in its own time.
    let inARow = 0;
    for (const end = Date.now() + 120_000; inARow < 4 && Date.now() < end;) {
      inARow = await titles(client).then(
        () => inARow + 1,
        () => 0,
      );
    }
    expect(await write(client, 'after')).toBe(201);
    expect(await titles(client)).toEqual(['before', 'after']);
  });

  it('does not start without the secrets that servers share, and says how to make them', async () => {
    const { PATH = '' } = process.env;
    const env = { PATH, PORT: '0', REDIS_URL: redis.url, E2E_SECRET: 'x'.repeat(32) };
    const { status, stderr } = spawnSync(process.execPath, [entry], { env, encoding: 'utf8', timeout: 300_000 });
    expect(status).toBe(1);
    expect(stderr).toMatch(/give E2E_SECRET and SESSION_SECRET too.*randomBytes/);
  });
});
