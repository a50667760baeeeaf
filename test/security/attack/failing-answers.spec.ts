import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Catch,
  Controller,
  Get,
  Req,
  Res,
  UseFilters,
  UseInterceptors,
  type ArgumentsHost,
  type CallHandler,
  type ExceptionFilter,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
} from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Observable } from 'rxjs';
import { MemoryStore, type SessionData } from 'express-session';
import { Encrypted, type E2eOptions } from '../../../src/index.js';
import { openedMessageOf } from '../../../src/nest/request/exchange-state.js';
import { useApp, type PlatformName } from '../../integration/e2e/support/apps.js';
import { fetchOverHttp2, seenOverHttp2 } from '../../integration/e2e/support/http2.js';
import { SECRET } from '../../integration/e2e/support/sessions.js';
import { CANARY } from '../../integration/e2e/support/raw.js';

type Reply = ServerResponse & { raw?: ServerResponse; hijack?: () => void; send(value?: unknown): unknown };
type Method = (...args: unknown[]) => unknown;

const rawOf = (reply: Reply): ServerResponse => reply.raw ?? reply;

/** The word that must not leave: each way has its own, so that a leak says which way it took. */
function canaryOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  return `${CANARY}-${WAYS.indexOf(String(headers['x-way']))}.`;
}

/** Node's own response, taken out of the platform's hands. */
function own(reply: Reply): ServerResponse {
  reply.hijack?.();
  return rawOf(reply);
}

/** What is wrapped: everything by which a response is written. */
const METHODS = ['writeHead', 'write', 'end', 'setHeader', 'getHeaders', 'flushHeaders'] as const;

/** How the wrapper fails, or what it writes besides. */
const FAULTS: Record<string, (original: Method, held: Held, args: unknown[]) => unknown> = {
  'throws before': (_, { canary }) => {
    throw new Error(canary);
  },
  'throws after': (original, { canary }, args) => {
    original(...args);
    throw new Error(canary);
  },
  'throws what is no error': (_, { canary }) => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- some libraries do
    throw canary;
  },
  'answers in its place': (_, { end, canary }) => end(canary),
  'writes before': (original, { write, canary }, args) => {
    write(canary);
    return original(...args);
  },
  'writes after': (original, { write, end, canary }, args) => {
    const result = original(...args);
    write(canary);
    end(canary);
    return result;
  },
  'changes its arguments': (original, { canary }, args) =>
    original(
      ...args.map((argument) => (argument instanceof Uint8Array ? Buffer.alloc(argument.length, canary) : argument)),
    ),
  'calls it twice': (original, _, args) => {
    original(...args);
    return original(...args);
  },
};

/** The methods as the wrapper found them, which it may call at any time, and what it says. */
interface Held {
  readonly canary: string;
  readonly write: Method;
  readonly end: Method;
}

/** A wrapper around one method, as middleware makes them. */
function sabotage(response: ServerResponse, method: (typeof METHODS)[number], fault: string): void {
  const methods = response as unknown as Record<string, Method>;
  const held = {
    canary: canaryOf(response.req),
    write: methods.write!.bind(response),
    end: methods.end!.bind(response),
  };
  const original = methods[method]!.bind(response);
  let isInside = false;
  methods[method] = (...args) => {
    if (isInside) return original(...args);
    isInside = true;
    try {
      return FAULTS[fault]!(original, held, args);
    } finally {
      isInside = false;
    }
  };
}

/** What a middleware does later, or elsewhere, with the methods that it found. */
const LATER: Record<string, (response: ServerResponse, canary: string) => void> = {
  'a finish listener that writes': (response, canary) => {
    const end = response.end.bind(response);
    response.on('finish', () => end(canary)).on('prefinish', () => end(canary));
  },
  'a close listener that writes': (response, canary) => {
    const end = response.end.bind(response);
    response.on('close', () => end(canary));
  },
  'a tick after': (response, canary) => {
    const [write, end] = [response.write.bind(response), response.end.bind(response)];
    setImmediate(() => {
      write(canary);
      end(canary);
    });
  },
  trailers: (response, canary) => {
    if (!response.headersSent) response.setHeader('Trailer', 'X-Canary');
    response.addTrailers({ 'X-Canary': canary });
    (response as { setTrailer?: Method }).setTrailer?.('X-Canary', canary);
  },
  'early hints': (response, canary) => response.writeEarlyHints({ link: `</${canary}>; rel=preload` }),
  'a reason phrase': (response, canary) => {
    if (!('stream' in response)) response.statusMessage = canary;
  },
  'hashes and places': (response, canary) => {
    for (const name of DESCRIPTIONS) response.setHeader(name, canary);
  },
  'the deprecated writeHeader': (response, canary) => {
    (response as unknown as { writeHeader: Method }).writeHeader(200, { 'Content-Location': canary });
  },
  'a raw HTTP/2 stream': (response, canary) => {
    const { stream } = response as unknown as { stream?: Record<string, Method> };
    if (!stream) return;
    stream.on!('wantTrailers', () => stream.sendTrailers!({ 'x-canary': canary }));
    stream.pushStream!({ ':path': `/${canary}` }, (error: unknown, pushed: { respond: Method; end: Method }) => {
      if (error) return;
      pushed.respond({ ':status': 200 });
      pushed.end(canary);
    });
    stream.additionalHeaders!({ ':status': 103, link: canary });
  },
  'a raw HTTP/2 answer': (response, canary) => {
    const { stream } = response as unknown as { stream?: Record<string, Method> };
    stream?.respond!({ ':status': 200, 'x-canary': canary }, { waitForTrailers: false });
    stream?.end!(canary);
  },
  'a raw HTTP/2 file': (response, canary) => {
    const { stream } = response as unknown as { stream?: Record<string, Method> };
    stream?.respondWithFile!(new URL(import.meta.url).pathname, { 'x-canary': canary });
  },
  'a push by the response': (response, canary) => {
    const { createPushResponse } = response as unknown as { createPushResponse?: Method };
    createPushResponse?.call(response, { ':path': `/${canary}` }, (error: unknown, pushed: ServerResponse) => {
      if (!error) pushed.end(canary);
    });
  },
};

const DESCRIPTIONS = [
  'Content-MD5',
  'Digest',
  'Content-Digest',
  'Repr-Digest',
  'Want-Repr-Digest',
  'Content-Location',
  'Content-Range',
  'ETag',
  'Last-Modified',
  'Expires',
  'Location',
];

/** Does what the request's header says, at this place. */
function act(place: string, request: IncomingMessage, response: ServerResponse): void {
  const [where, what, fault] = String(request.headers['x-way'] ?? '').split('|');
  if (where !== place || what === undefined) return;
  if (fault === undefined) LATER[what]!(response, canaryOf(response.req));
  else sabotage(response, what as (typeof METHODS)[number], fault);
}

class Acting implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<IncomingMessage & { raw?: IncomingMessage }>();
    act('interceptor', request.raw ?? request, rawOf(http.getResponse<Reply>()));
    return next.handle();
  }
}

/** Answers whatever went wrong, and again, with all that it knows. */
@Catch()
class Telling implements ExceptionFilter {
  catch(_: unknown, host: ArgumentsHost): void {
    const response = own(host.switchToHttp().getResponse<Reply>());
    const canary = canaryOf(response.req);
    try {
      response.setHeader('Content-Type', 'text/plain');
      response.end(canary);
    } finally {
      response.write(canary);
      response.end(canary);
    }
  }
}

@Encrypted()
@Controller()
@UseInterceptors(Acting)
class AnswerController {
  @Get('object')
  object(@Req() request: IncomingMessage): object {
    return { text: canaryOf(request) };
  }
  @Get('raw')
  raw(@Res() reply: Reply): void {
    const response = own(reply);
    const canary = canaryOf(response.req);
    response.writeHead(200, { 'Content-Type': 'text/plain', Digest: canary, Link: `<${canary}>` });
    response.write(canary);
    response.end(canary);
    response.end(canary);
  }
  @Get('error')
  error(@Req() request: IncomingMessage): never {
    throw new Error(canaryOf(request));
  }
  @Get('told')
  @UseFilters(Telling)
  told(@Req() request: IncomingMessage): object {
    return { text: canaryOf(request) };
  }
  @Get('unsealable')
  unsealable(@Req() request: IncomingMessage): object {
    const canary = canaryOf(request);
    const message = openedMessageOf(request)!;
    for (const name of Object.keys(message).filter((key) => key.startsWith('seal'))) {
      Object.defineProperty(message, name, {
        value: () => {
          throw new Error(canary);
        },
      });
    }
    return { text: canary };
  }
  @Get('odd-header')
  @UseFilters(Telling)
  oddHeader(@Res() reply: Reply): void {
    const response = own(reply);
    const canary = canaryOf(response.req);
    response.writeHead(200, { [`X Odd ${canary}`]: 'x' }).end(canary);
  }
  @Get('odd-value')
  @UseFilters(Telling)
  oddValue(@Res() reply: Reply): void {
    const response = own(reply);
    response.setHeader('X-Odd', `${canaryOf(response.req)}\u0100\n`);
  }
}

const PATHS = ['/object', '/raw', '/error', '/told', '/unsealable', '/odd-header', '/odd-value'];
const PLACES = ['first', 'interceptor'];
const WAYS = PLACES.flatMap((place) => [
  ...METHODS.flatMap((method) => Object.keys(FAULTS).map((fault) => `${place}|${method}|${fault}`)),
  ...Object.keys(LATER).map((what) => `${place}|${what}`),
]);

interface Stand {
  readonly name: string;
  readonly platform: PlatformName;
  readonly session?: E2eOptions['session'];
  readonly http2?: boolean;
}

/** Calls back at once, so that the session's middleware ends the response within the call that ended it. */
class PromptStore extends MemoryStore {
  override get(id: string, done: (error: unknown, session?: SessionData | null) => void): void {
    const { [id]: session } = (this as unknown as { sessions: Record<string, string> }).sessions;
    done(null, session === undefined ? undefined : (JSON.parse(session) as SessionData));
  }
  override set(id: string, session: SessionData, done?: () => void): void {
    super.set(id, session);
    done?.();
  }
  override touch(_id: string, _session: SessionData, done?: () => void): void {
    done?.();
  }
}

const STANDS: Stand[] = [
  { name: 'Express', platform: 'express', session: { store: new PromptStore() } },
  { name: 'Express, its session saved later', platform: 'express' },
  { name: 'Express, without cookies', platform: 'express', session: 'channel' },
  { name: 'Fastify', platform: 'fastify' },
  { name: 'Fastify, without cookies', platform: 'fastify', session: 'channel' },
  { name: 'Fastify over HTTP/2', platform: 'fastify', http2: true },
];

/**
 * Some of these errors are nobody's to catch, and end the process of an application. This one goes on, to be looked at.
 *
 * @returns what puts everything back, once: a runner that stays loaded hears of failures by the same events.
 */
function outliveErrors(): () => void {
  // Jest gives tests a copy of it; functions that stem from outside see the one that errors reach.
  const real = (Buffer.constructor as (code: string) => () => NodeJS.Process)('return process')();
  const listeners = real.listeners('unhandledRejection');
  let isBack = false;
  beforeAll(() => {
    real.setUncaughtExceptionCaptureCallback(() => undefined);
    real.removeAllListeners('unhandledRejection').on('unhandledRejection', () => undefined);
  });
  const putBack = (): void => {
    if (isBack) return;
    isBack = true;
    real.setUncaughtExceptionCaptureCallback(null);
    real.removeAllListeners('unhandledRejection');
    for (const listener of listeners) real.on('unhandledRejection', listener);
  };
  afterAll(putBack);
  return putBack;
}

function first(nest: INestApplication, platform: PlatformName): void {
  if (platform === 'express') {
    nest.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
      act('first', request, response);
      next();
    });
    return;
  }
  const instance = nest.getHttpAdapter().getInstance() as { addHook(name: string, hook: Method): void };
  instance.addHook('onRequest', (...[request, reply, done]: unknown[]) => {
    act('first', (request as { raw: IncomingMessage }).raw, (reply as { raw: ServerResponse }).raw);
    (done as () => void)();
  });
}

describe.each(STANDS)('Answers that fail on their way out ($name)', ({ platform, session, http2 = false }) => {
  const app = useApp(platform, {
    controllers: [AnswerController],
    configure: first,
    e2e: { storeTimeout: 500, secret: SECRET, ...(session && { session }) },
    fastify: () => new FastifyAdapter(http2 ? ({ http2: true } as object) : {}),
  });
  const putBack = outliveErrors();

  it('say nothing in the clear, and the application goes on', async () => {
    const client = app().client(http2 ? { fetch: fetchOverHttp2 } : {});
    await client.handshake();
    const call = (path: string, way: string) => {
      const controller = new AbortController();
      const init = { signal: controller.signal, headers: { 'x-way': way } };
      return { answer: client.fetch(path, init), abort: () => controller.abort() };
    };
    app().tap.clear();
    seenOverHttp2.length = 0;
    const calls = WAYS.flatMap((way) => PATHS.map((path) => call(path, way)));
    const seen = (): string => app().tap.text + seenOverHttp2.join();
    await untilQuiet(() => seen().length);
    for (const { abort } of calls) abort();
    await Promise.allSettled(calls.map(({ answer }) => answer));
    await untilQuiet(() => seen().length);
    const leaks = leaksIn(seen());
    if (leaks.length > 0) putBack();
    expect(leaks).toEqual([]);
    expect(await (await client.fetch('/object')).json()).toEqual({ text: `${CANARY}--1.` });
  });
});

/**
 * Until nothing has changed ten times in a row. Some responses never end, with or without this package, and how long
 * the others take depends on the machine.
 */
async function untilQuiet(progress: () => number): Promise<void> {
  for (let [before, same] = [progress(), 0]; same < 10;) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = progress();
    [before, same] = [now, now === before ? same + 1 : 0];
  }
}

/** The ways that leaked, each with what stands before one of its words. */
function leaksIn(text: string): string[] {
  const found = [...text.matchAll(new RegExp(`${CANARY}-(-?\\d+)\\.`, 'g'))];
  const places = new Map(found.map(({ 1: way, index }) => [Number(way), text.slice(Math.max(0, index - 100), index)]));
  return [...places].map(([way, before]) => `${WAYS[way]}: ${before}`);
}
