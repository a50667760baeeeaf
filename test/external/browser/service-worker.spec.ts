import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Headers, Post, Query, Redirect, Req, Sse, type MessageEvent } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { interval, map, take, type Observable } from 'rxjs';
import type { E2eClientOptions } from '../../../src/client/index.js';
import { Encrypted } from '../../../src/index.js';
import { useApp } from '../../integration/e2e/support/apps.js';
import { useChromium } from './support/chromium.js';
import { SiteController } from './support/site.js';

@Encrypted()
@Controller('things')
class ThingController {
  @Get()
  find(@Query() query: object): object {
    return { query };
  }

  @Post()
  create(@Body() body: unknown): unknown {
    return { body };
  }

  @Post('length')
  async measure(@Req() request: IncomingMessage): Promise<object> {
    let length = 0;
    for await (const chunk of request) length += (chunk as Buffer).length;
    return { length };
  }

  /** Connections of two events each. */
  @Sse('events')
  events(@Headers('last-event-id') last = '0'): Observable<MessageEvent> {
    return interval(5).pipe(
      take(2),
      map((n) => ({ id: String(Number(last) + n + 1), data: 'x', retry: 10 })),
    );
  }

  @Get('long')
  long(): string {
    return 'long '.repeat(100_000);
  }

  @Get('moved')
  @Redirect('/things?from=moved', 302)
  moved(): void {
    // The answer is a redirect.
  }
}

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const identity = publicKey.export({ format: 'jwk' }) as never;

describe('the client in a module service worker', () => {
  const chromium = useChromium();
  const app = useApp('express', {
    controllers: [SiteController, ThingController],
    e2e: { identityKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string },
  });

  const bound = useApp('express', {
    controllers: [SiteController, ThingController],
    e2e: { deviceBinding: 'required' },
  });

  async function ask(options: E2eClientOptions, url: string, init: object = {}, events?: number): Promise<unknown> {
    const page = await (await chromium.profile()).newPage();
    await page.goto(`${(options.deviceKey ? bound : app)().url}/page`);
    return page.evaluate(
      async (question) => {
        const { serviceWorker } = navigator;
        const registered = await serviceWorker.register('/service-worker.js', { type: 'module' });
        await serviceWorker.ready;
        return new Promise((resolve) => {
          serviceWorker.onmessage = ({ data }) => resolve(data);
          registered.active!.postMessage(question);
        });
      },
      { options, url, init, events },
    );
  }

  const found = { status: 200, body: '{"query":{"a":"1"}}' };
  const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' };

  it.each<[string, E2eClientOptions]>([
    ['RSA', {}],
    ['P-256', { keyKind: 'P-256' }],
    ['X25519', { keyKind: 'X25519' }],
    ['a pinned identity', { keyKind: 'X25519', identityKeys: [identity] }],
    ['a device key', { keyKind: 'X25519', deviceKey: true }],
  ])('calls: %s', async (_, options) => {
    expect(await ask(options, '/things?a=1')).toEqual(found);
  });

  it('pads, and follows redirects', async () => {
    expect(await ask({ keyKind: 'X25519', padding: true }, '/things', post)).toEqual({
      status: 201,
      body: '{"body":{"a":1}}',
    });
    expect(await ask({ keyKind: 'X25519' }, '/things/moved')).toEqual({
      status: 200,
      body: '{"query":{"from":"moved"}}',
    });
  });

  it.each([
    ['in one message', 1000],
    ['from memory', 200_000],
    ['from a private file', 3_000_000],
  ])('sends a body %s', async (_how, length) => {
    const init = { method: 'POST', body: 'x'.repeat(length), headers: { 'content-type': 'application/octet-stream' } };
    expect(await ask({ keyKind: 'X25519' }, '/things/length', init)).toEqual({
      status: 201,
      body: `{"length":${length}}`,
    });
  });

  it('reads an answer in frames, and events over connections', async () => {
    expect(await ask({ keyKind: 'X25519' }, '/things/long')).toEqual({ status: 200, body: 'long '.repeat(100_000) });
    expect(await ask({ keyKind: 'X25519' }, '/things/events', {}, 5)).toEqual(['1', '2', '3', '4', '5']);
  });

  it('says what went wrong in whole sentences', async () => {
    expect(await ask({ keyKind: 'X25519' }, '/page')).toMatchObject({ status: 200 });
    expect(await ask({ keyKind: 'X25519' }, 'https://elsewhere.test/')).toEqual({
      code: 'request-unsupported',
      message: expect.stringContaining('sends requests only to'),
    });
  });

  it('without WebCrypto’s alternative, which pages load on demand, says so', async () => {
    expect(await ask({ engine: 'forge' }, '/things')).toMatchObject({ code: 'runtime-unsupported' });
  });
});
