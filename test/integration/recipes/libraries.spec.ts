import { afterEach, beforeEach, expect, it } from '@jest/globals';
import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Post,
  Put,
  Query,
  Req,
  Res,
  ServiceUnavailableException,
  type Type,
} from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import ky, { HTTPError, TimeoutError, type KyInstance } from 'ky';
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import createClient from 'openapi-fetch';
import type { E2eClient } from '../../../src/client/index.js';
import { Encrypted } from '../../../src/index.js';
import { errorOf } from '../../unit/client/support/harness.js';
import { onEachPlatform, useApp, type Setup } from '../e2e/support/apps.js';
import { CANARY } from '../e2e/support/raw.js';

/** How often the server ran each handler that fails at first. */
const count = { get: 0, put: 0 };

@Controller()
@Encrypted()
class BodyController {
  @Post('echo')
  @HttpCode(200)
  echo(@Body() body: unknown, @Query() query: object): object {
    return { body, query };
  }
  @Get('flaky')
  @Header('Retry-After', '0')
  flaky(): object {
    if (++count.get < 3) throw new ServiceUnavailableException('not yet');
    return { tries: count.get };
  }
  @Put('flaky')
  async put(@Req() request: IncomingMessage & { raw?: IncomingMessage }): Promise<object> {
    const hash = createHash('sha256');
    for await (const chunk of request.raw ?? request) hash.update(chunk as Buffer);
    if (++count.put < 3) throw new ServiceUnavailableException('not yet');
    return { tries: count.put, sha256: hash.digest('hex') };
  }
  @Get('slow')
  slow(): Promise<object> {
    return new Promise((resolve) => setTimeout(resolve, 60_000, {}).unref());
  }
  @Get('cut')
  cut(@Res() reply: ServerResponse & { raw?: ServerResponse; hijack?: () => void }): void {
    reply.hijack?.();
    const response = reply.raw ?? reply;
    response.write(CANARY, () => response.destroy());
  }
  @Get('nothing')
  @HttpCode(204)
  nothing(): void {
    return;
  }
}

interface Paths {
  '/echo': { post: { requestBody: { content: { 'application/json': object } }; responses: Responses } };
  '/flaky': { get: { responses: Responses } };
  '/cut': { get: { responses: Responses } };
  '/nothing': { get: { responses: { 204: { content?: never } } } };
}
interface Responses {
  200: { content: { 'application/json': object } };
  503: { content: { 'application/json': { message: string } } };
}

const setup: Setup = {
  controllers: [BodyController as Type],
  configure: (nest, platform) => {
    if (platform !== 'fastify') return;
    const fastify = (nest as NestFastifyApplication).getHttpAdapter().getInstance();
    fastify.addContentTypeParser('application/octet-stream', (_request, _body, done) => done(null));
  },
};

const thrownBy = <Thrown = unknown>(call: Promise<unknown>): Promise<Thrown> =>
  call.then(
    () => Promise.reject(new Error('the call went through')),
    (error: unknown) => error as Thrown,
  );

onEachPlatform('A library that takes a fetch', (platform) => {
  const app = useApp(platform, setup);
  let client: E2eClient;
  let api: KyInstance;
  beforeEach(() => {
    count.get = count.put = 0;
    client = app().client();
    api = ky.create({ prefixUrl: app().url, fetch: client.fetch, retry: { delay: () => 0 } });
    app().tap.clear();
  });
  afterEach(() => {
    expect(app().tap.text).not.toContain(CANARY);
    client.close();
  });

  const bytes = new Uint8Array(1_500_000).map((_, index) => (index * 7919) >> 3);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const streamed = () => new Blob([bytes]).stream();

  it('ky: JSON and searchParams, sealed', async () => {
    const sent = { json: { title: CANARY }, searchParams: { search: CANARY } };
    expect(await api.post('echo', sent).json()).toEqual({ body: { title: CANARY }, query: { search: CANARY } });
    expect((await api.get('nothing')).status).toBe(204);
  });

  it('ky: an error status is an HTTPError with the opened response', async () => {
    const error = await thrownBy<HTTPError>(api.get('flaky', { retry: 0 }));
    expect(error).toBeInstanceOf(HTTPError);
    expect(await error.response.json()).toMatchObject({ message: 'not yet', statusCode: 503 });
  });

  it('ky: retries what may be retried, sealed again each time', async () => {
    expect(await api.get('flaky').json()).toEqual({ tries: 3 });
    const headers = { 'content-type': 'application/octet-stream' };
    for (const body of [bytes, streamed()]) {
      count.put = 0;
      expect(await api.put('flaky', { body, headers }).json()).toEqual({ tries: 3, sha256 });
    }
  });

  it('ky: hooks see plain requests and responses', async () => {
    const seen: unknown[] = [];
    const hooked = api.extend({
      hooks: {
        beforeRequest: [async (request) => void seen.push(await request.clone().json())],
        afterResponse: [async (_request, _options, response) => void seen.push(await response.json())],
      },
    });
    const body = { title: CANARY };
    expect(await hooked.post('echo', { json: body }).json()).toEqual({ body, query: {} });
    expect(seen).toEqual([body, { body, query: {} }]);
  });

  it('ky: a timeout and a signal end a call', async () => {
    await client.handshake();
    expect(await thrownBy(api.get('slow', { timeout: 50, retry: 0 }))).toBeInstanceOf(TimeoutError);
    const leaving = new AbortController();
    const left = thrownBy(api.get('slow', { signal: leaving.signal, retry: 0 }));
    setTimeout(() => leaving.abort(), 50);
    expect(await left).toMatchObject({ name: 'AbortError' });
  });

  it("ky: the client's own options, and its errors", async () => {
    const directions: string[] = [];
    await api.post('echo', {
      json: { title: CANARY },
      fetch: (input, init) =>
        client.fetch(input, { ...init, e2e: { onProgress: ({ direction }) => void directions.push(direction) } }),
    });
    expect(directions).toEqual(['upload', 'download']);
    expect(await errorOf(api.get('cut', { onDownloadProgress: () => undefined }).blob())).toMatchObject({
      code: 'stream-broken',
    });
    const elsewhere = api.get('x', { prefixUrl: 'http://elsewhere.invalid/', retry: 0 });
    expect(await errorOf(elsewhere)).toMatchObject({ code: 'request-unsupported' });
  });

  it('openapi-fetch: JSON, queries, errors and no content', async () => {
    const typed = createClient<Paths>({ baseUrl: app().url, fetch: client.fetch });
    const { data } = await typed.POST('/echo', { body: { title: CANARY } });
    expect(data).toEqual({ body: { title: CANARY }, query: {} });
    const { error, response } = await typed.GET('/flaky');
    expect([response.status, error]).toEqual([503, expect.objectContaining({ message: 'not yet' })]);
    expect(await typed.GET('/nothing')).toMatchObject({ data: undefined, response: { status: 204 } });
  });

  it('openapi-fetch: middleware sees plain requests and responses, and a stream that is cut fails', async () => {
    const typed = createClient<Paths>({ baseUrl: app().url, fetch: client.fetch });
    const seen: unknown[] = [];
    typed.use({
      onRequest: async ({ request }) => void seen.push(await request.clone().text()),
      onResponse: async ({ response }) => void seen.push(await response.clone().json()),
    });
    const body = { title: CANARY };
    await typed.POST('/echo', { body });
    expect(seen).toEqual([JSON.stringify(body), { body, query: {} }]);

    const plain = createClient<Paths>({ baseUrl: app().url, fetch: client.fetch });
    const { data } = await plain.GET('/cut', { parseAs: 'stream' });
    expect(await errorOf(new Response(data).text())).toMatchObject({ code: 'stream-broken' });
  });
});
