import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { All, Body, Controller, Query, Res, type INestApplication } from '@nestjs/common';
import { Encrypted } from '../../../src/index.js';
import { e2eAgent, E2eExpectationError, type E2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform, useApp, type PlatformName } from '../e2e/support/apps.js';
import { takeEverything } from './support/parsers.js';

/** What the application says in the clear of a request that it opened. */
interface Leak {
  readonly what: string;
  readonly tell: (body: Plain, headers: (name: string, value: string) => unknown, response: ServerResponse) => unknown;
  /** What the assertion must say. */
  readonly found: RegExp;
}
interface Plain {
  readonly title: string;
  readonly card: { readonly number: string };
}

const BODY: Plain = { title: 'canary 7f3a91 é', card: { number: '4111-zulu-9273-5146' } };
const SECRET = { token: 'response-5c81d2' };
const json = (body: object) => JSON.stringify(body);
const sha = (text: string, encoding: 'hex' | 'base64' | 'base64url', name = 'sha256') =>
  createHash(name).update(text).digest(encoding);

const IN_A_HEADER: readonly [string, (body: Plain) => string, RegExp][] = [
  ['a value', ({ title }) => encodeURIComponent(title), /body member "title" .* x-leak/],
  ['the beginning of a value', ({ title }) => title.slice(0, 8), /part of the body member "title"/],
  ['the end of a value', ({ card }) => card.number.slice(-9), /(part of )?the body member "card.number"/],
  ['a value in base64', ({ title }) => Buffer.from(`: ${title}`).toString('base64'), /body member "title"/],
  ['a value in hex', ({ title }) => Buffer.from(title).toString('hex'), /body member "title"/],
  ['the whole body in JSON', (body) => encodeURIComponent(json(body)), /body member "title"[^]*"card.number"/],
  ['part of the body', (body) => json(body).slice(-24), /(part of )?the body member "card.number"/],
  ['names', (body) => Object.keys(body).join(), /the name of the body member "title"/],
  ['names, as a log would', (body) => json(Object.keys(body.card)), /the name of the body member "card.number"/],
  ['a hash of the body', (body) => sha(json(body), 'hex'), /the sha256 of the body/],
  ['a hash of the body, in base64', (body) => sha(json(body), 'base64', 'md5'), /the md5 of the body/],
  [
    'a hash of a value',
    ({ title }) => sha(title, 'base64url', 'sha1').slice(0, 16),
    /the sha1 of the body member "title"/,
  ],
  ['a value of the response', () => `id=${SECRET.token}`, /the response member "token"/],
  ['part of the response', () => SECRET.token.slice(3, 12), /part of the response member "token"/],
  ['a name of the response', () => 'fields: token', /the name of the response member "token"/],
  ['a hash of the response', () => sha(json(SECRET), 'hex', 'sha512').slice(0, 16), /the sha512 of the response/],
];
const LEAKS = IN_A_HEADER.map(([what, value, found]): Leak => ({
  what: `${what} in a header`,
  tell: (body, header) => header('x-leak', value(body)),
  found,
}));

const ELSEWHERE: readonly Leak[] = [
  {
    what: 'a value in a cookie',
    tell: ({ title }, header) => header('set-cookie', `seen=${encodeURIComponent(title)}; Path=/; HttpOnly`),
    found: /body member "title" can be read in the response's header set-cookie/,
  },
  {
    what: 'a value to whoever comes next',
    tell: ({ title }) => (remembered = encodeURIComponent(title)),
    found: /body member "title" can be read in the next response's header x-last/,
  },
];

let leak: Leak['tell'] | undefined;
let remembered: string | undefined;
interface Reply {
  header(name: string, value: string): unknown;
  send(body: unknown): unknown;
  readonly raw?: ServerResponse;
}

@Controller('leaking')
@Encrypted()
class LeakingController {
  @All()
  answer(@Body() body: Plain | undefined, @Query() query: Partial<Plain>, @Res() reply: Reply) {
    const headers = (name: string, value: string) => reply.header(name, value);
    leak?.({ ...BODY, ...query, ...body }, headers, reply.raw ?? (reply as unknown as ServerResponse));
    reply.send(SECRET);
  }
}

@Controller('half')
class HalfController {
  @All('request')
  @Encrypted({ request: false })
  request() {
    return {};
  }

  @All('text')
  @Encrypted()
  text(@Res() reply: Reply & { type(type: string): unknown }) {
    reply.header('x-leak', 'the start of a long story'.slice(4, 14));
    reply.type('text/plain');
    reply.send('the start of a long story, told by nobody');
  }

  @All('bytes')
  @Encrypted()
  bytes(@Res() reply: Reply & { type(type: string): unknown }) {
    const bytes = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
    reply.header('x-leak', bytes.subarray(2, 14).toString('base64'));
    reply.type('image/png');
    reply.send(bytes);
  }
}

/** As an application has it: headers that say the same to everybody, and some that change with each response. */
function configure(app: INestApplication, platform: PlatformName): void {
  takeEverything(app, platform);
  let count = 0;
  app.use((_request: unknown, response: ServerResponse, next: () => void) => {
    response.setHeader('content-security-policy', "default-src 'self'; img-src data: title card token number");
    response.setHeader('x-request-id', `${Date.now()}-${++count}`);
    response.setHeader('x-response-at', new Date().toISOString());
    response.setHeader('ratelimit', `limit=100, remaining=${100 - count}, reset=${Math.floor(Date.now() / 1000) + 60}`);
    if (remembered) response.setHeader('x-last', remembered);
    next();
  });
}

onEachPlatform('expectSealed, of an application that leaks', (platform) => {
  const app = useApp(platform, { controllers: [LeakingController, HalfController], configure });
  let agent: E2eAgent;
  beforeEach(async () => (agent = await e2eAgent(app().nest)));
  afterEach(() => agent.close());

  const outcome = async (call: PromiseLike<unknown>): Promise<string> => {
    const error: unknown = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error !== undefined) expect(error).toBeInstanceOf(E2eExpectationError);
    return error === undefined ? '' : (error as Error).message;
  };

  it.each([...LEAKS, ...ELSEWHERE].map((each) => [each.what, each] as const))('finds %s', async (_what, each) => {
    try {
      leak = undefined;
      expect(await outcome(agent.post('/leaking').send(BODY).expectSealed())).toBe('');
      leak = each.tell;
      const message = await outcome(agent.post('/leaking').send(BODY).expectSealed());
      expect(message).toMatch(/^POST \/leaking leaks:\n/);
      expect(message).toMatch(each.found);
      expect(message).not.toMatch(/7f3a91|zulu|5c81d2/);
    } finally {
      remembered = undefined;
    }
  });

  it.each<[string, (call: ReturnType<E2eAgent['post']>) => PromiseLike<unknown>]>([
    ['a form', (call) => call.type('form').send({ title: BODY.title })],
    ['a form that is a string', (call) => call.send(new URLSearchParams({ title: BODY.title }).toString())],
    ['a JSON string', (call) => call.type('json').send(JSON.stringify(BODY))],
    ['a text', (call) => call.type('text').send(BODY.title)],
    ['a Uint8Array', (call) => call.send(new Uint8Array(Buffer.from(BODY.title)))],
    ['a Buffer with a type', (call) => call.type('json').send(Buffer.from(JSON.stringify(BODY)))],
    ['a Blob', (call) => call.send(new Blob([BODY.title], { type: 'text/plain' }))],
  ])('finds eight characters of a body that is %s', async (_what, send) => {
    leak = undefined;
    expect(await outcome(send(agent.post('/leaking').expectSealed()))).toBe('');
    leak = (_body, header) => header('x-leak', BODY.title.slice(2, 10));
    expect(await outcome(send(agent.post('/leaking').expectSealed()))).toMatch(/part of the body/);
  });

  it('finds parts of a sealed query', async () => {
    leak = (_body, header) => header('x-leak', BODY.title.slice(0, 8));
    expect(await outcome(agent.get('/leaking').query({ title: BODY.title }).expectSealed())).toMatch(
      /part of the query member "title"/,
    );
    leak = (_body, header) => header('x-leak', 'search: title');
    expect(await outcome(agent.get('/leaking?title=1').expectSealed())).toMatch(/the name of the query member "title"/);
  });

  it.each(['post', 'put', 'patch', 'delete'] as const)(
    'finds a route that takes plain bodies, though the call has none (%s)',
    async (method) => {
      expect(await outcome(agent[method]('/half/request').expectSealed())).toMatch(/it takes a plain body/);
      leak = undefined;
      expect(await outcome(agent[method]('/leaking').expectSealed())).toBe('');
    },
  );

  it('finds parts of responses that are not JSON', async () => {
    expect(await outcome(agent.get('/half/text').expectSealed())).toMatch(/part of the response can be read .* x-leak/);
    expect(await outcome(agent.get('/half/bytes').expectSealed())).toMatch(
      /part of the response can be read .* x-leak/,
    );
  });
});
