import { describe, expect, it } from '@jest/globals';
import { All, Body, Controller, Get, Post, Query, Res } from '@nestjs/common';
import { FastifyAdapter, RouteSchema } from '@nestjs/platform-fastify';
import { Encrypted } from '../../../src/index.js';
import { search, json } from '../../external/conformance/channel.js';
import { TestApp, useApp, type Setup } from '../e2e/support/apps.js';
import { fetchOverHttp2 } from '../e2e/support/http2.js';
import { CANARY, expectPlainProblem, postJson } from '../e2e/support/raw.js';
import { SECRET, useOwnSession } from '../e2e/support/sessions.js';

interface Reply {
  hijack(): void;
  trailer(name: string, value: () => Promise<string>): void;
  send(body: unknown): void;
}

@Controller('notes')
@Encrypted()
class NoteController {
  @Post()
  create(@Body() note: unknown): object {
    return { note };
  }
  @Post('schema')
  @RouteSchema({ response: { 201: { type: 'object', properties: { shown: { type: 'string' } } } } })
  withSchema(): object {
    return { shown: CANARY, hidden: CANARY };
  }
  @Get()
  find(@Query() query: object): object {
    return query;
  }
  @All('of/:owner')
  of(): object {
    return {};
  }
  @Get('trailer')
  trailer(@Res() reply: Reply): void {
    reply.trailer('x-note', () => Promise.resolve(CANARY));
    reply.send({ text: CANARY });
  }
}
const controllers = [NoteController];

@Controller('schema')
@Encrypted()
class SchemaController {
  @Post()
  @RouteSchema({ body: { type: 'object', required: ['text'], properties: { text: { type: 'string' } } } })
  create(@Body() note: unknown): unknown {
    return note;
  }
  @Get()
  @RouteSchema({ querystring: { type: 'object', required: ['page'], properties: { page: { type: 'integer' } } } })
  find(@Query() query: unknown): unknown {
    return query;
  }
}

/** As @fastify/secure-session leaves a request: with a session, and no store. */
function withStorelessSession(): FastifyAdapter {
  const adapter = new FastifyAdapter();
  adapter.getInstance().decorateRequest('session');
  return adapter;
}

/** What hooks of an application saw last. */
const seen = new Map<string, string>();

function withHooks(): FastifyAdapter {
  const adapter = new FastifyAdapter();
  const fastify = adapter.getInstance();
  fastify.addHook('onRequest', async (request) => {
    const { body, query } = request;
    // Fastify keeps the media type that is read here.
    Reflect.get(request, 'mediaType');
    seen.set('onRequest', JSON.stringify([body, query]));
  });
  fastify.addHook('preHandler', async ({ body, query }) => {
    seen.set('preHandler', JSON.stringify([body, query]));
  });
  fastify.addHook('onSend', async (_request, _reply, payload) => {
    seen.set('onSend', String(payload));
  });
  return adapter;
}

describe('On Fastify', () => {
  const app = useApp('fastify', { controllers, fastify: withHooks });

  it.each([
    ['a path that does not decode', '/%ff', 400, 'FST_ERR_BAD_URL'],
    ['a parameter that is too long', `/notes/of/${'x'.repeat(200)}`, 414, 'FST_ERR_MAX_PARAM_LENGTH'],
  ])('%s is refused by the router, before any hook, and its answer is sealed', async (_, path, status, code) => {
    const channel = await app().visitor().handshake('X25519');
    const plain = await fetch(app().url + path);
    expect(plain.status).toBe(status);
    app().tap.clear();
    for (const message of [
      channel.message('GET', path, search(`text=${CANARY}`)),
      channel.message('POST', path, json(CANARY)),
    ]) {
      const sealed = channel.open(await channel.post(message), message);
      expect(sealed.status).toBe(status);
      if (message.header.method === 'GET') expect(JSON.parse(sealed.text)).toEqual(await plain.clone().json());
      expect(app().tap.text).not.toContain(code);
      // A copy is refused like any other.
      expect((await channel.post(message)).status).toBe(409);
    }
    expect((await app().client().fetch(path)).status).toBe(status);
    const upload = new Blob(['x'.repeat(200_000)], { type: 'text/plain' });
    expect((await app().client().fetch(path, { method: 'POST', body: upload })).status).toBe(status);
    expectPlainProblem(await channel.post(channel.message('GET', '/%fe'), { target: path }), 'message-rejected');
    const stranger = app().visitor();
    expectPlainProblem(
      await stranger.send({ target: path, headers: { 'e2e-request': channel.message('GET', path).jwe } }),
      'handshake-required',
    );
  });

  it('a plain body of a type that nobody parses is Fastify’s own 415', async () => {
    const body = new FormData();
    body.set('text', CANARY);
    const response = await fetch(`${app().url}/notes`, { method: 'POST', body });
    expect(response.status).toBe(415);
    expect(await response.json()).toEqual({ statusCode: 415, message: 'Unsupported Media Type' });
  });

  it('a plain body that does not parse, beside a message, is Fastify’s own 400, sealed', async () => {
    const channel = await app().visitor().handshake('X25519');
    const beside = { at: 'header', headers: { 'content-type': 'application/json' }, body: '{bad' } as const;
    const message = channel.message('POST', '/notes');
    const sealed = channel.open(await channel.post(message, beside), message);
    expect([sealed.status, sealed.cty]).toEqual([400, 'application/json; charset=utf-8']);
  });

  it('a schema for answers has its say before they are sealed', async () => {
    app().tap.clear();
    const response = await app().client().fetch('/notes/schema', { method: 'POST' });
    expect(await response.json()).toEqual({ shown: CANARY });
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('hooks from preValidation on see the plain body, those before it none, and onSend the plain answer', async () => {
    seen.clear();
    await app().client().fetch('/notes', postJson(CANARY));
    const { onRequest, preHandler, onSend } = Object.fromEntries(seen);
    expect(onRequest).not.toContain(CANARY);
    expect(preHandler).toContain(CANARY);
    expect(onSend).toContain(CANARY);
  });

  it('an answer with trailers leaves without them: they cannot be sealed', async () => {
    app().tap.clear();
    const response = await app().client().fetch('/notes/trailer');
    expect(await response.json()).toEqual({ text: CANARY });
    expect(app().tap.text).not.toContain(CANARY);
  });
});

describe('On Fastify with schemas for bodies and queries', () => {
  const app = useApp('fastify', { controllers: [SchemaController] });

  it('they check, and convert, what is sealed', async () => {
    const client = app().client();
    expect((await client.fetch('/schema', postJson({ other: 1 }))).status).toBe(400);
    expect(await (await client.fetch('/schema', postJson({ text: 1 }))).json()).toEqual({ text: '1' });
    expect((await client.fetch('/schema?page=x')).status).toBe(400);
    expect(await (await client.fetch('/schema?page=2')).json()).toEqual({ page: 2 });
  });
});

describe('On Fastify with bodies limited to 100 bytes', () => {
  const app = useApp('fastify', { controllers, fastify: () => new FastifyAdapter({ bodyLimit: 100 }) });

  it('sealed ones are as long as maxBodySize lets them be', async () => {
    const note = 'x'.repeat(10_000);
    expect(await (await app().client().fetch('/notes', postJson(note))).json()).toEqual({ note });
  });
});

describe('On Fastify over HTTP/2', () => {
  const http2 = { http2: true } as object;
  const app = useApp('fastify', { controllers, fastify: () => new FastifyAdapter(http2) });

  it('sealed routes work, and what is refused is refused', async () => {
    app().tap.clear();
    const client = app().client({ fetch: fetchOverHttp2 });
    expect(await (await client.fetch('/notes', postJson(CANARY))).json()).toEqual({ note: CANARY });
    expect(await (await client.fetch(`/notes?text=${CANARY}`)).json()).toEqual({ text: CANARY });
    expect((await client.fetch('/nowhere')).status).toBe(404);
    expect((await fetchOverHttp2(`${app().url}/notes`)).status).toBe(415);
    expect(app().tap.text).not.toContain(CANARY);
  });
});

describe('On Fastify the start is refused', () => {
  const ofType = (type: string) => () => {
    const adapter = new FastifyAdapter();
    adapter.getInstance().addContentTypeParser(type, { parseAs: 'string' }, (_, body, done) => done(null, body));
    return adapter;
  };
  it.each<[what: string, setup: Setup, says: string]>([
    [
      'an id generator for sessions',
      { e2e: { session: { genid: () => 'id' } } },
      'the option "session" does not support "genid"',
    ],
    [
      'a proxy’s word in the session',
      { e2e: { session: { proxy: true } } },
      'Set the option trustProxy of FastifyAdapter',
    ],
    ['no session at all', { e2e: { session: false, secret: SECRET } }, 'has its own session, but it has none'],
    ['a session without a store', { e2e: { secret: SECRET }, fastify: withStorelessSession }, 'has no store'],
    ['resave', { e2e: { session: { resave: true } } }, 'the option "session" does not support "resave"'],
    ['unset', { e2e: { session: { unset: 'destroy' } } }, 'the option "session" does not support "unset"'],
    [
      'a parser of its own for messages',
      { fastify: ofType('application/jose') },
      'content type parser for application/jose',
    ],
  ])('%s', async (_, setup, says) => {
    await expect(TestApp.start('fastify', { controllers, ...setup })).rejects.toThrow(says);
  });

  it('not of a session that comes after the modules', async () => {
    const app = await TestApp.start('fastify', {
      controllers,
      e2e: { session: false, secret: SECRET },
      configure: async (nest) => {
        await nest.init();
        await useOwnSession(nest, 'fastify');
      },
    });
    try {
      expect(await (await app.client().fetch('/notes', postJson(CANARY))).json()).toEqual({ note: CANARY });
    } finally {
      await app.close();
    }
  });

  it('not of a parser for every type: it leaves messages alone', async () => {
    const app = await TestApp.start('fastify', { controllers, fastify: ofType('*') });
    try {
      expect(await (await app.client().fetch('/notes', postJson(CANARY))).json()).toEqual({ note: CANARY });
    } finally {
      await app.close();
    }
  });
});
