import type { KeyKind } from '../protocol/jwk.js';
import { draftRequest, type E2eRequestInit } from './call/draft.js';
import type { Core } from './core.js';
import { need } from './errors.js';
import { resolveOptions, type E2eClientOptions } from './options.js';
import { provide, type FirstPart, type Loaders } from './parts.js';
import { checkRuntime } from './runtime.js';
import type { E2eWebSocketConstructor } from './socket/own-socket.js';
import { webSocketOf } from './socket/web-socket.js';
import { openEventSource } from './events/event-source.js';
import type { E2eEventSource, E2eEventSourceInit } from './events/own-source.js';
import type * as CorePart from './core.js';

/** Facts about a channel. */
export interface HandshakeResult {
  /** The name of the channel: the thumbprint of the server's key. */
  readonly kid: string;
  readonly kind: KeyKind;
  /** The public name of the session. It stays the same for the session, and is not its id. */
  readonly session: string;
  /** By the server's clock. */
  readonly expiresAt: Date;
}

export interface E2eClient {
  /**
   * `fetch` over the channel. It resolves with a real Response that has the real status and the plain body. Pass it to any
   * library that accepts a `fetch`. The first call makes the handshake.
   *
   * @example
   * const response = await client.fetch('notes', { method: 'POST', body: new Blob(['{}'], { type: 'application/json' }) });
   *
   * @throws E2eClientError, and what `fetch` throws (no connection, an aborted signal, a wrong `init`).
   */
  readonly fetch: (input: RequestInfo | URL, init?: E2eRequestInit) => Promise<Response>;
  /**
   * An `EventSource` over the channel (HTML §9.2), for routes that return `text/event-stream`, with any method, body and
   * header fields. It is also an async iterable of events. If a connection ends or fails, it connects again with a new
   * sealed request that has the last event's id inside. It waits for the time in the server's `retry` (2 s by default),
   * doubled with each failure up to a minute. It stops at a 204, at a response that is not an event stream, at errors that
   * do not go away by connecting again, and on `close()`.
   *
   * @example
   * for await (const { data } of client.eventSource('chat', { method: 'POST', body: question })) show(data);
   *
   * @throws TypeError if `fetch` would not accept `url` or `init`.
   */
  readonly eventSource: (url: string | URL, init?: E2eEventSourceInit) => E2eEventSource;
  /**
   * A `WebSocket` over the channel (PROTOCOL §7): to a gateway under `E2eWsAdapter`, or to what takes sockets under the
   * server's option `sealedPaths`. For a gateway under `E2eIoAdapter` use socket.io's client with `sealedTransport`. If the old
   * channel has ended, it opens a new one. It does not connect again by itself. Close code 4401 means that the session has
   * ended. It is also a constructor with the constants of `WebSocket`: pass it to libraries that accept a `WebSocket` class.
   *
   * @example
   * const socket = client.webSocket('live');
   * socket.addEventListener('message', ({ data }) => show(data));
   *
   * @throws TypeError if `url` is not a URL. Other errors are the `error` of the `error` event.
   */
  readonly webSocket: E2eWebSocketConstructor;
  /**
   * Opens the channel before the first call, if none is open, and returns facts about it. With `renew` it always opens a
   * new channel: call that after a login that created a new session. After `session-changed` it continues with the new
   * session: check who is logged in.
   *
   * @example
   * const { kind, expiresAt } = await client.handshake();
   */
  readonly handshake: (options?: { signal?: AbortSignal; renew?: boolean }) => Promise<HandshakeResult>;
  /**
   * Discards the channel, its keys, and the cookies that the client keeps. Calls that wait for a channel fail with
   * `closed`. A later call opens a new channel.
   */
  readonly close: () => void;
}

/** Creates a client whose parts come from `parts`. Each entry has a `createE2eClient` that calls it. */
export function makeClient(options: E2eClientOptions, parts: Pick<Loaders, FirstPart>): E2eClient {
  provide(parts);
  const settings = resolveOptions(options);
  let core: Promise<Core> | undefined;
  // Everything that uses it waits for the same promise, and so runs in the order of the calls.
  const load = (): Promise<Core> => {
    if (core) return core;
    core = need<typeof CorePart>('core').then(({ Core }) => new Core(settings));
    // A file that could not be loaded may be available next time.
    core.catch(() => (core = undefined));
    return core;
  };

  const client: E2eClient = {
    async fetch(input, given?: E2eRequestInit | null) {
      const init = given ?? {};
      if (settings.globalFetch && settings.mark in init) return settings.globalFetch(input, init);
      checkRuntime(settings.fetch);
      const draft = draftRequest(input, init, settings);
      return (await load()).fetch(draft);
    },
    eventSource(url, init = {}) {
      checkRuntime(settings.fetch);
      return openEventSource(url, init, settings, client.fetch);
    },
    webSocket: webSocketOf(settings.base, load),
    async handshake({ signal, renew = false } = {}) {
      checkRuntime(settings.fetch);
      const { kid, kind, session, expiresAt } = await (await load()).handshake(signal, renew);
      return { kid, kind, session, expiresAt: new Date(expiresAt * 1000) };
    },
    close() {
      core?.then(
        (loaded) => loaded.close(),
        () => undefined,
      );
    },
  };
  return client;
}
