import { describe, expect, it } from '@jest/globals';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Body, Controller, Delete, Get, Header, HttpCode, Post, Query, Session } from '@nestjs/common';
import type { BrowserContext, Page } from 'playwright-core';
import { E2e, Encrypted, type ChannelFacts } from '../../../src/index.js';
import { useApp } from '../../integration/e2e/support/apps.js';
import { makeCanary } from './support/canary.js';
import { useChromium } from './support/chromium.js';
import { SiteController } from './support/site.js';

@Encrypted()
@Controller('things')
class ThingController {
  @Get()
  find(@Query() query: object, @E2e() { kind }: ChannelFacts): object {
    return { query, kind };
  }

  @Post()
  create(@Body() body: unknown): unknown {
    return { body: Buffer.isBuffer(body) ? body.toString('hex') : body };
  }

  @Get('count')
  @Header('Cache-Control', 'max-age=60')
  count(@Session() session: { count?: number }): number {
    session.count = (session.count ?? 0) + 1;
    return session.count;
  }

  @Delete()
  @HttpCode(204)
  remove(): void {
    // An empty answer.
  }
}

describe('the client in a page', () => {
  const chromium = useChromium();
  const app = useApp('express', {
    controllers: [SiteController, ThingController],
    // Express parses JSON and forms alone.
    configure: (nest) => (nest as NestExpressApplication).useBodyParser('text').useBodyParser('raw'),
  });

  async function openPage(context?: BrowserContext): Promise<Page> {
    const page = await (context ?? (await chromium.profile())).newPage();
    await page.goto(`${app().url}/page`);
    return page;
  }

  it.each(['RSA', 'P-256', 'X25519'] as const)('calls by %s, with keys that no script reads out', async (kind) => {
    const page = await openPage();
    const canary = makeCanary();
    app().tap.clear();
    const result = await page.evaluate(
      async ({ keyKind, text }) => {
        // Every key that passes through WebCrypto from here on.
        const keys: CryptoKey[] = [];
        const keep = <T>(made: T): T => {
          for (const each of [made, ...Object.values(made as object)]) if (each instanceof CryptoKey) keys.push(each);
          return made;
        };
        const { subtle } = crypto;
        for (const name of ['generateKey', 'importKey', 'deriveKey', 'unwrapKey'] as const) {
          const original = subtle[name].bind(subtle) as (...args: unknown[]) => Promise<unknown>;
          Object.defineProperty(subtle, name, { value: async (...args: unknown[]) => keep(await original(...args)) });
        }
        const client = e2e.createE2eClient({ keyKind, engine: 'web' });
        const found = await client.fetch(`/things?search=${text}`);
        const created = await client.fetch('/things', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ text }),
        });
        const removed = await client.fetch('/things', { method: 'DELETE' });
        const secret = keys.filter(({ type }) => type !== 'public');
        const formats = { private: ['pkcs8', 'jwk'], secret: ['raw', 'jwk'], public: [] };
        const readOut = secret.flatMap((key) =>
          formats[key.type].map((format) =>
            subtle.exportKey(format as 'jwk', key).then(
              () => `${key.algorithm.name} as ${format}`,
              () => undefined,
            ),
          ),
        );
        return {
          found: [found.status, found instanceof Response, await found.json()],
          created: [created.status, created.headers.get('content-type'), await created.json()],
          removed: [removed.status, await removed.text()],
          secretKeys: [...new Set(secret.map(({ type, algorithm }) => `${type} ${algorithm.name}`))],
          extractable: secret.filter(({ extractable }) => extractable).length,
          readOut: (await Promise.all(readOut)).filter(Boolean),
        };
      },
      { keyKind: kind, text: canary },
    );
    expect(result.found).toEqual([200, true, { query: { search: canary }, kind }]);
    expect(result.created).toEqual([201, 'application/json; charset=utf-8', { body: { text: canary } }]);
    expect(result.removed).toEqual([204, '']);
    const pair = { RSA: 'private RSA-OAEP', 'P-256': 'private ECDH', X25519: 'private X25519' }[kind];
    expect(result.secretKeys.sort()).toEqual([pair, 'secret AES-GCM', 'secret HKDF']);
    expect(result.extractable).toBe(0);
    expect(result.readOut).toEqual([]);
    expect(app().tap.text).not.toContain(canary);
  });

  it('shows nothing of a channel, and keeps nothing outside memory', async () => {
    const page = await openPage();
    const result = await page.evaluate(async () => {
      const globals = Object.keys(globalThis).length;
      const client = e2e.createE2eClient();
      const facts = await client.handshake();
      await client.fetch('/things');
      return {
        json: JSON.stringify(client),
        facts: Object.keys(facts),
        members: Object.getOwnPropertyNames(client).map((name) => [name, typeof Reflect.get(client, name)]),
        newGlobals: Object.keys(globalThis).length - globals,
        stored: [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length, document.cookie],
        caches: await caches.keys(),
      };
    });
    expect(result).toEqual({
      json: '{}',
      facts: ['kid', 'kind', 'session', 'expiresAt'],
      members: [
        ['fetch', 'function'],
        ['eventSource', 'function'],
        ['webSocket', 'function'],
        ['handshake', 'function'],
        ['close', 'function'],
      ],
      newGlobals: 0,
      stored: [0, 0, 0, ''],
      caches: [],
    });
  });

  it('takes every kind of body that a page has, and a Request', async () => {
    const page = await openPage();
    const result = await page.evaluate(async () => {
      const client = e2e.createE2eClient({ keyKind: 'X25519' });
      const send = async (body: BodyInit, headers = {}) => {
        const response = await client.fetch('/things', { method: 'POST', body, headers });
        return ((await response.json()) as { body: unknown }).body;
      };
      const json = { 'content-type': 'application/json' };
      const request = new Request('/things', { method: 'POST', body: '{"by":"request"}', headers: json });
      return {
        string: await send('words'),
        json: await send('{"a":[1,null,"ü 🔐"]}', json),
        form: await send(new URLSearchParams({ a: '1 & 2' })),
        bytes: await send(new Uint8Array([0, 255])),
        blob: await send(new Blob(['[1]'], { type: 'application/json' })),
        request: await (await client.fetch(request)).json(),
        aborted: await client
          .fetch('/things', { signal: AbortSignal.abort() })
          .catch((error: unknown) => (error as DOMException).name),
      };
    });
    expect(result).toEqual({
      string: 'words',
      json: { a: [1, null, 'ü 🔐'] },
      form: { a: '1 & 2' },
      bytes: '00ff',
      blob: [1],
      request: { body: { by: 'request' } },
      aborted: 'AbortError',
    });
  });

  it('asks the server each time: no cache of the browser answers', async () => {
    const page = await openPage();
    const counts = await page.evaluate(async () => {
      const client = e2e.createE2eClient({ keyKind: 'X25519' });
      const count = async () => (await client.fetch('/things/count')).text();
      return [await count(), await count(), await count()];
    });
    expect(counts).toEqual(['1', '2', '3']);
  });

  it('works in a module worker, on the session of the page', async () => {
    const page = await openPage();
    app().tap.clear();
    const answers = await page.evaluate(async () => {
      const client = e2e.createE2eClient({ keyKind: 'X25519' });
      const here = await (await client.fetch('/things/count')).text();
      const worker = new Worker('/worker.js', { type: 'module' });
      const there = await new Promise<unknown>((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => resolve(message);
        worker.postMessage({ url: '/things/count' });
      });
      worker.terminate();
      return [here, there];
    });
    expect(answers).toEqual(['1', { status: 200, body: '2' }]);
    expect(app().tap.text.match(/POST \/e2e\/handshake /g)).toHaveLength(2);
    expect(app().tap.text.match(/^set-cookie:/gim)).toHaveLength(1);
  });

  it('recovers in a tab whose channel other tabs have pushed out', async () => {
    const context = await chromium.profile();
    const [tab, other] = [await openPage(context), await openPage(context)];
    await tab.evaluate(async () => {
      const client = e2e.createE2eClient({ keyKind: 'X25519' });
      Object.assign(globalThis, { client });
      await client.fetch('/things/count');
    });
    // A session has 32 channels, of which the least recently used goes.
    await other.evaluate(async () => {
      for (let made = 0; made < 32; made++) await e2e.createE2eClient({ keyKind: 'X25519' }).handshake();
    });
    const result = await tab.evaluate(async () => {
      const { client } = globalThis as unknown as { client: ReturnType<typeof e2e.createE2eClient> };
      const post = () => client.fetch('/things', { method: 'POST', body: 'words' });
      // Another copy of a POST may have been processed: the caller decides.
      const refused = await post().catch((error: unknown) => {
        const { code, problem } = error as InstanceType<typeof e2e.E2eClientError>;
        return [code, problem];
      });
      const again = await post();
      return { refused, again: again.status };
    });
    expect(result).toEqual({ refused: ['plain-answer', 'handshake-required'], again: 201 });
  });

  it('recovers by itself from a lost session, where sending again is safe', async () => {
    const context = await chromium.profile();
    const page = await openPage(context);
    const count = () =>
      page.evaluate(async () => {
        const holder = globalThis as unknown as { client?: ReturnType<typeof e2e.createE2eClient> };
        holder.client ??= e2e.createE2eClient({ keyKind: 'X25519' });
        return (await holder.client.fetch('/things/count')).text();
      });
    expect([await count(), await count()]).toEqual(['1', '2']);
    await context.clearCookies();
    expect(await count()).toBe('1');
  });

  it('reports that WebCrypto was requested and browsers hide it', async () => {
    const page = await (await chromium.profile()).newPage();
    await page.goto(`${app().url.replace('127.0.0.1', 'e2e.test')}/page`);
    const refused = await page.evaluate(() =>
      e2e
        .createE2eClient({ engine: 'web' })
        .fetch('/things')
        .catch((error: unknown) => {
          const { name, code } = error as InstanceType<typeof e2e.E2eClientError>;
          return [name, code];
        }),
    );
    expect(refused).toEqual(['E2eClientError', 'engine-unsupported']);
  });
});
