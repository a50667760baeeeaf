import type { HttpServer } from '@nestjs/common';
import session from 'express-session';
import { ServerResponse, type IncomingMessage } from 'node:http';
import type { RequestTracker } from '../request/request-tracker.js';
import type { BodyReader } from '../request/body-reader.js';
import type { DefaultSession } from '../keys/default-session.js';
import type { Platform, RequestHooks } from './platform.js';
import { ExpressParsers } from './express-parsers.js';
import { isSealed } from '../exchange/incoming.js';
import { stateOf } from '../request/exchange-state.js';
import { middlewareOf, putLastFirst, type ExpressStack } from './express-stack.js';
import { called } from '../keys/session.js';
import { isSession, moduleSessionOf } from './module-sessions.js';
import { preallocateProperties, type ExpressPrototypes } from '../request/preallocate.js';

type Request = Parameters<ReturnType<typeof session>>[0];
type Response = Parameters<ReturnType<typeof session>>[1];
type NextFunction = Parameters<ReturnType<typeof session>>[2];
type Middleware = (request: Request, response: Response, next: NextFunction) => void;

/** The members of an Express application that we use. */
interface ExpressApp extends ExpressPrototypes, ExpressStack {
  /** What the application itself, a function, calls for each request; and a parent that it is mounted in. */
  handle(request: Request, response: Response, next?: NextFunction): void;
  get(setting: string): unknown;
}

/** Express writes every object by these two, whoever sends it. */
const JSON_METHODS = ['json', 'jsonp'] as const;

function sealJson(response: object, seal: (request: object, value: unknown) => unknown): void {
  type Send = (this: { readonly req: object }, value: unknown) => unknown;
  const methods = response as Record<(typeof JSON_METHODS)[number], Send>;
  for (const name of JSON_METHODS) {
    const send = methods[name];
    methods[name] = function (value) {
      return send.call(this, seal(this.req, value));
    };
  }
}

export class ExpressPlatform implements Platform {
  readonly takesModuleSessions = true;
  readonly #app: ExpressApp;
  readonly #parsers: ExpressParsers;
  #defaultSession: ReturnType<typeof session> | undefined;

  constructor(
    private readonly adapter: HttpServer,
    private readonly tracker: RequestTracker,
    maxBodySize: number,
  ) {
    this.#app = adapter.getInstance() as ExpressApp;
    this.#parsers = new ExpressParsers(adapter, maxBodySize);
  }

  hasOwnSession(): boolean {
    return middlewareOf(this.#app).some(isSession);
  }

  requireSession(): void {
    // What middleware adds is visible only with the first request.
  }

  install(reader: BodyReader, defaultSession: DefaultSession | undefined, hooks: RequestHooks): Promise<void> {
    this.#noteAtTheDoor();
    if (hooks.sealFields) sealJson(this.#app.response, hooks.sealFields);
    if (defaultSession) this.adapter.use(this.#sessionWhereThereIsNone(defaultSession));
    const enter = (request: Request, response: Response, next: NextFunction): void => {
      // The session store took too long, and the deadline has responded.
      if (response.writableEnded) return;
      hooks.hold(request, response, request.url);
      hooks.watch(request);
      const goOn = (): void => (stateOf(request).isSealedPath ? enterHeld(request, response, next) : next());
      const reading = reader.read(request);
      if (reading) reading.then(goOn, () => request.destroy());
      else goOn();
    };
    const enterHeld = (request: Request, response: Response, next: NextFunction): void => {
      const { isOpenedEarly: isEarly, message } = stateOf(request);
      hooks
        .enterHeld(request, response)
        // Its body was not parsed when its message was opened.
        .then(() => {
          if (isEarly && message) hooks.check(request);
        })
        .then(() => next(), next);
    };
    this.adapter.use(enter);
    this.adapter.use((request: Request, response: Response, next: NextFunction) => {
      hooks.hold(request, response, request.url);
      this.#withSession(request, response, next, enter, hooks);
    });
    putLastFirst(this.#app);
    return Promise.resolve();
  }

  putBody(request: object, response: object, body: Buffer): Promise<void> {
    const raw = request as IncomingMessage;
    if (!stateOf(raw).isOpenedEarly) return this.#parsers.parse(raw, response as ServerResponse, body);
    raw.unshift(body);
    return Promise.resolve();
  }

  putStream(request: object, response: object): Promise<void> {
    const raw = request as IncomingMessage;
    return stateOf(raw).isOpenedEarly ? Promise.resolve() : this.#parsers.parseStream(raw, response as ServerResponse);
  }

  preallocateProperties(request: IncomingMessage, response: ServerResponse): void {
    preallocateProperties(request, response, this.#app);
  }

  async readSession(request: IncomingMessage): Promise<void> {
    const read = this.#session;
    // The response is never sent, so nothing is saved and no cookie is set.
    if (read) await called((done) => read(request as Request, new ServerResponse(request) as Response, done));
  }

  parseQuery(query: string): unknown {
    const parser = this.#app.get('query parser fn') as ((query: string) => unknown) | undefined;
    // As Express does with the setting "query parser" at false.
    return parser ? parser(query) : Object.create(null);
  }

  /**
   * A request under a sealed path is opened before any middleware that might handle it. So it gets its session here;
   * the application's middleware does nothing if there is one. If no session middleware can be found, the handler would
   * get the request unopened, so it is rejected.
   */
  #withSession(request: Request, response: Response, next: NextFunction, enter: Middleware, hooks: RequestHooks): void {
    const state = stateOf(request);
    if (!state.isSealedPath || !isSealed(request)) {
      next();
      return;
    }
    const read = hooks.isCookieless ? undefined : this.#session;
    // An existing session is a parent application's.
    if (!read && !hooks.isCookieless && (request as { session?: unknown }).session === undefined) {
      hooks.refuseUnread(request, response);
      next();
      return;
    }
    state.isOpenedEarly = true;
    const goOn = (): void => enter(request, response, next);
    if (read) read(request, response, goOn);
    else goOn();
  }

  /** The middleware that gives requests their session, if it can be found. */
  get #session(): ReturnType<typeof session> | undefined {
    const own = middlewareOf(this.#app).find(isSession) ?? moduleSessionOf(this.adapter);
    return (own as ReturnType<typeof session> | undefined) ?? this.#defaultSession;
  }

  /**
   * Runs before all middleware, even middleware that was added earlier, because a parser would consume a handshake's
   * bytes.
   */
  #noteAtTheDoor(): void {
    const app = this.#app;
    const handle = app.handle.bind(app);
    app.handle = (request, response, next) => {
      this.tracker.note(request, response);
      handle(request, response, next);
    };
  }

  /**
   * Whether the application has a session is decided once, because a session whose store is down also looks like none,
   * and must not be replaced by ours. A session that a module applies comes later, and would not replace ours.
   */
  #sessionWhereThereIsNone(defaultSession: DefaultSession): Middleware {
    const install = (this.#defaultSession = session(defaultSession.completeOptions()));
    let isOurs: boolean | undefined;
    return (request, response, next) => {
      // A request that was opened early already has a session.
      if (stateOf(request).isOpenedEarly) {
        next();
        return;
      }
      isOurs ??= (request as { session?: unknown }).session === undefined && !moduleSessionOf(this.adapter);
      if (isOurs) install(request, response, next);
      else next();
    };
  }
}
