import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { BadRequestException, Body, Controller, Get, Headers, Post, Query } from '@nestjs/common';
import axios, { AxiosError, CanceledError, isAxiosError, isCancel, type AxiosInstance } from 'axios';
import { EventEmitter, once } from 'node:events';
import { sealAxios } from '../../../src/axios/index.js';
import { E2eClientError, type E2eClient } from '../../../src/client/index.js';
import { Encrypted, Plain } from '../../../src/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { CANARY } from '../e2e/support/raw.js';

/** `slow` when that handler runs; it takes until `end`. */
const running = new EventEmitter();

@Controller('api/notes')
@Encrypted()
class NoteController {
  @Post()
  create(@Body() body: unknown, @Headers('x-a') a?: string, @Headers('authorization') authorization?: string) {
    return { body, a, authorization };
  }

  @Get()
  list(@Query() query: object) {
    return { query, canary: CANARY };
  }

  @Post('wrong')
  refuse() {
    throw new BadRequestException('wrong, says the handler');
  }

  @Get('slow')
  async slow() {
    running.emit('slow');
    await once(running, 'end');
    return {};
  }

  @Post('half')
  @Encrypted({ request: false })
  half(@Body() body: object) {
    return body;
  }

  @Get('plain')
  @Encrypted({ response: false })
  plain() {
    return { plain: true };
  }
}

@Controller('open')
class OpenController {
  @Get()
  @Plain()
  open() {
    return { open: true };
  }
}

onEachPlatform('axios', (platform) => {
  const app = useApp(platform, { controllers: [NoteController, OpenController] });
  let client: E2eClient;
  let http: AxiosInstance;

  beforeEach(() => {
    client = app().client();
    http = sealAxios(axios.create({ baseURL: `${app().url}/api`, headers: { 'x-a': 'always' } }), client);
    app().tap.clear();
  });
  afterEach(() => client.close());

  const failure = async (call: Promise<unknown>): Promise<AxiosError> => {
    const error: unknown = await call.then(
      () => new Error('the call went through'),
      (reason: unknown) => reason,
    );
    if (!isAxiosError(error)) throw error;
    expect(error).toBeInstanceOf(AxiosError);
    return error;
  };

  it('seals bodies both ways, and gives the plain answer', async () => {
    const response = await http.post('/notes', { title: CANARY }, { auth: { username: 'ada', password: 'x' } });
    const authorization = `Basic ${btoa('ada:x')}`;
    expect(response).toMatchObject({ status: 201, data: { body: { title: CANARY }, a: 'always', authorization } });
    expect(response.headers['content-type']).toMatch(/^application\/json/);
    expect(response.config.url).toBe('/notes');
    expect(app().tap.text).toContain('application/jose');
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('drops a length of the plain body, with a body in the clear too', async () => {
    const data = JSON.stringify({ title: 'Hello' });
    const headers = { 'content-type': 'application/json', 'content-length': data.length };
    expect((await http.post('/notes', data, { headers })).data).toMatchObject({ body: { title: 'Hello' } });
    const half = { headers, fetchOptions: { e2e: { request: false } } };
    expect((await http.post('/notes/half', data, half)).data).toEqual({ title: 'Hello' });
  });

  it('takes baseURL and params, and seals the query', async () => {
    const { data } = await http.get<{ query: object }>('notes', { params: { search: CANARY, list: [1, 2] } });
    expect(data.query).toMatchObject({ search: CANARY });
    expect(app().tap.text).not.toContain(CANARY);
    const relative = sealAxios(axios.create(), client);
    expect((await relative.get('/api/notes?a=b')).data).toMatchObject({ query: { a: 'b' } });
    expect(relative.getUri({ url: '/api/notes', params: { a: 1 } })).toBe('/api/notes?a=1');
  });

  it('shows interceptors what is plain, and what they change is sent', async () => {
    const seen: unknown[] = [];
    http.interceptors.request.use((config) => {
      seen.push(config.data);
      config.headers.set('x-a', 'intercepted');
      config.headers.delete('accept');
      return config;
    });
    http.interceptors.response.use((response) => {
      seen.push((response.data as { body: unknown }).body);
      return response;
    });
    const { data } = await http.post<{ a: string }>('/notes', { title: 'Hello' });
    expect(data.a).toBe('intercepted');
    expect(seen).toEqual([{ title: 'Hello' }, { title: 'Hello' }]);
  });

  it('transforms once: requests before they are sealed, answers after they are opened', async () => {
    const { data } = await http.post<unknown>('/notes', 'x', {
      transformRequest: [(text: string, headers) => (headers.setContentType('application/json'), `["${text}!"]`)],
      transformResponse: [(text: string) => [text.includes('"x!"')]],
    });
    expect(data).toEqual([true]);
  });

  it('rejects by validateStatus, with the opened answer', async () => {
    const error = await failure(http.post('/notes/wrong', {}));
    expect(error).toMatchObject({ code: AxiosError.ERR_BAD_REQUEST, status: 400 });
    expect(error.response).toMatchObject({ status: 400, data: { message: 'wrong, says the handler' } });
    expect(error.config).toMatchObject({ url: '/notes/wrong', method: 'post' });
    const accepted = await http.post('/notes/wrong', {}, { validateStatus: () => true });
    expect(accepted.data).toMatchObject({ message: 'wrong, says the handler' });
  });

  it('sends an error’s config again, sealed', async () => {
    const error = await failure(http.post('/notes/wrong', { title: CANARY }));
    expect((await failure(http.request(error.config!))).response?.status).toBe(400);
    expect((await http.request({ ...error.config!, url: '/notes' })).data).toMatchObject({ body: { title: CANARY } });
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('gives each response type', async () => {
    const get = async (responseType: 'json' | 'text' | 'arraybuffer' | 'blob') =>
      (await http.get<unknown>('/notes', { responseType })).data;
    const text = JSON.stringify({ query: {}, canary: CANARY });
    expect(await get('json')).toEqual(JSON.parse(text));
    expect(Buffer.from((await get('arraybuffer')) as ArrayBuffer).toString()).toBe(text);
    const blob = (await get('blob')) as Blob;
    expect([await blob.text(), blob.type]).toEqual([text, expect.stringContaining('application/json')]);
    expect(await get('text')).toBe(text);
  });

  it('ends calls at their timeout, and at their signal', async () => {
    await client.handshake();
    try {
      expect((await failure(http.get('/notes/slow', { timeout: 20 }))).code).toBe(AxiosError.ETIMEDOUT);
      const controller = new AbortController();
      running.once('slow', () => controller.abort());
      const error = await failure(http.get('/notes/slow', { signal: controller.signal }));
      expect(error).toBeInstanceOf(CanceledError);
      expect(isCancel(error)).toBe(true);
    } finally {
      running.emit('end');
    }
  });

  it('passes on what the client takes for one call', async () => {
    const half = { fetchOptions: { e2e: { request: false } } };
    expect((await http.post('/notes/half', { title: 'in the clear' }, half)).data).toEqual({ title: 'in the clear' });
    expect((await http.get('/notes/plain', { fetchOptions: { e2e: { response: false } } })).data).toEqual({
      plain: true,
    });
    expect((await http.get(`${app().url}/open`)).data).toEqual({ open: true });
  });

  it("makes the client's errors AxiosErrors with their cause", async () => {
    const error = await failure(http.get('/notes/plain'));
    expect(error.code).toBe('plain-answer');
    expect(error.cause).toBeInstanceOf(E2eClientError);
    expect(error.cause).toMatchObject({ code: 'plain-answer', status: 200 });
    expect(error.response).toBeUndefined();
    expect((await failure(http.head('/notes'))).cause).toMatchObject({ code: 'request-unsupported' });
  });

  it('seals a FormData whole: names, values and file names', async () => {
    const form = new FormData();
    form.set('canary', new Blob([CANARY]), `${CANARY}.txt`);
    await http.post('/notes', form, { validateStatus: () => true });
    expect(app().tap.text).not.toContain(CANARY);
    expect(app().tap.text).not.toContain('form-data');
  });

  it('sends nothing to another origin', async () => {
    const elsewhere = app().url.replace('127.0.0.1', 'localhost');
    const error = await failure(http.post(`${elsewhere}/api/notes`, { title: CANARY }));
    expect(error.cause).toMatchObject({ code: 'request-unsupported', message: expect.stringContaining(elsewhere) });
    expect(app().tap.text).toBe('');
  });

  it('leaves other instances as they are', async () => {
    const other = axios.create({ baseURL: app().url });
    expect((await failure(other.get('/api/notes'))).response?.status).toBe(415);
    expect((await other.get('/open')).data).toEqual({ open: true });
  });

  it('sends nothing with an axios whose fetch adapter accepts no fetch', async () => {
    const old = axios.create({ baseURL: app().url });
    const create = old.create.bind(old);
    // As before 1.12: `env` is not asked, whoever gives it.
    old.create = (defaults) => {
      const inner = create(defaults);
      const request = inner.request.bind(inner);
      inner.request = (config) => request({ ...config, env: {} });
      return inner;
    };
    await expect(sealAxios(old, client).post('/api/notes', { title: CANARY })).rejects.toThrow(/axios 1\.12/);
    expect(app().tap.text).toBe('');
  });
});
