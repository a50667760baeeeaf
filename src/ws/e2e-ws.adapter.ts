import type { INestApplicationContext } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import type { WebSocketServer } from 'ws';
import { SealedTunnel } from './sealed-tunnel.js';
import { AdapterSupport, type SealedSocketOptions } from '../sockets/adapter-support.js';

/** The options of Nest's own `WsAdapter`. */
type WsAdapterOptions = NonNullable<ConstructorParameters<typeof WsAdapter>[1]>;

/** Options of `E2eWsAdapter`, beside those of Nest's own `WsAdapter`; all of them may be left out. */
export interface E2eWsAdapterOptions extends WsAdapterOptions, SealedSocketOptions {}

const PATHS = { defaultPath: '/', takesBelow: false, why: 'Nest gives each of these sockets to both' };

/**
 * Nest's `WsAdapter`, under which gateways with `@Encrypted()` take sealed sockets alone (PROTOCOL §7). Their code stays as
 * it is: handlers, DTOs, pipes, guards, interceptors, filters, `server.clients`. Gateways that are not sealed work as under
 * `WsAdapter`, at paths of their own. Under the paths of the option `sealedPaths` it seals the sockets of whatever library
 * answers there, such as GraphQL subscriptions.
 *
 * @example
 * const app = await NestFactory.create(AppModule);
 * app.useWebSocketAdapter(new E2eWsAdapter(app));
 *
 * @throws Error if the application has no `E2eModule`; TypeError for an option with a wrong value.
 */
export class E2eWsAdapter extends WsAdapter {
  readonly #sealer: AdapterSupport;
  readonly #tunnel: SealedTunnel;

  constructor(app: INestApplicationContext, options: E2eWsAdapterOptions = {}) {
    super(app, options);
    this.#sealer = new AdapterSupport(app, this, PATHS, options);
    const maxPayload = this.#sealer.payloadOf(this.#sealer.maxMessage);
    this.#tunnel = new SealedTunnel(maxPayload, (server, select) => this.#sealer.seal(server, this, { select }));
    this.#sealer.takeUpgrades((...upgrade) => this.#tunnel.take(...upgrade));
  }

  /** @throws Error if a sealed gateway and one that is not would share their sockets. */
  override create(port: number, options: object & { path?: string } = {}): object {
    const create = super.create.bind(this) as (port: number, options: object) => WebSocketServer;
    if (!this.#sealer.isSealed(port, options.path)) return create(port, options);
    const maxPayload = this.#sealer.payloadOf(this.#sealer.maxMessage);
    const server = create(port, { ...options, perMessageDeflate: false, maxPayload });
    this.#sealer.seal(server);
    return server;
  }

  override async close(server: object): Promise<void> {
    this.#sealer.clear(server);
    await super.close(server);
  }

  override async dispose(): Promise<void> {
    this.#sealer.clear(this);
    await super.dispose();
  }
}
