import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { nowInSeconds } from '../../channel/clock.js';
import { stateOf, type Arrival } from './exchange-state.js';
import { interceptEvent } from './server-events.js';

/** The media type under which a handshake's bytes reach our reader untouched: duplicate members show in them alone. */
export const HANDSHAKE_MEDIA_TYPE = 'application/x-e2e-handshake';

/** Called once for each request. */
type Watch = (request: IncomingMessage, response: ServerResponse, arrival: Arrival) => void;

/**
 * Notes each request's arrival, before anyone else could change or read it: before all who listen to the platform's
 * own HTTP server, and at the platform's door for what comes by another way (a server of the application's own, a parent
 * application, a serverless adapter, `inject()`).
 */
export class RequestTracker {
  #watch: Watch | undefined;
  readonly #end: string;

  /** @param handshakePath the end of the handshake's path: a global prefix may stand before it. */
  constructor(handshakePath: string) {
    this.#end = handshakePath.toLowerCase();
  }

  /** @param watch is called for each request, after it was noted. */
  listen(server: Pick<Server, 'emit' | 'listening'> | undefined, watch: Watch): void {
    this.#watch = watch;
    let hasListened = false;
    if (!server) return;
    interceptEvent(server, 'request', (request: IncomingMessage, response: ServerResponse) => {
      // A server that shuts down completes its requests, and each response then ends its connection: a balancer
      // that keeps its connections busy would keep the server running.
      if (server.listening) hasListened = true;
      else if (hasListened) response.shouldKeepAlive = false;
      this.note(request, response);
    });
  }

  /** A request may pass several of these places; the first one counts. */
  note(request: IncomingMessage, response: ServerResponse): void {
    if (stateOf(request).arrival?.notedBy === this) return;
    this.#watch?.(request, response, this.of(request));
  }

  of(request: IncomingMessage): Arrival {
    const state = stateOf(request);
    if (state.arrival?.notedBy === this) return state.arrival;
    const { at, target } = state.arrival ?? { at: nowInSeconds(), target: targetOf(request) };
    const handshakeType = state.arrival?.handshakeType ?? this.#handshake(request, target);
    // Written out: to spread what is mostly not there takes longer than all the rest.
    return (state.arrival =
      handshakeType === undefined ? { at, target, notedBy: this } : { at, target, notedBy: this, handshakeType });
  }

  /** Replaces and returns the media type, if the request is a handshake. */
  #handshake(request: IncomingMessage, target: string): string | undefined {
    if (request.method !== 'POST') return undefined;
    // As leniently as Express routes: without case, and with a slash at the end.
    const path = target.split('?', 1)[0]!.replace(/\/$/, '').toLowerCase();
    if (!path.endsWith(this.#end)) return undefined;
    const handshakeType = request.headers['content-type'] ?? '';
    request.headers['content-type'] = HANDSHAKE_MEDIA_TYPE;
    return handshakeType;
  }
}

function targetOf(request: IncomingMessage): string {
  return (request as { originalUrl?: string }).originalUrl ?? request.url ?? '';
}
