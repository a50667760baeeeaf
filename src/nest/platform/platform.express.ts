import type { HttpServer } from '@nestjs/common';
import session from 'express-session';
import { ServerResponse, type IncomingMessage } from 'node:http';
import type { RequestTracker } from '../request/request-tracker.js';
import type { BodyReader } from '../request/body-reader.js';
import type { DefaultSession } from '../keys/default-session.js';
import type { Platform, RequestHooks } from './platform.js';
import { ExpressParsers } from './express-parsers.js';
import { middlewareOf, type ExpressStack } from './express-stack.js';
import { called } from '../keys/session.js';
import { isSession, moduleSessionOf } from './module-sessions.js';
import { preallocateProperties, type ExpressPrototypes } from '../request/preallocate.js';

type Request = Parameters<ReturnType<typeof session>>[0];
type Response = Parameters<ReturnType<typeof session>>[1];
type NextFunction = Parameters<ReturnType<typeof session>>[2];

/** What is used of an Express application. */
interface ExpressApp extends ExpressPrototypes, ExpressStack {
  /** What the application itself, a function, calls for each request; and a parent that it is mounted in. */
  handle(request: Request, response: Response, next?: NextFunction): void;
  get(setting: string): unknown;
}

export class ExpressPlatform implements Platform {
  readonly createsSiblingSessions = true;
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
    // Middleware shows what it brings with the first request only.
  }

  install(reader: BodyReader, defaultSession: DefaultSession | undefined, { watch }: RequestHooks): Promise<void> {
    this.#noteAtTheDoor();
    if (defaultSession) this.adapter.use(this.#sessionWhereThereIsNone(defaultSession));
    this.adapter.use((request: Request, response: Response, next: NextFunction) => {
      // The session's store took too long, and the deadline has answered.
      if (response.writableEnded) return;
      watch(request);
      reader.read(request).then(
        () => next(),
        () => request.destroy(),
      );
    });
    return Promise.resolve();
  }

  putBody(request: object, response: object, body: Buffer): Promise<void> {
    return this.#parsers.parse(request as IncomingMessage, response as ServerResponse, body);
  }

  putStream(request: object, response: object): Promise<void> {
    return this.#parsers.parseStream(request as IncomingMessage, response as ServerResponse);
  }

  preallocateProperties(request: IncomingMessage, response: ServerResponse): void {
    preallocateProperties(request, response, this.#app);
  }

  async readSession(request: IncomingMessage): Promise<void> {
    const own = middlewareOf(this.#app).find(isSession) ?? moduleSessionOf(this.adapter);
    const read = (own as ReturnType<typeof session> | undefined) ?? this.#defaultSession;
    // The response is never sent: nothing is saved, and no cookie is set.
    if (read) await called((done) => read(request as Request, new ServerResponse(request) as Response, done));
  }

  parseQuery(query: string): unknown {
    const parser = this.#app.get('query parser fn') as ((query: string) => unknown) | undefined;
    // As Express has it with the setting "query parser" at false.
    return parser ? parser(query) : Object.create(null);
  }

  /** Before every middleware, those among them that were there before this module: a parser takes a handshake's bytes. */
  #noteAtTheDoor(): void {
    const app = this.#app;
    const handle = app.handle.bind(app);
    app.handle = (request, response, next) => {
      this.tracker.note(request, response);
      handle(request, response, next);
    };
  }

  /**
   * Whether the application has a session is decided once: a session whose store is down looks like none too, and must
   * not be replaced by one of ours. One that a module applies comes later, and would give way to ours.
   */
  #sessionWhereThereIsNone(
    defaultSession: DefaultSession,
  ): (request: Request, response: Response, next: NextFunction) => void {
    const install = (this.#defaultSession = session(defaultSession.completeOptions()));
    let isOurs: boolean | undefined;
    return (request, response, next) => {
      isOurs ??= (request as { session?: unknown }).session === undefined && !moduleSessionOf(this.adapter);
      if (isOurs) install(request, response, next);
      else next();
    };
  }
}
