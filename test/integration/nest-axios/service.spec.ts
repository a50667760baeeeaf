import { HttpModule, HttpService } from '@nestjs/axios';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  BadRequestException,
  Body,
  Controller,
  Delete,
  Get,
  Header,
  Headers,
  HttpCode,
  Inject,
  Injectable,
  Param,
  Patch,
  Post,
  Put,
  Query,
  StreamableFile,
} from '@nestjs/common';
import { isAxiosError } from 'axios';
import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { firstValueFrom, type Observable } from 'rxjs';
import { Encrypted } from '../../../src/index.js';
import { E2eHttpModule, E2eHttpService, getE2eHttpToken, InjectE2eHttp } from '../../../src/nest-axios/index.js';
import { onEachPlatform, TestApp, useApp, type Setup } from '../e2e/support/apps.js';
import { CANARY } from '../e2e/support/raw.js';

/** Says when the handler `slow` runs. */
const running = new EventEmitter();

@Controller('notes')
class PlainController {
  @Get()
  list(@Query() query: object, @Headers('x-a') a?: string): object {
    return { query, a, canary: CANARY };
  }
  @Post()
  create(@Body() body: unknown): object {
    return { body };
  }
  @Put(':id')
  put(@Param('id') id: string, @Body() body: unknown): object {
    return { id, body };
  }
  @Patch(':id')
  patch(@Param('id') id: string, @Body() body: unknown): object {
    return { id, body };
  }
  @Delete(':id')
  @HttpCode(204)
  delete(): void {
    return;
  }
  @Post('wrong')
  wrong(): void {
    throw new BadRequestException(`${CANARY} is wrong`);
  }
  @Get('text')
  @Header('Content-Type', 'text/plain; charset=utf-8')
  text(): string {
    return `${CANARY} ß`;
  }
  @Get('file')
  file(): StreamableFile {
    return new StreamableFile(Readable.from([Buffer.from(CANARY), Buffer.alloc(100_000, 'x')]), { type: 'text/x-a' });
  }
  @Get('slow')
  async slow(): Promise<object> {
    running.emit('slow');
    await once(running, 'end');
    return {};
  }
}

@Controller('notes')
@Encrypted()
class SealedController extends PlainController {}

/** What a caller does with an `HttpService`; each returns what it saw. */
const CALLS: Readonly<Record<string, (http: HttpService) => Promise<unknown>>> = {
  get: (http) => see(http.get('notes', { params: { search: CANARY, list: [1, 2] }, headers: { 'x-a': 'b' } })),
  'get by a path': (http) => see(http.get('/notes?search=a%20b')),
  post: (http) => see(http.post('notes', { title: CANARY, nested: [{ a: null }] })),
  put: (http) => see(http.put('notes/1', { title: CANARY })),
  patch: (http) => see(http.patch('notes/1', { title: CANARY })),
  delete: (http) => see(http.delete('notes/1')),
  request: (http) => see(http.request({ url: 'notes', method: 'POST', data: { title: CANARY } })),
  'an error status': (http) => see(http.post('notes/wrong', {})),
  'an error status that is accepted': (http) => see(http.post('notes/wrong', {}, { validateStatus: () => true })),
  'a route that does not exist': (http) => see(http.get('notes/none/of/these')),
  text: (http) => see(http.get('notes/text', { responseType: 'text' })),
  bytes: async (http) => {
    const { data } = await firstValueFrom(http.get<ArrayBuffer>('notes/file', { responseType: 'arraybuffer' }));
    return Buffer.from(data).toString('latin1');
  },
  stream: async (http) => {
    const { data } = await firstValueFrom(http.get<Readable>('notes/file', { responseType: 'stream' }));
    return text(data);
  },
  interceptors: async (http) => {
    const seen: unknown[] = [];
    const ids = [
      http.axiosRef.interceptors.request.use((config) => (seen.push(config.data), config)),
      http.axiosRef.interceptors.response.use((response) => (seen.push(response.data), response)),
    ] as const;
    try {
      return [await see(http.post('notes', { title: CANARY })), seen];
    } finally {
      http.axiosRef.interceptors.request.eject(ids[0]);
      http.axiosRef.interceptors.response.eject(ids[1]);
    }
  },
  'a subscription that ends early': async (http) => {
    const arrived = once(running, 'slow');
    const outcomes: unknown[] = [];
    const subscription = http
      .get('notes/slow')
      .subscribe({ next: (each) => outcomes.push(each), error: () => 'error' });
    await arrived;
    subscription.unsubscribe();
    running.emit('end');
    return outcomes;
  },
};

/** The response or the error, without what names the server. */
async function see(call: Observable<{ status: number; data: unknown; headers: object }>): Promise<unknown> {
  try {
    const { status, data, headers } = await firstValueFrom(call);
    return { status, data, type: (headers as Record<string, unknown>)['content-type'] };
  } catch (error) {
    if (!isAxiosError(error)) throw error;
    const { code, message, config, response } = error;
    return { code, message, url: config?.url, method: config?.method, status: response?.status, data: response?.data };
  }
}

@Injectable()
class Upstreams {
  constructor(
    @Inject(HttpService) readonly plain: HttpService,
    @Inject(E2eHttpService) readonly sealed: E2eHttpService,
    @InjectE2eHttp('billing') readonly billing: E2eHttpService,
  ) {}
}

/** The calling application: its routes call the upstream servers. */
@Controller('calls')
class CallController {
  constructor(@Inject(Upstreams) private readonly upstreams: Upstreams) {}

  @Post(':service')
  async run(@Param('service') service: keyof Upstreams, @Body() { call }: { call: string }): Promise<object> {
    return { seen: await CALLS[call]!(this.upstreams[service]) };
  }
}

const UPSTREAM: Setup = { controllers: [SealedController], e2e: { session: 'channel' } };
const stop = async (imports: Setup['imports']): Promise<string> => {
  try {
    const app = await TestApp.start('express', { e2e: false, imports });
    await app.close();
    return 'it started';
  } catch (error) {
    return (error as Error).message;
  }
};

onEachPlatform('E2eHttpModule', (platform) => {
  const plain = useApp(platform, { controllers: [PlainController], e2e: false });
  const sealed = useApp(platform, UPSTREAM);
  const billing = useApp(platform, UPSTREAM);
  const caller = useApp(platform, () => ({
    e2e: false,
    imports: [
      HttpModule.register({ baseURL: `${plain().url}/` }),
      E2eHttpModule.register({ baseUrl: sealed().url, keyKind: 'X25519' }),
      E2eHttpModule.registerAsync({
        name: 'billing',
        useFactory: () => Promise.resolve({ baseUrl: `${billing().url}/`, keyKind: 'P-256' as const }),
      }),
    ],
    controllers: [CallController],
    providers: [Upstreams],
  }));

  const run = async (service: keyof Upstreams, call: string): Promise<unknown> => {
    const response = await fetch(`${caller().url}/calls/${service}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ call }),
    });
    return ((await response.json()) as { seen: unknown }).seen;
  };
  beforeEach(() => sealed().tap.clear());
  afterEach(() => {
    expect(sealed().tap.text).not.toContain(CANARY);
    expect(sealed().tap.text).not.toMatch(/^(set-)?cookie:/im);
  });

  it.each(Object.keys(CALLS))('behaves as the plain HttpService, sealed: %s', async (call) => {
    const expected = await run('plain', call);
    expect(expected).toBeDefined();
    expect(await run('sealed', call)).toEqual(expected);
    expect(await run('billing', call)).toEqual(expected);
    expect(sealed().tap.text).toContain('application/');
  });

  it('has one channel for all requests to one upstream, and another one for the next upstream', async () => {
    const { sealed: http, billing: other } = caller().get(Upstreams);
    const [{ kid, kind }, second] = [await http.client.handshake(), await http.client.handshake()];
    expect([second.kid, kind]).toEqual([kid, 'X25519']);
    expect(await other.client.handshake()).toMatchObject({ kind: 'P-256', kid: expect.not.stringContaining(kid) });
    expect(caller().nest.get(getE2eHttpToken('billing'), { strict: false })).toBe(other);
  });

  it('sends nothing to another server', async () => {
    const { sealed: http } = caller().get(Upstreams);
    const failed = firstValueFrom(http.post(`${plain().url}/notes`, { title: CANARY }));
    await expect(failed).rejects.toMatchObject({ cause: { code: 'request-unsupported' } });
  });

  it('trusts only the pinned identity of the upstream', async () => {
    const pinned = 'A'.repeat(43);
    const app = await TestApp.start(platform, {
      e2e: false,
      imports: [E2eHttpModule.register({ baseUrl: sealed().url, keyKind: 'X25519', identityKeys: [pinned] })],
    });
    try {
      const http = app.get(E2eHttpService);
      await expect(firstValueFrom(http.post('notes', { title: CANARY }))).rejects.toMatchObject({
        cause: { name: 'E2eClientError', code: expect.stringMatching(/^(handshake|identity)/) },
      });
    } finally {
      await app.close();
    }
  });

  it('says what is wrong if the upstream needs a session, and keeps its cookie if told to', async () => {
    const withSession = await TestApp.start(platform, { controllers: [SealedController] });
    const options = { baseUrl: withSession.url, keyKind: 'X25519' as const };
    const app = await TestApp.start(platform, {
      e2e: false,
      imports: [
        E2eHttpModule.register(options),
        E2eHttpModule.register({ name: 'cookies', ...options, cookies: true, isGlobal: true }),
      ],
    });
    try {
      const http = app.get(E2eHttpService);
      await expect(firstValueFrom(http.get('notes'))).rejects.toThrow(/session: 'channel'/);
      const other: E2eHttpService = app.nest.get(getE2eHttpToken('cookies'), { strict: false });
      expect((await firstValueFrom(other.get('notes'))).status).toBe(200);
    } finally {
      await app.close();
      await withSession.close();
    }
  });

  it('closes its clients when the application shuts down, after all other hooks', async () => {
    const seen: unknown[] = [];
    @Injectable()
    class Reporter {
      constructor(@Inject(E2eHttpService) private readonly http: E2eHttpService) {}
      async beforeApplicationShutdown(): Promise<void> {
        seen.push(await see(this.http.post('notes', { title: CANARY })));
      }
    }
    const app = await TestApp.start(platform, {
      e2e: false,
      imports: [E2eHttpModule.register({ baseUrl: sealed().url, keyKind: 'X25519' })],
      providers: [Reporter],
    });
    const { client } = app.get(E2eHttpService);
    const { kid } = await client.handshake();
    await app.close();
    expect(seen).toEqual([expect.objectContaining({ status: 201 })]);
    // The old channel is gone: only a new one can be opened.
    expect((await client.handshake()).kid).not.toBe(kid);
    client.close();
  });
});

describe('Wrong options of E2eHttpModule stop the start', () => {
  const baseUrl = 'https://billing.internal';
  it.each([
    ['an unknown option', { baseUrl, identityKey: [] }, /E2eHttpModule: identityKey is not an option/],
    ['no URL', { name: 'billing' }, /E2eHttpModule "billing": baseUrl is missing/],
    ['pins from a variable that is not set', { baseUrl, identityKeys: undefined }, /identityKeys is undefined/],
    ['an adapter', { baseUrl, axios: { adapter: 'http' } }, /axios\.adapter has no effect/],
    ['an agent', { baseUrl, axios: { httpsAgent: {} } }, /axios\.httpsAgent has no effect.*"fetch"/],
  ])('%s', async (_what, options, message) => {
    expect(await stop([E2eHttpModule.register(options as never)])).toMatch(message);
    const { name, ...rest } = options as { name?: string };
    expect(await stop([E2eHttpModule.registerAsync({ name, useFactory: () => rest as never })])).toMatch(message);
  });

  it('a factory that returns nothing', async () => {
    expect(await stop([E2eHttpModule.registerAsync({ useFactory: () => undefined as never })])).toMatch(/baseUrl/);
  });
});
