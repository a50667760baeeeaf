import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Post, type INestApplication } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Encrypted } from '../../../src/index.js';
import { json } from '../../external/conformance/channel.js';
import { useApp } from './support/apps.js';
import { CANARY } from './support/raw.js';

@Encrypted()
@Controller('notes')
class NoteController {
  static ran = 0;
  @Get()
  find(): object {
    NoteController.ran++;
    return {};
  }
  @Post()
  create(): object {
    NoteController.ran++;
    return {};
  }
}

/** Where it stops the request, and how: from the request's header. */
const stopOf = ({ headers }: IncomingMessage): [at: unknown, how: unknown] => [headers['x-at'], headers['x-how']];

const failure = (): Error => Object.assign(new Error(CANARY), { status: 403, statusCode: 403 });

type Middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;

function middleware(at: string): Middleware {
  return (request, response, next) => {
    const [where, how] = stopOf(request);
    if (where !== at) return next();
    if (how === 'throws') throw failure();
    if (how === 'passes an error on') return next(failure());
    response.statusCode = how === 'answers with success' ? 201 : 401;
    response
      .setHeader('X-Own', 'own')
      .setHeader('Location', `/${CANARY}`)
      .end(JSON.stringify({ error: CANARY }));
  };
}

interface Expectation {
  readonly at: string;
  /** Whether the message can be opened there: in the header of a request without a body, or in its body. */
  readonly opens: { readonly GET: boolean; readonly POST: boolean };
}
const ALWAYS = { GET: true, POST: true };
const NEVER = { GET: false, POST: false };

/** Asks with a message in the header, or in the body, and has it stopped. */
function itSaysNothing(app: ReturnType<typeof useApp>, places: readonly Expectation[], ways: readonly string[]): void {
  it.each(places.flatMap(({ at, opens }) => ways.map((how) => ({ at, how, opens }))))(
    '$how at $at',
    async ({ at, how, opens }) => {
      const channel = await app().visitor().handshake('X25519');
      const ran = NoteController.ran;
      for (const method of ['GET', 'POST'] as const) {
        app().tap.clear();
        const message = channel.message(method, '/notes', method === 'POST' ? json({}) : undefined);
        const reply = await channel.post(message, { headers: { 'x-at': at, 'x-how': how } });
        expect(app().tap.text).not.toContain(CANARY);
        if (opens[method]) {
          const sealed = channel.open(reply, message);
          expect([401, 403, 500]).toContain(sealed.status);
          if (how === 'answers') expect(sealed.text).toBe(JSON.stringify({ error: CANARY }));
        } else {
          // Before any session, an error of 500 is taken for that of its store, which is busy.
          expect([401, 403, 500, 503]).toContain(reply.status);
          if (reply.status !== 503) expect(reply.body).toBe('');
        }
        if (how === 'answers') expect(reply.headers['x-own']).toBe('own');
      }
      expect(NoteController.ran).toBe(ran);
    },
  );
}

describe('On Express, middleware that answers a sealed request before its message is opened', () => {
  const app = useApp('express', {
    controllers: [NoteController],
    configure: (nest) => nest.use(middleware('app.use')),
    middleware: (consumer) => consumer.apply(middleware('consumer.apply')).forRoutes('*path'),
  });
  const places = [
    { at: 'app.use', opens: NEVER },
    { at: 'consumer.apply', opens: ALWAYS },
  ];
  itSaysNothing(app, places, ['throws', 'passes an error on', 'answers']);
  itSaysNothing(app, places.slice(0, 1), ['answers with success']);
});

interface Reply {
  readonly raw: ServerResponse;
  code(status: number): Reply;
  header(name: string, value: string): Reply;
  send(body?: unknown): Reply;
}
interface Instance {
  addHook(name: string, hook: (request: { raw: IncomingMessage }, reply: Reply) => Promise<unknown>): void;
  setErrorHandler(handler: (error: Error, request: unknown, reply: Reply) => unknown): void;
}

/** In the order in which Fastify runs them. */
const HOOKS = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const;

function addHooks(nest: INestApplication): void {
  const instance = nest.getHttpAdapter().getInstance() as Instance;
  for (const name of [...HOOKS, 'onSend']) {
    instance.addHook(name, (request, reply) => {
      const [where, how] = stopOf(request.raw);
      if (where !== name || reply.raw.headersSent) return Promise.resolve();
      if (how === 'throws') return Promise.reject(failure());
      const body = JSON.stringify({ error: CANARY });
      if (how === 'answers by reply.raw') {
        reply.raw.writeHead(401, { 'x-own': 'own', location: CANARY }).end(body);
        return Promise.resolve(reply);
      }
      if (name === 'onSend') return Promise.resolve(body);
      return Promise.resolve(reply.code(401).header('x-own', 'own').header('location', CANARY).send(body));
    });
  }
}

describe.each([false, true])(
  'On Fastify, a hook that answers a sealed request (own error handler: %s)',
  (hasHandler) => {
    const app = useApp('fastify', {
      controllers: [NoteController],
      configure: (nest) => {
        addHooks(nest);
        if (!hasHandler) return;
        const instance = nest.getHttpAdapter().getInstance() as Instance;
        instance.setErrorHandler((error, _, reply) => reply.code(403).send(error.message));
      },
      middleware: (consumer) => consumer.apply(middleware('consumer.apply')).forRoutes('*path'),
    });

    // Hooks of the application run before the module's own, and before the session's.
    const places = [
      { at: 'onRequest', opens: NEVER },
      { at: 'consumer.apply', opens: NEVER },
      { at: 'preParsing', opens: { GET: true, POST: false } },
      { at: 'preValidation', opens: ALWAYS },
      { at: 'preHandler', opens: ALWAYS },
    ];
    itSaysNothing(app, places, ['throws']);
    itSaysNothing(
      app,
      places.filter(({ at }) => at !== 'consumer.apply'),
      ['answers', 'answers by reply.raw'],
    );
  },
);
