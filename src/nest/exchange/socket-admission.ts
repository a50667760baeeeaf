import { Inject, Injectable, Logger } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { nowInSeconds } from '../../channel/clock.js';
import type { E2eEvents, SocketEndCause } from '../../channel/events.js';
import { within } from '../../channel/expiry.js';
import type { AcceptedSocket, OpenedMessage } from '../../channel/message.js';
import { MAX_HEAD_BYTES } from '../../protocol/frames.js';
import { utf8 } from '../../protocol/json.js';
import { isMediaType, OCTETS_MEDIA_TYPE } from '../../protocol/media-type.js';
import { E2eProblem, PROBLEM_MEDIA_TYPE } from '../../protocol/problem.js';
import type { KeyService } from '../keys/key.service.js';
import type { EndCause } from '../keys/running-streams.js';
import { E2E_EVENTS, E2E_KEYS } from '../options/e2e.options.js';
import { bindSocket, stateOf } from '../request/exchange-state.js';
import { RateLimitedLogger } from '../request/rate-limited-logger.js';
import { refuseUpgrade } from '../request/refuse-upgrade.js';
import type { Upgrade } from '../request/server-events.js';
import { GatewayTable, markSealingAdapter, type GatewayPaths } from '../routes/gateway-table.js';
import { noteRefusal, openMessage } from './message-opening.js';

/** Why a socket was rejected: the text message that says so, and the close code that follows. */
export class SocketRefusal extends Error {
  override readonly name = 'SocketRefusal';

  constructor(
    readonly text: string,
    readonly code: number,
  ) {
    super('the socket was refused');
  }
}

/** Passes an upgrade to its listeners. */
export type PassOn = (...upgrade: Upgrade) => unknown;

/** Takes an upgrade under a sealed path. */
export type TakeUpgrade = (...all: [...upgrade: Upgrade, passOn: PassOn]) => void;

const NO_ADAPTER =
  'A socket under a sealed path was refused, since nothing seals it. Call app.useWebSocketAdapter(new E2eWsAdapter(app)), ' +
  "from 'nestjs-e2e-encryption/ws'.";
/** The only message that an unauthenticated client gets. */
const SEALED_ONLY = 'Sockets under this path have to be sealed.';

/** A socket whose first message was accepted. */
export interface OpenedSocket {
  /** The application's own subprotocols that the client asks for. */
  readonly protocols: readonly string[];
  /** Seals the server's head, which has the selected subprotocol. */
  readonly accept: (protocol: string | undefined) => AcceptedSocket;
  /** A refusal by the application itself, sealed. */
  readonly refuse: (status: number, mediaType: string | undefined, body: Uint8Array) => SocketRefusal;
  /**
   * Makes the socket usable in place of its request, and ends it with its session and with the application.
   *
   * @returns a function to call when it has ended, with whether both sides ended it, and why.
   */
  readonly supervise: (
    socket: object,
    accepted: AcceptedSocket,
    fail: (cause: EndCause) => void,
  ) => (ended: boolean, cause: SocketEndCause) => void;
}

/**
 * Lets sockets in (PROTOCOL §7): their first message goes through the same steps as a request's. The adapter of the
 * library handles the sockets themselves.
 */
@Injectable()
export class SocketAdmission {
  readonly #logger = new Logger('E2eModule');
  readonly #log = new RateLimitedLogger(this.#logger);

  /** Set when the application starts: gives a request that asks for a socket its session. */
  readSession: ((request: IncomingMessage) => Promise<void>) | undefined;

  /** Set by the application's adapter if it seals the sockets of other libraries. */
  take: TakeUpgrade | undefined;

  constructor(
    @Inject(E2E_KEYS) private readonly keys: KeyService,
    @Inject(E2E_EVENTS) private readonly events: E2eEvents,
    @Inject(GatewayTable) private readonly gateways: GatewayTable,
  ) {}

  /** Bytes of plaintext that a message may have, either way. */
  get maxMessage(): number {
    return this.keys.options.maxBodySize;
  }

  /** An adapter registers itself as one that seals gateways, with their places. */
  takeAdapter(adapter: object, paths: GatewayPaths): void {
    markSealingAdapter(adapter, paths);
  }

  /** An upgrade under a sealed path: sealed, or refused. */
  enter(request: IncomingMessage, socket: Duplex, head: Buffer, passOn: PassOn): void {
    if (this.take) this.take(request, socket, head, passOn);
    else {
      this.#log.say('warn', NO_ADAPTER);
      refuseUpgrade(socket, SEALED_ONLY);
    }
  }

  /** @throws Error if a sealed gateway and one that is not would share their sockets. */
  isSealed(port: number, path: string | undefined): boolean {
    return this.gateways.isSealed(port, path);
  }

  /**
   * Opens a socket's first message, with all checks of PROTOCOL §5.
   *
   * @param readSession reads the request's session in place of the application's middleware.
   * @throws SocketRefusal
   */
  async open(request: IncomingMessage, text: string, readSession = this.readSession): Promise<OpenedSocket> {
    const at = nowInSeconds();
    let message: OpenedMessage | undefined;
    try {
      if (text.length > MAX_HEAD_BYTES) throw new E2eProblem('message-rejected', { step: 'format' });
      await this.#readSession(request, readSession);
      const opening = await openMessage(this.keys, this.events, request, { text, place: 'socket' }, request.url ?? '');
      ({ message } = opening);
      await opening.admit(at);
    } catch (error) {
      if (!(error instanceof E2eProblem)) throw error;
      throw this.refuse(request, error, message);
    }
    stateOf(request).message = message;
    // As the client requested it: the query travels sealed.
    const { query } = message.meta;
    if (query !== undefined) request.url = `${request.url?.split('?', 1)[0]}?${query}`;
    return this.#opened(request, message);
  }

  /** A refusal: sealed once the first message has opened. */
  refuse(request: IncomingMessage, problem: E2eProblem, message?: OpenedMessage): SocketRefusal {
    noteRefusal(this.keys, this.events, this.#logger, request, problem);
    const json = JSON.stringify(problem);
    const { status } = problem;
    const answer = { status, iat: nowInSeconds(), cty: PROBLEM_MEDIA_TYPE, plaintext: utf8(json) };
    return new SocketRefusal(message ? message.seal(answer) : json, 4000 + status);
  }

  async #readSession(request: IncomingMessage, read: SocketAdmission['readSession']): Promise<void> {
    try {
      await within(this.keys.options.storeTimeout, Promise.resolve(read?.(request)));
    } catch {
      // The session's store, or the application's middleware, failed: the socket is rejected.
      throw new E2eProblem('busy');
    }
    this.keys.watch(request);
  }

  #opened(request: IncomingMessage, message: OpenedMessage): OpenedSocket {
    const { channel, meta } = message;
    return {
      protocols: meta.protocols ?? [],
      accept: (protocol) => {
        const from = performance.now();
        const accepted = message.acceptSocket({ protocol, iat: nowInSeconds(), limit: this.maxMessage });
        this.events.emit({ type: 'sealed', status: 101, bytes: 0, ms: performance.now() - from });
        return accepted;
      },
      refuse: (status, mediaType, body) => {
        const type = mediaType !== undefined && isMediaType(mediaType) ? mediaType : OCTETS_MEDIA_TYPE;
        const cty = body.length > 0 ? type : undefined;
        return new SocketRefusal(message.seal({ status, iat: nowInSeconds(), cty, plaintext: body }), 4000 + status);
      },
      supervise: (socket, { opener, sealer }, fail) => {
        bindSocket(socket, request);
        const noteOver = this.keys.streams.add('socket', { request, channel, fail, isEndless: true });
        return (ended, cause) => {
          const [read, sent] = [opener.progress, sealer.progress];
          noteOver(ended, { bytes: read.bytes + sent.bytes, frames: read.frames + sent.frames, cause });
        };
      },
    };
  }
}
