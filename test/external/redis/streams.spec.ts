import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deliver } from './support/balancer.js';
import { Cluster } from './support/cluster.js';
import { Profile } from './support/profile.js';

/** PROTOCOL §6: within a minute. The rest is for a busy machine. */
const BOUND_MS = 75_000;

const file = (bytes: number): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/octet-stream' },
  body: new Blob([new Uint8Array(bytes)]),
});

describe('three servers that share sessions and windows', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start();
  });
  afterAll(() => cluster.stop());
  const urls = () => cluster.servers.map(({ setup }) => `http://127.0.0.1:${setup.port}`);

  it('take an upload at one and answer a download at another, on one channel', async () => {
    const tab = new Profile(cluster.balancer.url).tab();
    const servers = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const kept = await tab.fetch('/files', file(300_000));
      expect(kept.status).toBe(201);
      const { bytes, server } = (await kept.json()) as { bytes: number; server: string };
      expect(bytes).toBe(300_000);
      const text = await (await tab.fetch('/file')).text();
      expect(text).toHaveLength(20 * 65_536);
      expect(text.startsWith(server)).toBe(false);
      servers.add(server).add(text.slice(0, server.length));
    }
    expect(servers.size).toBe(3);
  });

  it('refuse an upload whose head one of them has taken, each of them', async () => {
    const browser = new Profile(cluster.balancer.url);
    const tab = browser.tab();
    await tab.handshake();
    const upload = await browser.capture(() => tab.fetch('/files', file(1234)));
    const statuses: string[] = [];
    for (const { setup } of [...cluster.servers, cluster.servers[0]!]) {
      const { status, type } = await deliver(undefined, setup.port, upload);
      statuses.push(`${status} ${type}`);
    }
    expect(statuses).toEqual(['201 application/jose', ...Array<string>(3).fill('409 application/jose')]);
    expect(cluster.journal.filter((line) => line === 'file of 1234')).toHaveLength(1);
  });

  it('end a stream that runs at one within a minute of a logout at another', async () => {
    const browser = new Profile(cluster.balancer.url);
    const [here, there] = [browser.tab(urls()[0]), browser.tab(urls()[1])];
    const login = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"user":"ada"}' };
    expect((await here.fetch('/login', login)).status).toBe(201);
    const { body } = await there.fetch('/ticks');
    const reader = body!.getReader();
    expect((await reader.read()).done).toBe(false);
    expect((await here.fetch('/destroy', { ...login, body: '{}' })).status).toBe(201);
    const began = performance.now();
    const code = await (async () => {
      while (!(await reader.read()).done);
      return 'whole';
    })().catch((error: unknown) => (error as { code?: string }).code);
    const ms = performance.now() - began;
    process.stdout.write(`the stream ended ${(ms / 1000).toFixed(1)} s after the logout\n`);
    expect(code).toBe('stream-failed');
    expect(ms).toBeLessThan(BOUND_MS);
  });
});
