import { createE2eClient } from '../client/lazy.js';
import type { E2eClientOptions } from '../client/options.js';
import { findHandshake } from './handshake-path.js';
import type { Line } from './probe.js';
import { webSocketClass } from './socket.js';
import { reach, type Reached, type TestTarget } from './target.js';
import { cookieNames, WireRecorder } from './wire.js';

/** The client's options, but for what the agent itself decides. `path` is found where it is not given. */
export type E2eAgentOptions = Omit<E2eClientOptions, 'baseUrl' | 'fetch' | 'cookies' | 'credentials'>;

/** A connection. The call closes it at the end if it belongs to the call only. */
export interface OpenLine extends Line {
  readonly done: () => void;
}

/** How calls reach the application: all by one client with one session, or each by its own. */
export class Connection {
  readonly #target: TestTarget;
  readonly #options: E2eAgentOptions;
  readonly #isShared: boolean;
  #reached: Promise<Reached> | undefined;
  #shared: Promise<Line> | undefined;

  constructor(target: TestTarget, options: E2eAgentOptions, isShared: boolean) {
    this.#target = target;
    this.#options = options;
    this.#isShared = isShared;
  }

  /** @param cookie what the call itself sets. If it names another session, the call is another visitor's. */
  async open(path: string, cookie: string | undefined): Promise<OpenLine> {
    if (this.#isShared) {
      const line = await this.shared(path);
      if (cookie === undefined || !(await isOther(line, cookie))) return { ...line, done: () => undefined };
    }
    const line = await this.#newLine(path, cookie);
    return { ...line, done: () => line.client.close() };
  }

  shared(path = '/'): Promise<Line> {
    // The next call tries again to reach a target that was unreachable.
    return (this.#shared ??= this.#newLine(path, undefined).catch((error: unknown) => {
      this.#shared = undefined;
      throw error;
    }));
  }

  async close(): Promise<void> {
    const [line, reached] = await Promise.all([this.#shared, this.#reached]);
    line?.client.close();
    await reached?.close();
  }

  async #newLine(path: string, cookie: string | undefined): Promise<Line> {
    const { url, mark } = await (this.#reached ??= reach(this.#target));
    const { path: given = await findHandshake(url, mark, path), ...options } = this.#options;
    const recorder = new WireRecorder(cookie);
    const client = createE2eClient({
      keyKind: 'X25519',
      ...webSocketOption(),
      ...options,
      path: given,
      baseUrl: url,
      fetch: recorder.fetch,
    });
    return { url, client, recorder };
  }
}

function webSocketOption(): E2eClientOptions {
  const webSocket = webSocketClass();
  return webSocket ? { webSocket } : {};
}

async function isOther({ client, recorder }: Line, cookie: string): Promise<boolean> {
  await client.handshake();
  return cookieNames(cookie).some((name) => recorder.sessionCookies.has(name));
}
