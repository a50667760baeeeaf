import type { INestApplicationContext } from '@nestjs/common';
import { ServerResponse, type IncomingMessage } from 'node:http';
import type { WebSocketServer } from 'ws';
import { called } from '../nest/keys/session.js';
import { checkValues } from '../nest/options/option-check.js';
import { whole, type Rule } from '../nest/options/option-rules.js';
import { SocketAdmission, type TakeUpgrade } from '../nest/exchange/socket-admission.js';
import type { GatewayPaths } from '../nest/routes/gateway-table.js';
import { MAX_HEAD_BYTES } from '../protocol/frames.js';
import { SOCKET_OVERHEAD_BYTES } from '../protocol/socket.js';
import { SealedServer, type ReadSession, type SealedServerParts } from './sealed-server.js';
import { WaitingSockets } from './waiting-sockets.js';

/** A middleware as Express and `express-session` have it. */
export type SocketMiddleware = (request: never, response: never, next: (error?: unknown) => void) => unknown;

/** What can be set of sealed sockets, whatever their library; all of it may be left out. */
export interface SealedSocketOptions {
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

type SealingHooks = Pick<SealedServerParts, 'beforeEnd' | 'select'>;

const RULES: Readonly<Record<keyof SealedSocketOptions, Rule>> = {
  middleware: {
    mustBe: 'a list of middlewares',
    holds: (value) => Array.isArray(value) && value.every((each) => typeof each === 'function'),
    fix: (value) => (typeof value === 'function' ? 'Put it into a list.' : undefined),
  },
  maxWaiting: whole('sockets'),
  maxWaitingPerAddress: whole('sockets'),
  maxBuffered: whole('bytes'),
};

/** What an adapter of Nest needs to have its servers take sealed sockets alone. */
export class AdapterSupport {
  readonly #sockets: SocketAdmission;
  readonly #options: SealedSocketOptions;
  readonly #waiting = new Map<unknown, WaitingSockets>();

  /** @throws Error if the application has no `E2eModule`, TypeError for an option of a wrong value. */
  constructor(app: INestApplicationContext, adapter: object, paths: GatewayPaths, options: SealedSocketOptions) {
    checkValues(options, RULES, { owner: adapter.constructor.name });
    this.#sockets = socketsOf(app, adapter.constructor.name);
    this.#options = options;
    this.#sockets.takeAdapter(adapter, paths);
  }

  /** Bytes of plaintext that a message may have, either way. */
  get maxMessage(): number {
    return this.#sockets.maxMessage;
  }

  get maxBuffered(): number {
    return this.#options.maxBuffered ?? 2 ** 24;
  }

  /** @throws Error if a sealed gateway and one that is not would share their sockets. */
  isSealed(port: number, path: string | undefined): boolean {
    return this.#sockets.isSealed(port, path);
  }

  /** What a message of so much plaintext has on the wire. */
  payloadOf(maxMessage: number): number {
    // A head is refused by the protocol's own limit, so more than that has to come in.
    return Math.max(maxMessage + SOCKET_OVERHEAD_BYTES, 2 * MAX_HEAD_BYTES);
  }

  /**
   * Has a server of the library `ws` take sealed sockets alone.
   *
   * @param owner what the adapter will close.
   */
  seal(server: WebSocketServer, owner: object = server, { beforeEnd, select }: SealingHooks = {}): void {
    const { middleware, maxWaiting = 1000, maxWaitingPerAddress = 100 } = this.#options;
    const waiting = this.#waiting.get(owner) ?? new WaitingSockets({ maxWaiting, maxWaitingPerAddress });
    this.#waiting.set(owner, waiting);
    new SealedServer(server, {
      sockets: this.#sockets,
      waiting,
      limits: { maxMessage: this.maxMessage, maxBuffered: this.maxBuffered },
      readSession: middleware && readerOf(middleware),
      beforeEnd,
      select,
    });
  }

  /** Has upgrades under sealed paths go this way. */
  takeUpgrades(take: TakeUpgrade): void {
    this.#sockets.take = take;
  }

  /** Whether what the adapter is to close has sealed sockets. */
  has(owner: unknown): boolean {
    return this.#waiting.has(owner);
  }

  /** Cuts off whoever waits to be let in. */
  clear(owner: unknown): void {
    this.#waiting.get(owner)?.clear();
  }
}

function socketsOf(app: INestApplicationContext, adapter: string): SocketAdmission {
  try {
    return app.get(SocketAdmission, { strict: false });
  } catch {
    throw new Error(
      `${adapter} needs E2eModule: put E2eModule.forRoot() into the imports of the root module, and give the adapter the ` +
        `application: new ${adapter}(app).`,
    );
  }
}

/** Runs middleware before a response that is never sent. */
function readerOf(middleware: readonly SocketMiddleware[]): ReadSession {
  return async (request: IncomingMessage) => {
    const response = new ServerResponse(request);
    for (const each of middleware) await called((done) => each(request as never, response as never, done));
  };
}
