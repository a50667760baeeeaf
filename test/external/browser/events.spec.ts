import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type * as Client from '../../../src/client/index.js';
import { Tap } from '../../integration/e2e/support/tap.js';
import { startSample, type Sample } from '../conformance/server.js';
import { startRedis, type RedisServer } from '../redis/support/redis.js';
import { useChromium } from './support/chromium.js';
import { Devtools } from './support/devtools.js';
import { eventually } from './support/eventually.js';

/** So many, 50 ms apart, are not over before the server is killed. */
const COUNT = 400;

/** What a page has seen of its event source. */
interface Seen {
  readonly ids: string[];
  readonly data: string[];
  /** Why it connected again, and why it stopped. */
  readonly errors: (string | undefined)[];
  state: number;
}

declare global {
  var seen: Seen;
}

describe('live events, while their server is killed and started again', () => {
  const chromium = useChromium();
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  const secret = () => randomBytes(32).toString('base64url');
  it.each([
    { store: 'in memory, which are lost', environment: () => ({}), handshakes: 2 },
    {
      store: 'in Redis',
      environment: () => ({ REDIS_URL: redis.url, E2E_SECRET: secret(), SESSION_SECRET: secret() }),
      handshakes: 1,
    },
  ])('go on after the last one that was seen: sessions $store', async ({ environment, handshakes }) => {
    const env: Record<string, string> = environment();
    const first = await startSample(env);
    const tap = await Tap.before(first.port);
    let second: Sample | undefined;
    try {
      const page = await (await chromium.profile()).newPage();
      const devtools = await Devtools.open(page);
      await page.goto(`${tap.url}/health`);
      await page.evaluate(async (count) => {
        const module = '/lib/client/index.js';
        const { createE2eClient } = (await import(module)) as typeof Client;
        const source = createE2eClient({ keyKind: 'X25519' }).eventSource(`/events?count=${count}`);
        globalThis.seen = { ids: [], data: [], errors: [], state: 0 };
        source.onmessage = ({ lastEventId, data }) => {
          globalThis.seen.ids.push(lastEventId);
          globalThis.seen.data.push(data);
        };
        source.onerror = ({ error }) => {
          globalThis.seen.errors.push((error as { code?: string } | undefined)?.code ?? String(error));
          globalThis.seen.state = source.readyState;
        };
      }, COUNT);
      const seen = () => page.evaluate(() => globalThis.seen);
      await eventually(async () => expect((await seen()).ids.length).toBeGreaterThan(10));
      await first.kill();
      await eventually(async () => expect((await seen()).errors.length).toBeGreaterThan(0));
      const before = (await seen()).ids.length;
      expect(before).toBeLessThan(COUNT);
      second = await startSample(env, first.port);
      await eventually(async () => expect((await seen()).state).toBe(2));

      const { ids, data, errors } = await seen();
      const numbers = Array.from({ length: COUNT }, (_, index) => index + 1);
      expect(ids).toEqual(numbers.map(String));
      expect(data).toEqual(numbers.map((n) => JSON.stringify({ n })));
      // Cut off, perhaps some attempts while nobody was there, the end of the second stream, and the 204.
      expect(errors[0]).toBe('stream-broken');
      expect(errors.at(-1)).toBe('no-event-stream');
      expect(tap.text.match(/POST \/e2e\/handshake HTTP/g)).toHaveLength(handshakes);
      // Neither an id nor data, nor a word of what was asked: the client's own scripts apart.
      await devtools.settle();
      const shown = devtools.shown.filter(({ of }) => !of.includes('/lib/'));
      expect(shown.filter(({ of }) => of.endsWith('/events')).length).toBeGreaterThanOrEqual(6);
      const clear = /last-event-id|content-type\W+text.event-stream|count=|"n":|^(id|data): ?\d/im;
      expect(shown.filter(({ text }) => clear.test(text)).map(({ of }) => of)).toEqual([]);
      expect(/^last-event-id:|^content-type: text\/event-stream|count=|"n":\d|^data: /im.test(tap.text)).toBe(false);
      expect(tap.text.match(/GET \/events HTTP/g)!.length).toBeGreaterThanOrEqual(3);
    } finally {
      await tap.close();
      await first.stop();
      await second?.stop();
    }
  });
});
