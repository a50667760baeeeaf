import type { HttpServer } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse } from 'node:querystring';
import { Readable } from 'node:stream';
import type { RequestTracker } from '../request/request-tracker.js';
import type { BodyReader } from '../request/body-reader.js';
import { linger } from '../request/linger.js';
import type { DefaultSession } from '../keys/default-session.js';
import { openedMessageOf, rawRequest, stateOf } from '../request/exchange-state.js';
import { called, type Callback } from '../keys/session.js';
import { addFirstHook, adoptPlainBody, noteRouterAnswers, optionsOf, sessionStoreOf } from './fastify-internals.js';
import { loadOptional, rejectUnsupported } from './fastify-plugins.js';
import { hideEndedCookie, sessionValues } from './fastify-session-cookie.js';
import type { Platform, RequestHooks } from './platform.js';

interface ParserOptions {
  readonly querystringParser?: (query: string) => unknown;
}

/** The used part of Fastify. Its types are in an adapter that may not be installed. */
interface FastifyInstance {
  readonly initialConfig?: { readonly routerOptions?: ParserOptions };
  after(): PromiseLike<unknown>;
  register(plugin: unknown, options?: object): PromiseLike<unknown>;
  hasRequestDecorator(name: string): boolean;
  parseCookie?(header: string): Record<string, string>;
  decryptSession?(value: string, request: object, callback: Callback): void;
  hasContentTypeParser(type: string): boolean;
  addHook(name: 'onReady', hook: () => Promise<void>): unknown;
  addHook(
    name: 'preSerialization',
    hook: (request: FastifyRequest, reply: FastifyReply, value: unknown) => Promise<unknown>,
  ): unknown;
  addHook(
    name: 'onRequest' | 'preValidation',
    hook: (request: FastifyRequest, reply: FastifyReply, done: () => void) => void,
  ): unknown;
  addHook(
    name: 'preParsing',
    hook: (
      request: FastifyRequest,
      reply: FastifyReply,
      payload: unknown,
      done: () => void,
    ) => Promise<unknown> | undefined,
  ): unknown;
  addHook(
    name: 'onError',
    hook: (request: FastifyRequest, reply: FastifyReply, error: { readonly code?: string }, done: () => void) => void,
  ): unknown;
  addContentTypeParser(type: string, parser: (request: FastifyRequest) => Promise<unknown>): unknown;
}
interface FastifyRequest {
  readonly raw: IncomingMessage;
}
/** Node's own request, once it was given a session as Fastify's has it. */
interface SessionHolder {
  session?: { readonly sessionId?: string };
  sessionStore?: unknown;
}
interface FastifyReply {
  readonly raw: ServerResponse;
  send(body: string): unknown;
}

/** Fastify's error code for a body over the limit. */
const TOO_LARGE = 'FST_ERR_CTP_BODY_TOO_LARGE';

const NO_SESSION =
  'E2eModule: session: false means that the application has its own session, but it has none. Register @fastify/cookie ' +
  "and @fastify/session, leave the option out, or set session: 'channel' for clients without cookies.";
const NO_STORE =
  'E2eModule: the session of this application has no store for channels (@fastify/secure-session keeps everything in the ' +
  "cookie). Use @fastify/session, or set session: 'channel'.";

export class FastifyPlatform implements Platform {
  readonly takesModuleSessions = false;
  readonly #instance: FastifyInstance;
  #reader: BodyReader | undefined;
  /** The stream that Fastify parses in place of a request that was already read. */
  readonly #bodies = new WeakMap<IncomingMessage, Readable>();

  constructor(
    adapter: HttpServer,
    private readonly tracker: RequestTracker,
  ) {
    this.#instance = adapter.getInstance() as FastifyInstance;
  }

  hasOwnSession(): boolean {
    return this.#instance.hasRequestDecorator('session');
  }

  requireSession(): void {
    // What the application registers, even after the modules, exists only now.
    this.#instance.addHook('onReady', async () => {
      if (!this.hasOwnSession()) throw new Error(NO_SESSION);
      if (!this.#instance.hasRequestDecorator('sessionStore')) throw new Error(NO_STORE);
    });
  }

  async install(reader: BodyReader, defaultSession: DefaultSession | undefined, hooks: RequestHooks): Promise<void> {
    const instance = this.#instance;
    this.#reader = reader;
    noteRouterAnswers(instance, (request, reply) => {
      this.tracker.note(request.raw, reply.raw);
      stateOf(request.raw).isRouterAnswer = true;
    });
    // What the application registered exists only now, and a second registration would stop the start.
    await instance.after();
    // Not every request passes the server that Nest knows: Fastify makes one more for each address of `localhost`, and
    // injected requests pass none.
    const turnedAway = new WeakSet<IncomingMessage>();
    addFirstHook(instance, ({ raw }: FastifyRequest, reply: FastifyReply, done: () => void) => {
      const state = stateOf(raw);
      // Read before `note`, which holds a request that did not pass Nest's server: its route is already chosen.
      const wasHeld = state.isSealedPath;
      this.tracker.note(raw, reply.raw);
      const isHeldHere = hooks.hold(raw, reply.raw, raw.url ?? '') || (!wasHeld && state.settled !== undefined);
      if (isHeldHere) turnedAway.add(raw);
      done();
    });
    // Answered only here, when CORS and other hooks of the application have run.
    instance.addHook('onRequest', (request, reply, done) => {
      if (turnedAway.has(request.raw)) {
        // The route is known by now, even if the request never passed the server or Fastify rewrote its URL.
        reply.send('');
        return;
      }
      stateOf(request.raw).request = request;
      hooks.watch(request);
      done();
    });
    if (defaultSession && !this.hasOwnSession()) await this.#installSession(defaultSession);
    const noteSession = (request: FastifyRequest): void => {
      hideEndedCookie(request);
      hooks.watchSession(request);
    };
    instance.addHook('onRequest', (request, _reply, done) => {
      noteSession(request);
      done();
    });
    for (const type of reader.mediaTypes) {
      if (instance.hasContentTypeParser(type)) throw new Error(parserThere(type));
      // Bodies of these types were already read, or rejected.
      instance.addContentTypeParser(type, () => Promise.resolve(undefined));
    }
    // The first hook in which the session is there and the body is not read yet. From here on Fastify parses, validates
    // and passes on the plain body itself. A plain request does not wait: a promise in each hook would cost it several
    // turns of the queue.
    instance.addHook('preParsing', (request, reply, _payload, done) => {
      // Again: the application may register its session after this module's hooks.
      noteSession(request);
      const reading = reader.read(request);
      const entering = reading ? reading.then(() => hooks.enter(request, reply)) : hooks.enter(request, reply);
      if (!entering) done();
      return entering?.then(() => {
        if (!openedMessageOf(request)) return undefined;
        adoptPlainBody(request, hooks.maxBodySize);
        return request.raw.readableEnded ? this.#bodies.get(request.raw) : undefined;
      });
    });
    instance.addHook('preValidation', (request, _reply, done) => {
      if (openedMessageOf(request)) hooks.check(request);
      done();
    });
    const { sealFields } = hooks;
    // Fastify writes every object past here, whoever sends it.
    if (sealFields) {
      instance.addHook('preSerialization', (request, _, value) =>
        Promise.resolve().then(() => sealFields(request, value)),
      );
    }
    // The limit is ours, and so is the response, however the application handles Fastify's error.
    instance.addHook('onError', (request, reply, { code }, done) => {
      if (code === TOO_LARGE && openedMessageOf(request)) hooks.refuseLarge(request, reply);
      done();
    });
  }

  putBody(request: object, _response: object, body: Buffer): Promise<void> {
    const raw = rawRequest(request);
    // Behind a parser of a parent application, the request itself can no longer be read.
    if (raw.readableEnded) this.#bodies.set(raw, Readable.from([body]));
    else raw.unshift(body);
    return Promise.resolve();
  }

  putStream(): Promise<void> {
    return Promise.resolve();
  }

  async readSession(request: IncomingMessage): Promise<void> {
    const instance = this.#instance;
    const store = sessionStoreOf(instance);
    if (!instance.parseCookie || !instance.decryptSession || !store) return;
    const found = request as SessionHolder;
    const cookies = instance.parseCookie(request.headers.cookie ?? '');
    // Only the session's own value verifies.
    for (const value of sessionValues(instance, request, cookies)) {
      const sealed = value.replace(/^s:/, '');
      await called((done) => instance.decryptSession?.(sealed, request, done));
      const { sessionId } = found.session ?? {};
      if (sessionId !== undefined && sealed.startsWith(sessionId)) break;
    }
    found.sessionStore = store;
  }

  async readUnrouted(request: IncomingMessage): Promise<void> {
    await this.readSession(request);
    await this.#reader?.read(request);
    if (!request.readableEnded) linger(request);
  }

  parseQuery(query: string): unknown {
    // An older application's parser is beside `routerOptions`, which `initialConfig` leaves out.
    const parser =
      this.#instance.initialConfig?.routerOptions?.querystringParser ?? optionsOf(this.#instance)?.querystringParser;
    return (parser ?? parse)(query);
  }

  async #installSession(defaultSession: DefaultSession): Promise<void> {
    const options = defaultSession.completeOptions();
    rejectUnsupported(options);
    const { name, secret, store, cookie, rolling = false, saveUninitialized } = options;
    const { default: cookiePlugin } = await loadOptional(import('@fastify/cookie'));
    const { default: sessionPlugin } = await loadOptional(import('@fastify/session'));
    if (!this.#instance.hasRequestDecorator('cookies')) await this.#instance.register(cookiePlugin);
    await this.#instance.register(sessionPlugin, {
      cookieName: name,
      secret,
      store,
      cookie,
      rolling,
      saveUninitialized,
    });
  }
}

function parserThere(type: string): string {
  return (
    `E2eModule: this application has a content type parser for ${type}, but only the module may read that type. Remove ` +
    'the parser. A catch-all parser ("*") may stay: it does not get these bodies.'
  );
}
