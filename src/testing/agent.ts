/* eslint-disable @typescript-eslint/unbound-method -- the methods are only looked for in the stack, to find who called them */
import type { HandshakeResult, E2eClient } from '../client/client.js';
import { E2eCall } from './call.js';
import { Connection, type E2eAgentOptions } from './connection.js';
import { placeOf } from './expectations.js';
import type { Line } from './probe.js';
import type { TestResponse } from './response.js';
import { E2eTestSocket } from './socket.js';
import type { TestTarget } from './target.js';

/**
 * A visitor of an application under test, with sealed calls as in supertest. It keeps its session's cookies and its channel
 * between calls. Another agent is another visitor.
 *
 * @example
 * const ada = await e2eAgent(app);
 * const grace = await e2eAgent(app);
 * await ada.post('/notes').send({ title: 'Mine' }).expect(201);
 * await grace.get('/notes').expect(200, []);
 */
export class E2eAgent {
  readonly #connection: Connection;
  readonly #defaults: ((call: E2eCall) => unknown)[] = [];
  readonly #sockets = new Set<E2eTestSocket>();
  #line: Line | undefined;

  /** By `request()`, `request.agent()` and `e2eAgent()` alone. */
  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The client that the calls go through. Ready after `e2eAgent()` or `handshake()`. */
  get client(): E2eClient {
    return this.#open.client;
  }

  /** Where the application is reached. Ready after `e2eAgent()` or `handshake()`. */
  get url(): string {
    return this.#open.url;
  }

  /** Headers of every call from now on, as `call.set()` takes them. */
  set(field: 'Cookie', value: readonly string[]): this;
  set(fields: Readonly<Record<string, string>>): this;
  set(field: string, value: string): this;
  set(...args: unknown[]): this {
    return this.use((call) => call.set(...(args as [string, string])));
  }

  /** The credentials of every call from now on, as `call.auth()` takes them. */
  auth(token: string, options: { readonly type: 'bearer' }): this;
  auth(user: string, password?: string, options?: { readonly type: 'basic' | 'auto' }): this;
  auth(...args: unknown[]): this {
    return this.use((call) => call.auth(...(args as [string, string])));
  }

  query(more: string | object): this {
    return this.use((call) => call.query(more));
  }

  type(type: string): this {
    return this.use((call) => call.type(type));
  }

  accept(type: string): this {
    return this.use((call) => call.accept(type));
  }

  redirects(count: number): this {
    return this.use((call) => call.redirects(count));
  }

  timeout(milliseconds: number | { readonly deadline?: number; readonly response?: number }): this {
    return this.use((call) => call.timeout(milliseconds));
  }

  /** Calls a function with every call from now on. */
  use(plugin: (call: E2eCall) => unknown): this {
    this.#defaults.push(plugin);
    return this;
  }

  get(path: string): E2eCall {
    return this.#call('GET', path, this.get);
  }

  post(path: string): E2eCall {
    return this.#call('POST', path, this.post);
  }

  put(path: string): E2eCall {
    return this.#call('PUT', path, this.put);
  }

  patch(path: string): E2eCall {
    return this.#call('PATCH', path, this.patch);
  }

  delete(path: string): E2eCall {
    return this.#call('DELETE', path, this.delete);
  }

  del(path: string): E2eCall {
    return this.#call('DELETE', path, this.del);
  }

  options(path: string): E2eCall {
    return this.#call('OPTIONS', path, this.options);
  }

  /** Sealed routes have no HEAD (docs/protocol.md): the call fails, and says so. */
  head(path: string): E2eCall {
    return this.#call('HEAD', path, this.head);
  }

  /** A call with any method. */
  call(method: string, path: string): E2eCall {
    return this.#call(method.toUpperCase(), path, this.call);
  }

  /**
   * Opens a sealed socket on the agent's session: to a gateway under `E2eWsAdapter`, or to what takes sockets under the
   * option `sealedPaths`. For a gateway under `E2eIoAdapter` use socket.io's client, with `sealedTransport(agent.client)`.
   * It connects by the option `webSocket`; by default by the package `ws` if the application has it, else by this Node's
   * own class. `agent.close()` closes what is still open.
   *
   * @throws E2eClientError if it is refused; E2eExpectationError if it does not open within 5 seconds; TypeError if
   * `path` is not a URL.
   *
   * @example
   * const socket = await agent.webSocket('/live');
   * socket.send({ event: 'echo', data: 1 });
   * expect(await socket.nextJson()).toEqual({ event: 'echo', data: 1 });
   */
  async webSocket(path: string, protocols?: string | readonly string[]): Promise<E2eTestSocket> {
    const place = placeOf(this.webSocket);
    const { client } = (this.#line = await this.#connection.shared(path));
    const socket = new E2eTestSocket(client.webSocket(path, protocols));
    this.#sockets.add(socket);
    return socket.opened(place);
  }

  /** Opens the channel if none is open, and returns its facts. */
  async handshake(): Promise<HandshakeResult> {
    this.#line = await this.#connection.shared();
    return this.#line.client.handshake();
  }

  /**
   * Closes the sockets that the agent opened and forgets channel and cookies; ends the server if the agent made it listen.
   * A Nest application is closed by you, after its agents.
   *
   * @throws E2eExpectationError if the server does not answer the close of a socket within 5 seconds.
   */
  async close(): Promise<void> {
    try {
      await Promise.all([...this.#sockets].map((socket) => socket.close()));
    } finally {
      this.#sockets.clear();
      await this.#connection.close();
    }
  }

  /** For `e2eAgent()`: reaches the application now. */
  async ready(): Promise<this> {
    this.#line = await this.#connection.shared();
    return this;
  }

  get #open(): Line {
    if (!this.#line) throw new Error('The agent has not reached the application yet: await agent.handshake() before.');
    return this.#line;
  }

  #call(method: string, path: string, below: (...args: never) => unknown): E2eCall {
    const call = new E2eCall(this.#connection, method, path, placeOf(below));
    for (const plugin of this.#defaults) plugin(call);
    return call;
  }
}

/**
 * An agent for a Nest application, on Express or Fastify, which may be uninitialized and not listening; or for a
 * server, or the URL of a running one. Channels are X25519 unless `keyKind` says otherwise: RSA keys take long to make.
 *
 * @example
 * const agent = await e2eAgent(app);
 * await agent.post('/notes').send({ title: 'Hello' }).expect(201);
 * await agent.close();
 */
export async function e2eAgent(target: TestTarget, options: E2eAgentOptions = {}): Promise<E2eAgent> {
  return request.agent(target, options).ready();
}

/**
 * Replaces supertest's: each call is a separate visitor, with its own session and channel.
 *
 * @example
 * import { request } from 'nestjs-e2e-encryption/testing'; // was: import request from 'supertest';
 *
 * await request(app.getHttpServer()).get('/notes').expect(200, []);
 */
export function request(target: TestTarget, options: E2eAgentOptions = {}): E2eAgent {
  return new E2eAgent(new Connection(target, options, false));
}

/** An agent that keeps its session from call to call, at once: it reaches the application with its first call. */
request.agent = (target: TestTarget, options: E2eAgentOptions = {}): E2eAgent =>
  new E2eAgent(new Connection(target, options, true));

/** The names that supertest's types have. */
// eslint-disable-next-line @typescript-eslint/no-namespace -- how supertest names its types: `request.Response`
export namespace request {
  export type Response = TestResponse;
  export type Test = E2eCall;
  export type Agent = E2eAgent;
}
