import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { nowInSeconds } from '../channel/channels.js';
import { stateOf, type Arrival } from './exchange-state.js';

/** The media type under which a handshake's bytes reach our reader untouched: duplicate members show in them alone. */
export const HANDSHAKE_MEDIA_TYPE = 'application/x-e2e-handshake';

/** Notes each request's arrival, first of all who listen to the HTTP server. */
export class Arrivals {
  /** @param handshakePath the end of the handshake's path: a global prefix may stand before it. */
  constructor(private readonly handshakePath: string) {}

  /** @param watch told of each request, once it is noted. */
  listen(
    server: Pick<Server, 'prependListener' | 'listening'>,
    watch: (request: IncomingMessage, response: ServerResponse) => void,
  ): void {
    let hasListened = false;
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
      this.of(request);
      // A server that is told to end answers what it has begun, and each answer then ends its connection: a balancer
      // that keeps its connections busy would keep the server, too.
      if (server.listening) hasListened = true;
      else if (hasListened) response.shouldKeepAlive = false;
      watch(request, response);
    });
  }

  /** Also for requests that came by another way than the server's event, as in serverless adapters. */
  of(request: IncomingMessage): Arrival {
    const state = stateOf(request);
    if (state.arrival) return state.arrival;
    const target = (request as { originalUrl?: string }).originalUrl ?? request.url ?? '';
    return (state.arrival = { at: nowInSeconds(), target, ...this.#handshake(request, target) });
  }

  #handshake(request: IncomingMessage, target: string): { handshakeType: string } | undefined {
    if (request.method !== 'POST') return undefined;
    // As leniently as Express routes: without case, and with a slash at the end.
    const path = target.split('?', 1)[0]!.replace(/\/$/, '').toLowerCase();
    if (!path.endsWith(this.handshakePath.toLowerCase())) return undefined;
    const handshakeType = request.headers['content-type'] ?? '';
    request.headers['content-type'] = HANDSHAKE_MEDIA_TYPE;
    return { handshakeType };
  }
}
