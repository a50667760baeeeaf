import type { INestApplicationContext } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import type { Server as HttpServer } from 'node:http';
import { AdapterSupport, type SealedSocketOptions } from '../sockets/adapter-support.js';
import { SealedEngine, type AnswerPlain, type Server } from './sealed-engine.js';

/** Options of `E2eIoAdapter`; all of them may be left out. */
export type E2eIoAdapterOptions = SealedSocketOptions;

/** A server's options, of whichever of its copies Nest's adapter has. */
type ServerOptions = NonNullable<Parameters<IoAdapter['createIOServer']>[1]>;
type Created = ReturnType<IoAdapter['create']>;

const PATHS = {
  defaultPath: '/socket.io',
  takesBelow: true,
  why: 'one server of socket.io carries all namespaces of a port and path over the same sockets',
};

/** Options of socket.io that a sealed gateway cannot have. */
const REFUSED: Partial<Record<keyof ServerOptions, string>> = {
  connectionStateRecovery:
    'whoever comes back with a socket’s id would be given the rooms and the missed messages of a session that may have ' +
    'ended, after a login or a logout. Leave it out, and have clients join and ask anew when they connect.',
  wsEngine: 'sealed sockets need that of socket.io itself. Leave it out.',
};

/**
 * Nest's `IoAdapter`, under which gateways with `@Encrypted()` take sealed sockets alone (PROTOCOL §7). Their code stays as
 * it is: handlers, DTOs, pipes, guards, interceptors, filters, acknowledgements, rooms, namespaces, middlewares, `emit` of
 * the server. There is no polling beside them. Gateways that are not sealed work as under `IoAdapter`, at paths of their
 * own.
 *
 * @example
 * const app = await NestFactory.create(AppModule);
 * app.useWebSocketAdapter(new E2eIoAdapter(app));
 *
 * @throws Error if the application has no `E2eModule`; TypeError for an option with a wrong value.
 */
export class E2eIoAdapter extends IoAdapter {
  readonly #sealer: AdapterSupport;

  constructor(app: INestApplicationContext, options: E2eIoAdapterOptions = {}) {
    super(app);
    this.#sealer = new AdapterSupport(app, this, PATHS, options);
  }

  /** @throws Error if a sealed gateway and one that is not would share their sockets. */
  override create(port: number, options?: Parameters<IoAdapter['create']>[1]): Created {
    const server = super.create(port, options);
    const isSealed = this.#sealer.has('server' in server ? server.server : server);
    if (this.#sealer.isSealed(port, options?.path) && !isSealed) {
      throw new Error(
        'E2eIoAdapter: a class that extends it makes its servers by super.createIOServer(port, options).',
      );
    }
    return server;
  }

  /** @throws Error for options that a sealed gateway cannot have. */
  override createIOServer(port: number, options?: ServerOptions): Server {
    if (!this.#sealer.isSealed(port, options?.path)) return super.createIOServer(port, options);
    for (const [name, why] of Object.entries(REFUSED)) {
      if (options?.[name as keyof ServerOptions]) {
        throw new Error(`E2eIoAdapter: a sealed gateway cannot have the option "${name}": ${why}`);
      }
    }
    const maxMessage = Math.min(options?.maxHttpBufferSize ?? Infinity, this.#sealer.maxMessage);
    const http = port === 0 ? (this.httpServer as HttpServer | undefined) : undefined;
    const listeners = http?.listeners('request') as AnswerPlain[] | undefined;
    const server = super.createIOServer(port, {
      ...options,
      serveClient: false,
      transports: ['websocket'],
      allowUpgrades: false,
      perMessageDeflate: false,
      maxHttpBufferSize: maxMessage,
    } as ServerOptions);
    // On the application's own HTTP server, plain HTTP at this path gets `message-required`.
    const answerPlain: AnswerPlain | undefined =
      listeners && ((...given) => listeners.forEach((each) => each.call(http, ...given)));
    new SealedEngine(server, this.#sealer, this.#sealer.payloadOf(maxMessage), answerPlain);
    return server;
  }

  override async close(server: Server): Promise<void> {
    this.#sealer.clear(server);
    await super.close(server);
  }
}
