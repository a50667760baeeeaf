import type { INestApplicationContext } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { ServerResponse, type IncomingMessage } from 'node:http';
import type { WebSocketServer } from 'ws';
import { called } from '../nest/keys/session.js';
import { SealedSockets } from '../nest/exchange/sealed-sockets.js';
import { MAX_HEAD_BYTES } from '../protocol/frames.js';
import { SOCKET_OVERHEAD_BYTES } from '../protocol/socket.js';
import { SealedServer, type ReadSession } from './sealed-server.js';
import { WaitingSockets } from './waiting-sockets.js';

/** A middleware as Express and `express-session` have it. */
export type SocketMiddleware = (request: never, response: never, next: (error?: unknown) => void) => unknown;

/** The options of Nest's own `WsAdapter`. */
type WsAdapterOptions = NonNullable<ConstructorParameters<typeof WsAdapter>[1]>;

/** Options of `E2eWsAdapter`, beside those of Nest's own `WsAdapter`; all of them may be left out. */
export interface E2eWsAdapterOptions extends WsAdapterOptions {
  /**
   * Called in their order with the request that asks for a socket, instead of the session middleware that the application
   * uses for its HTTP requests: where that one is wrapped, or where more is wanted, such as `passport.session()`.
   */
  readonly middleware?: readonly SocketMiddleware[];
  /** How many sockets may wait to be let in. Over it, the one that has waited longest is closed. Default 1,000. */
  readonly maxWaiting?: number;
  /** The same from one address; behind a proxy, the proxy's. Default 100. */
  readonly maxWaitingPerAddress?: number;
  /** Bytes that may wait for a client that reads slowly; over it, its socket ends. Default 16,777,216 (16 MiB). */
  readonly maxBuffered?: number;
}

const NO_MODULE =
  'E2eWsAdapter needs E2eModule: put E2eModule.forRoot() into the imports of the root module, and give the adapter the ' +
  'application: new E2eWsAdapter(app).';

/**
 * Nest's `WsAdapter`, under which gateways with `@Encrypted()` take sealed sockets alone (PROTOCOL §7). Their code stays as
 * it is: handlers, DTOs, pipes, guards, interceptors, filters, `server.clients`. Gateways that are not sealed work as under
 * `WsAdapter`, at paths of their own.
 *
 * @example
 * const app = await NestFactory.create(AppModule);
 * app.useWebSocketAdapter(new E2eWsAdapter(app));
 *
 * @throws Error where the application has no `E2eModule`.
 */
export class E2eWsAdapter extends WsAdapter {
  readonly #sockets: SealedSockets;
  readonly #options: E2eWsAdapterOptions;
  readonly #waiting = new Map<unknown, WaitingSockets>();

  constructor(app: INestApplicationContext, options: E2eWsAdapterOptions = {}) {
    super(app, options);
    this.#sockets = socketsOf(app);
    this.#options = options;
    this.#sockets.takeAdapter(this);
  }

  /** @throws Error where a sealed gateway and one that is not would share their sockets. */
  override create(port: number, options: object & { path?: string } = {}): object {
    const create = super.create.bind(this) as (port: number, options: object) => WebSocketServer;
    if (!this.#sockets.isSealed(port, options.path)) return create(port, options);
    const { maxMessage } = this.#sockets;
    const { middleware, maxWaiting = 1000, maxWaitingPerAddress = 100, maxBuffered = 2 ** 24 } = this.#options;
    // A head is refused by the protocol's own limit, so more than that has to come in.
    const maxPayload = Math.max(maxMessage + SOCKET_OVERHEAD_BYTES, 2 * MAX_HEAD_BYTES);
    const server = create(port, { ...options, perMessageDeflate: false, maxPayload });
    const waiting = new WaitingSockets({ maxWaiting, maxWaitingPerAddress });
    this.#waiting.set(server, waiting);
    new SealedServer(server, {
      sockets: this.#sockets,
      waiting,
      limits: { maxMessage, maxBuffered },
      readSession: middleware && readerOf(middleware),
    });
    return server;
  }

  override async close(server: object): Promise<void> {
    this.#waiting.get(server)?.clear();
    await super.close(server);
  }
}

function socketsOf(app: INestApplicationContext): SealedSockets {
  try {
    return app.get(SealedSockets, { strict: false });
  } catch {
    throw new Error(NO_MODULE);
  }
}

/** Runs middleware before a response that is never sent. */
function readerOf(middleware: readonly SocketMiddleware[]): ReadSession {
  return async (request: IncomingMessage) => {
    const response = new ServerResponse(request);
    for (const each of middleware) await called((done) => each(request as never, response as never, done));
  };
}
