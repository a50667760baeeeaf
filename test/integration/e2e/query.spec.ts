import { describe, expect, it } from '@jest/globals';
import { CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import { Controller, Get, Injectable, Query, Req, UseInterceptors, ValidationPipe } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { IsInt, IsString, Max } from 'class-validator';
import { Transform } from 'class-transformer';
import { Writable } from 'node:stream';
import { Encrypted, Plain } from '../../../src/index.js';
import { search } from '../../external/conformance/channel.js';
import { until } from '../../support/clock.js';
import { onEachPlatform, useApp, type TestApp } from './support/apps.js';
import { CANARY, errorOf, expectPlainProblem } from './support/raw.js';

class SearchDto {
  @IsString()
  text!: string;
  @Transform(({ value }) => Number(value))
  @IsInt()
  @Max(50)
  limit!: number;
}

@Injectable()
class Counter {
  runs = 0;
}

interface Urls {
  url: string;
  originalUrl?: string;
  query: unknown;
}

@Encrypted()
@Controller('search')
class SearchController {
  constructor(private readonly counter: Counter) {}
  @Get()
  search(@Query() query: unknown, @Query('name') name: unknown): object {
    return { query, name: name ?? null };
  }
  @Get('checked')
  checked(@Query(new ValidationPipe({ transform: true, whitelist: true })) query: SearchDto): SearchDto {
    return query;
  }
  @Get('cached')
  @UseInterceptors(CacheInterceptor)
  cached(@Query('name') name: string): object {
    return { name, run: ++this.counter.runs };
  }
  @Plain()
  @Get('plain')
  @UseInterceptors(CacheInterceptor)
  plain(@Query('name') name: string): object {
    return { name };
  }
  @Get('urls')
  urls(@Req() request: Urls): object {
    return { url: request.url, originalUrl: request.originalUrl, query: request.query };
  }
}

/** Every line of an access log, written as morgan and Fastify's own logger write them. */
const accessLog: string[] = [];
const pinoStream = new Writable({
  write(chunk: Buffer, _, done) {
    accessLog.push(chunk.toString());
    done();
  },
});

/** An application's own parser, of the kind that reads `a[b]=c`. */
function bracketParser(text: string): Record<string, unknown> {
  const query: Record<string, Record<string, string>> = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const [, outer = name, inner = ''] = /^(\w+)\[(\w+)\]$/.exec(name) ?? [];
    query[outer] = { ...query[outer], [inner]: value };
  }
  return query;
}

const SETUP = { controllers: [SearchController], providers: [Counter], imports: [CacheModule.register()] };

onEachPlatform('A sealed query', (platform) => {
  const app = useApp(platform, {
    ...SETUP,
    fastify: () => new FastifyAdapter({ logger: { level: 'info', stream: pinoStream } }),
    configure: (nest) => {
      if (platform === 'fastify') return;
      nest.use((request: Urls & { method: string }, response: Writable, next: () => void) => {
        const note = (when: string): void => {
          accessLog.push(`${when} ${request.method} ${request.originalUrl ?? ''} ${request.url}`);
        };
        note('start');
        response.once('finish', () => note('finish'));
        next();
      });
    },
  });
  const get = async (path: string): Promise<unknown> => (await app().client().fetch(path)).json();

  it.each([
    ['name=ada', { name: 'ada' }],
    ['name=a&name=b', { name: ['a', 'b'] }],
    ['name=%C3%BC+%F0%9F%94%90&empty=', { name: 'ü 🔐', empty: '' }],
    ['name=100%25&x=%26%3D', { name: '100%', x: '&=' }],
    ['flag', { flag: '' }],
  ])('arrives in @Query() as any other does: %s', async (text, query) => {
    const sealed = await get(`/search?${text}`);
    expect(sealed).toEqual({ query, name: (query as { name?: unknown }).name ?? null });
    const inUrl = await app().client({ sealQuery: false }).fetch(`/search?${text}`);
    expect(await inUrl.json()).toEqual(sealed);
  });

  it('arrives at a validation pipe with its types, and its errors are sealed', async () => {
    app().tap.clear();
    expect(await get(`/search/checked?text=${CANARY}&limit=7`)).toEqual({ text: CANARY, limit: 7 });
    const response = await app().client().fetch(`/search/checked?text=${CANARY}&limit=700`);
    expect(response.status).toBe(400);
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('is nowhere on the wire, and nowhere in the access log', async () => {
    accessLog.length = 0;
    app().tap.clear();
    expect(await get(`/search?name=${CANARY}`)).toMatchObject({ name: CANARY });
    await until(() => accessLog.length > 0);
    expect(accessLog.join('\n')).toContain('/search');
    expect(accessLog.join('\n')).not.toContain(CANARY);
    expect(app().tap.text).not.toContain(CANARY);
    expect(app().log.text).not.toContain(CANARY);
  });

  it('is not returned by a cache to someone who read its tag in a log', async () => {
    const sealed = app().client();
    expect(await (await sealed.fetch('/search/plain?name=ada')).json()).toEqual({ name: 'ada' });
    const { url } = (await (await sealed.fetch('/search/urls?name=ada')).json()) as Urls;
    const target = url.replace('urls', 'plain');
    expect(target).toContain('?e2e-query=');
    expectPlainProblem(await app().visitor().send({ method: 'GET', target }), 'message-rejected');
    const seen = app().client({ sealQuery: false });
    expect((await errorOf(seen.fetch(target))).problem).toBe('message-rejected');
  });

  it('is not one with another to a cache that goes by the URL, and is with itself', async () => {
    const client = app().client();
    const ask = async (name: string): Promise<unknown> => (await client.fetch(`/search/cached?name=${name}`)).json();
    const ada = await ask('ada');
    expect(ada).toMatchObject({ name: 'ada' });
    expect(await ask('bob')).toMatchObject({ name: 'bob' });
    expect(await ask('ada')).toEqual(ada);
    expect(await (await client.fetch('/search/cached')).json()).not.toMatchObject({ name: 'ada' });
  });

  it("appears in the application's URL as a tag without information", async () => {
    const [one, two] = [await get('/search/urls?name=ada'), await get('/search/urls?name=bob')];
    expect(one).toMatchObject({
      query: { name: 'ada' },
      url: expect.stringMatching(/^\/search\/urls\?e2e-query=[\w-]{22}$/),
    });
    expect((one as Urls).url).not.toBe((two as Urls).url);
    if (platform === 'express') expect((one as Urls).originalUrl).toBe((one as Urls).url);
  });

  it('beside one in the URL, or that is no query, is message-rejected', async () => {
    const channel = await app().visitor().handshake('X25519');
    const both = channel.message('GET', '/search?a=1', search('b=2'));
    expectPlainProblem(await channel.post(both), 'message-rejected');
    const json = channel.message('GET', '/search', { text: '{}', cty: 'application/json' });
    expectPlainProblem(await channel.post(json), 'message-rejected');
  });

  it.each([
    ['empty', { query: '' }],
    ['with a space', { query: 'a b' }],
    ['with a fragment', { query: 'a#b' }],
    ['with a character above ASCII', { query: 'a=é' }],
    ['over 8,192 characters', { query: 'a'.repeat(8193) }],
    ['null', { query: null }],
    ['named twice', '{"query":"a","query":"b"}'],
    ['no object', '["a=1"]'],
    ['no JSON', '{"query"'],
    ['empty bytes', '  '],
  ])('is message-rejected where it is %s', async (_, meta) => {
    const channel = await app().visitor().handshake('X25519');
    const message = channel.message('POST', '/search', { text: '', meta });
    expectPlainProblem(await channel.post(message), 'message-rejected');
  });

  it('with __proto__ in it pollutes nothing', async () => {
    await get('/search?__proto__[isAdmin]=1&__proto__=x&constructor[prototype][isAdmin]=1');
    expect(({} as { isAdmin?: unknown }).isAdmin).toBeUndefined();
  });
});

/** Where Fastify applications give theirs; the second is how it was done before Fastify 5.5. */
const PARSERS = [
  ['express', {}],
  ['fastify', { routerOptions: { querystringParser: bracketParser } }],
  ['fastify', { querystringParser: bracketParser }],
] as const;

describe.each(PARSERS)('A sealed query in an application with a parser of its own (%s)', (platform, options) => {
  const app = useApp(platform, {
    ...SETUP,
    fastify: () => new FastifyAdapter(options),
    configure: (nest) => {
      if (platform === 'express') {
        (nest as unknown as { set(name: string, value: unknown): void }).set('query parser', bracketParser);
      }
    },
  });
  const parsed = async (current: TestApp, sealQuery: boolean): Promise<unknown> =>
    (await current.client({ sealQuery }).fetch('/search?filter[name]=ada&filter[role]=x')).json();

  it('is read by that parser', async () => {
    const inUrl = await parsed(app(), false);
    expect(inUrl).toMatchObject({ query: { filter: { name: 'ada', role: 'x' } } });
    expect(await parsed(app(), true)).toEqual(inUrl);
  });
});
