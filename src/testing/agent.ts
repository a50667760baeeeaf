/* eslint-disable @typescript-eslint/unbound-method -- the methods are only looked for in the stack, to find who called them */
import { createE2eClient, type ChannelFacts, type E2eClient } from '../client/client.js';
import type { E2eClientOptions } from '../client/options.js';
import { E2eCall } from './call.js';
import { placeOf } from './expectations.js';
import type { Line } from './probe.js';
import { reach, type Reached, type TestTarget } from './target.js';
import { WireRecorder } from './wire.js';

/** The client's options, but for what the agent itself decides. `path` is the module's, with the global prefix. */
export type E2eAgentOptions = Omit<E2eClientOptions, 'baseUrl' | 'fetch' | 'cookies' | 'credentials'>;

/**
 * One visitor of an application under test: sealed calls, shaped like supertest's. It keeps its session's cookies and its
 * channel from call to call; another agent is another visitor.
 */
export class E2eAgent {
  readonly #line: Line;
  readonly #reached: Reached;
  readonly #headers = new Headers();

  /** By `e2eAgent()` alone. */
  constructor(line: Line, reached: Reached) {
    this.#line = line;
    this.#reached = reached;
  }

  /** The client that the calls go through. */
  get client(): E2eClient {
    return this.#line.client;
  }

  /** Where the application is reached. */
  get url(): string {
    return this.#line.url;
  }

  /** A header of every call from now on. */
  set(name: string, value: string): this {
    this.#headers.set(name, value);
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

  options(path: string): E2eCall {
    return this.#call('OPTIONS', path, this.options);
  }

  /** A call with any method. */
  call(method: string, path: string): E2eCall {
    return this.#call(method.toUpperCase(), path, this.call);
  }

  /** Opens the channel now, where none is open; its facts. */
  handshake(): Promise<ChannelFacts> {
    return this.client.handshake();
  }

  /** Forgets channel and cookies; ends the server where the agent made it listen. A Nest application is closed by you. */
  async close(): Promise<void> {
    this.client.close();
    await this.#reached.close();
  }

  #call(method: string, path: string, below: (...args: never) => unknown): E2eCall {
    const draft = { method, path, headers: new Headers(this.#headers), query: new URLSearchParams() };
    return new E2eCall(this.#line, draft, placeOf(below));
  }
}

/**
 * An agent for a Nest application, on Express or Fastify, that need be neither initialized nor listening; or for a
 * server, or the URL of one that runs. Channels are X25519 unless `keyKind` says otherwise: RSA keys take long to make.
 */
export async function e2eAgent(target: TestTarget, options: E2eAgentOptions = {}): Promise<E2eAgent> {
  const reached = await reach(target);
  const recorder = new WireRecorder();
  const client = createE2eClient({ keyKind: 'X25519', ...options, baseUrl: reached.url, fetch: recorder.fetch });
  return new E2eAgent({ url: reached.url, client, recorder }, reached);
}
