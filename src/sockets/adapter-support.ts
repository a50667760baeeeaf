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

/** Options of sealed sockets for every library. All are optional. */
export interface SealedSocketOptions {
  /**
   * Called in their order with the request that asks for a socket, instead of the session middleware that the
   * application uses for its HTTP requests: if that one is wrapped, or if you need more, such as `passport.session()`.
   */
  readonly middleware?: readonly SocketMiddleware[];
  /**
   * How many sockets may wait for their first message. Over the limit, the one that has waited longest is closed.
   * Default 1,000.
   */
  readonly maxWaiting?: number;
  /** The same from one address; behind a proxy, the proxy's. Default 100. */
  readonly maxWaitingPerAddress?: number;
  /**
   * Bytes that may wait for a client that reads slowly. Over the limit, its socket ends. Default 16,777,216 (16 MiB).
   */
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

/** Lets a Nest adapter's servers accept only sealed sockets. */
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

  /** The length on the wire of a message with this much plaintext. */
  payloadOf(maxMessage: number): number {
    // The protocol's own limit rejects long heads, so the library must accept more than that.
    return Math.max(maxMessage + SOCKET_OVERHEAD_BYTES, 2 * MAX_HEAD_BYTES);
  }

  /**
   * Makes a server of the library `ws` accept only sealed sockets.
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

  /** Routes upgrades under sealed paths here. */
  takeUpgrades(take: TakeUpgrade): void {
    this.#sockets.take = take;
  }

  /** Whether the server that the adapter closes has sealed sockets. */
  has(owner: unknown): boolean {
    return this.#waiting.has(owner);
  }

  /** Cuts all sockets that wait for their first message. */
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
