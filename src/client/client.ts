import type { KeyKind } from '../protocol/jwk.js';
import type { Answer } from './call/answer.js';
import { Channels } from './channel/channels.js';
import { need } from './errors.js';
import { resolveOptions, type E2eClientOptions } from './options.js';
import { letGo, readRequest, type E2eRequestInit, type OutgoingRequest } from './call/request.js';
import { present } from './call/present.js';
import { Wire } from './call/wire.js';
import type { E2eWebSocketConstructor } from './socket/own-socket.js';
import { webSocketOf } from './socket/web-socket.js';
import { openEventSource, type E2eEventSource, type E2eEventSourceInit } from './events/event-source.js';

/** What is known of a channel. */
export interface ChannelFacts {
  /** Its name: the thumbprint of the server's key. */
  readonly kid: string;
  readonly kind: KeyKind;
  /** The public name of the session, fixed for it; it is not its id. */
  readonly session: string;
  /** By the server's clock. */
  readonly expiresAt: Date;
}

export interface E2eClient {
  /**
   * `fetch` over the channel: what comes back is a real Response with the true status and the plain body. Give it to
   * whatever takes a `fetch`. The first call shakes hands.
   *
   * @throws E2eClientError; and what `fetch` throws (no connection, an aborted signal, a wrong `init`).
   */
  readonly fetch: (input: RequestInfo | URL, init?: E2eRequestInit) => Promise<Response>;
  /**
   * An `EventSource` over the channel (HTML §9.2), for routes that answer `text/event-stream`: with any method, body and
   * header fields, and also as an async iterable of events. It connects again by itself where a connection ends or fails,
   * each time with a fresh sealed request that has the last event's id inside, after the time that the server's `retry`
   * says (2 s unless said), doubled with each failure up to a minute. It stops where the server answers 204 or no
   * event stream, on errors that another connection does not mend, and by `close()`.
   *
   * @example
   * for await (const { data } of client.eventSource('chat', { method: 'POST', body: question })) show(data);
   *
   * @throws TypeError where `url` or `init` is not what `fetch` takes.
   */
  readonly eventSource: (url: string | URL, init?: E2eEventSourceInit) => E2eEventSource;
  /**
   * A `WebSocket` over the channel (PROTOCOL §7), to a gateway under `E2eWsAdapter`. It opens on a fresh channel where the
   * old one is over, and does not connect again by itself. After the close code 4401 the session has ended. It is a
   * constructor too, with the constants of `WebSocket`: give it to libraries that take a `WebSocket` class.
   *
   * @example
   * const socket = client.webSocket('live');
   * socket.addEventListener('message', ({ data }) => show(data));
   *
   * @throws TypeError where `url` is none. What else is wrong is the `error` of the `error` event.
   */
  readonly webSocket: E2eWebSocketConstructor;
  /**
   * Opens the channel now rather than at the first call, where none is open, and says what is known of it. With `renew`
   * it opens a new one in any case: after a login that made a new session. After `session-changed` it goes on with the
   * session that the server gave: compare who is logged in.
   */
  readonly handshake: (options?: { signal?: AbortSignal; renew?: boolean }) => Promise<ChannelFacts>;
  /**
   * Forgets the channel, its keys, and the cookies that the client keeps. Calls that wait for a channel fail with
   * `closed`; a later call begins anew.
   */
  readonly close: () => void;
}

/** @throws E2eClientError `invalid-option`. */
export function createE2eClient(options: E2eClientOptions = {}): E2eClient {
  const settings = resolveOptions(options);
  const wire = new Wire(settings);
  const channels = new Channels(settings, wire);

  async function exchange(request: OutgoingRequest): Promise<Answer> {
    const { exchange } = await need('calls', () => import('./call/exchange.js'));
    return exchange(request, { settings, wire, channels });
  }

  const client: E2eClient = {
    async fetch(input, given?: E2eRequestInit | null) {
      const init = given ?? {};
      const own = wire.fetchFor(init);
      if (own) return own(input, init);
      wire.check();
      let request = await readRequest(input, init, settings);
      for (let redirects = 0; ; redirects++) {
        const { response, error, location, type } = await exchange(request).catch((thrown: unknown) => {
          letGo(request);
          throw thrown;
        });
        if (error) throw error;
        if (location === undefined || request.redirect === 'manual') {
          request.url.hash = '';
          return present(response, { url: request.url.href, redirected: redirects > 0, type: type ?? response.type });
        }
        const { follow } = await need('redirects', () => import('./call/redirects.js'));
        request = follow(request, response.status, location, redirects);
      }
    },
    eventSource(url, init = {}) {
      wire.check();
      return openEventSource(url, init, settings, client.fetch);
    },
    webSocket: webSocketOf({ settings, wire, channels }),
    async handshake({ signal, renew = false } = {}) {
      wire.check();
      if (renew) channels.renew();
      const { kid, kind, session, expiresAt } = (await channels.claim(signal, true)).channel.terms;
      return { kid, kind, session, expiresAt: new Date(expiresAt * 1000) };
    },
    close() {
      channels.close();
      wire.forget();
    },
  };
  return client;
}
