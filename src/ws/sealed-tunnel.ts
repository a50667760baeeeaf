import { Logger } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { OpenedSocket, PassOn } from '../nest/exchange/socket-admission.js';
import { RateLimitedLogger } from '../nest/request/rate-limited-logger.js';
import { CLOSE_CODE, isSocketEndCode, SOCKET_PATIENCE_MS } from '../protocol/socket.js';
import { InnerRefusal, openInnerSocket } from './inner-socket.js';

/** Bytes that wait for the application, above which the client is read no further. */
const HIGH_WATER = 1_048_576;

const UNANSWERED =
  'A socket under a sealed path was rejected with 500: the application threw in its upgrade, did not respond within ' +
  `${SOCKET_PATIENCE_MS / 1000} s, or responded without an upgrade. Check the listeners of the event "upgrade".`;

/**
 * Takes sealed sockets under a path where the application has sockets of its own, by whatever library: each is opened here,
 * and goes on in the clear over a connection within the process (PROTOCOL §7).
 */
export class SealedTunnel {
  readonly #log = new RateLimitedLogger(new Logger('E2eModule'));
  readonly #server: WebSocketServer;
  /** By the request that asks for a socket: who answers it, and the socket that was got. */
  readonly #asking = new WeakMap<IncomingMessage, PassOn>();
  readonly #inner = new WeakMap<IncomingMessage, WebSocket>();

  /** @param seal has the server take sealed sockets alone. */
  constructor(
    maxPayload: number,
    seal: (
      server: WebSocketServer,
      select: (request: IncomingMessage, opened: OpenedSocket) => Promise<string>,
    ) => void,
  ) {
    this.#server = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload });
    seal(this.#server, (request, opened) => this.#select(request, opened));
  }

  /** @param passOn emits an upgrade to the listeners of the HTTP server. */
  take(request: IncomingMessage, socket: Duplex, head: Buffer, passOn: PassOn): void {
    this.#asking.set(request, passOn);
    this.#server.handleUpgrade(request, socket, head, (sealed) => {
      const inner = this.#inner.get(request);
      if (inner) join(sealed, inner);
      else sealed.terminate();
    });
  }

  /** The subprotocol that the application selects. */
  async #select(request: IncomingMessage, { protocols, refuse }: OpenedSocket): Promise<string> {
    const { socket: outer } = request;
    try {
      const inner = await openInnerSocket(request, protocols, this.#asking.get(request)!);
      this.#inner.set(request, inner);
      return inner.protocol;
    } catch (error) {
      if (error instanceof InnerRefusal) throw refuse(error.status, error.mediaType, error.body);
      // The client has gone, so there is nothing to answer.
      if (!outer.destroyed) this.#log.say('error', UNANSWERED);
      throw refuse(500, undefined, Buffer.alloc(0));
    }
  }
}

/** Passes messages, pings and ends on, both ways. */
function join(sealed: WebSocket, inner: WebSocket): void {
  const pass = (send: (done: () => void) => void): void => {
    send(() => {
      if (sealed.isPaused && inner.bufferedAmount < HIGH_WATER) sealed.resume();
    });
    if (inner.bufferedAmount >= HIGH_WATER) sealed.pause();
  };
  sealed.on('message', (data: Buffer, isBinary) => pass((done) => inner.send(data, { binary: isBinary }, done)));
  inner.on('message', (data: Buffer, isBinary) => sealed.send(data, { binary: isBinary }));
  inner.on('ping', () => sealed.ping());
  sealed.on('pong', () => pass((done) => inner.pong(undefined, undefined, done)));
  sealed.on('error', () => undefined);
  inner.on('close', (code, reason) => endWith(sealed, code, reason));
  sealed.on('close', (code, reason) => endWith(inner, code, reason));
  inner.resume();
}

function endWith(socket: WebSocket, code: number, reason: Buffer): void {
  if (code === CLOSE_CODE.abnormal) socket.terminate();
  else if (code === CLOSE_CODE.noStatus) socket.close();
  else if (isSocketEndCode(code)) socket.close(code, reason);
  else socket.close(CLOSE_CODE.failed);
}
