import type { WebSocket } from 'ws';
import type { SocketEndCause } from '../channel/events.js';
import type { AcceptedSocket } from '../channel/message.js';
import type { EndCause } from '../nest/keys/running-streams.js';
import type { Bytes } from '../protocol/crypto.js';
import {
  CLOSE_CODE,
  SOCKET_KIND,
  SOCKET_PATIENCE_MS,
  type SocketDataKind,
  type SocketEnd,
  type SocketMessage,
} from '../protocol/socket.js';

/** The events of a sealed socket, for the facade that the application sees. */
interface LinkEvents {
  readonly onMessage: (data: Bytes, isBinary: boolean) => void;
  /** It ends without a close message: a `close` with 1006 follows. */
  readonly onError: (error: Error) => void;
  readonly onClose: (code: number, reason: string) => void;
}

export interface LinkLimits {
  /** Bytes of plaintext that a message may have. */
  readonly maxMessage: number;
  /** Bytes that may wait for a client that reads slowly. */
  readonly maxBuffered: number;
}

type Done = (error?: Error) => void;

/**
 * A WebSocket of the library between its two heads and its close (PROTOCOL §7): everything that is sent goes through a
 * frame, everything that comes opens, or ends the socket.
 */
export class SocketLink {
  readonly #raw: WebSocket;
  readonly #accepted: AcceptedSocket;
  readonly #limits: LinkLimits;
  readonly #events: LinkEvents;
  #state: number;
  #received: SocketEnd | undefined;
  #hasSentEnd = false;
  #isBroken = false;
  #isClosing = false;
  /** The first that there was. */
  #cause: SocketEndCause | undefined;

  constructor(raw: WebSocket, accepted: AcceptedSocket, limits: LinkLimits, events: LinkEvents) {
    this.#raw = raw;
    this.#accepted = accepted;
    this.#limits = limits;
    this.#events = events;
    this.#state = raw.OPEN;
    // Before the library's own listener, which notifies the server that its last socket has closed.
    raw.prependListener('close', () => this.#close());
  }

  /** As the library counts it: OPEN, CLOSING or CLOSED. */
  get state(): number {
    return this.#state;
  }

  /** Whether both sides closed it. */
  get hasEnded(): boolean {
    return this.#received !== undefined && !this.#isBroken;
  }

  /** Why it is over. */
  get cause(): SocketEndCause {
    return this.#cause ?? 'cut';
  }

  receive(data: Buffer, isBinary: boolean): void {
    if (this.#received || this.#isBroken) return;
    let message: SocketMessage;
    try {
      if (!isBinary) throw new Error('a text message came after the head');
      message = this.#accepted.opener.open(data);
    } catch (error) {
      this.#fail(error as Error, 'message');
      return;
    }
    if (message.kind === SOCKET_KIND.end) this.#answerEnd(message);
    // A side that has ended it discards further messages. After `terminate()` the library delivers what it has read.
    else if (!this.#hasSentEnd) this.#events.onMessage(message.data, message.kind === SOCKET_KIND.binary);
  }

  send(kind: SocketDataKind, plaintext: Bytes, done?: Done): void {
    const { sealer } = this.#accepted;
    const isTooBig = plaintext.length > this.#limits.maxMessage;
    if (isTooBig || !sealer.hasRoomFor(plaintext.length)) {
      this.end(isTooBig ? { code: CLOSE_CODE.tooBig, reason: '' } : { code: CLOSE_CODE.tryAgainLater, reason: '' });
      const limit = isTooBig
        ? `of at most ${this.#limits.maxMessage} bytes (maxBodySize)`
        : 'up to 2^24 and 2^40 bytes';
      const error = new Error(`A sealed socket carries messages ${limit}: it was ended.`);
      if (done) process.nextTick(done, error);
      else this.#events.onError(error);
      return;
    }
    this.#raw.send(sealer.seal(kind, plaintext), { binary: true, compress: false }, done);
    this.checkBuffered();
  }

  /** Also for pongs, which the library sends by itself. */
  checkBuffered(): void {
    if (this.#raw.bufferedAmount > this.#limits.maxBuffered) {
      this.#fail(
        new Error(`The client reads too slowly: more than ${this.#limits.maxBuffered} bytes wait for it.`),
        'slow',
      );
    }
  }

  /**
   * Sends the end, once.
   *
   * @throws RangeError for a code or a reason that is not allowed.
   */
  end(end: SocketEnd, cause: SocketEndCause = 'application'): void {
    const { sealer } = this.#accepted;
    if (this.#state !== this.#raw.OPEN) return;
    const message = sealer.end(end);
    this.#hasSentEnd = true;
    this.#cause ??= cause;
    this.#state = this.#raw.CLOSING;
    this.#raw.send(message, { binary: true, compress: false });
    // Without a response it is not an orderly close.
    const timer = setTimeout(() => this.#raw.terminate(), SOCKET_PATIENCE_MS).unref();
    this.#raw.once('close', () => clearTimeout(timer));
  }

  /** The application cuts it off. */
  terminate(): void {
    if (this.#state === this.#raw.CLOSED) return;
    this.#cause ??= 'application';
    this.#state = this.#raw.CLOSING;
    this.#raw.terminate();
  }

  /** Its session has ended, or the application closes. A second call cuts the socket. */
  supersede(cause: EndCause): void {
    this.end({ code: cause === 'session' ? CLOSE_CODE.sessionEnded : CLOSE_CODE.goingAway, reason: '' }, cause);
    if (cause !== 'closing') return;
    if (this.#isClosing) this.#raw.terminate();
    this.#isClosing = true;
  }

  /** Ends it as one that is broken. */
  #fail(error: Error, cause: SocketEndCause): void {
    if (this.#isBroken || this.#state === this.#raw.CLOSED) return;
    this.#cause ??= cause;
    this.#isBroken = true;
    this.#state = this.#raw.CLOSING;
    this.#raw.terminate();
    this.#events.onError(error);
  }

  #answerEnd(received: SocketEnd): void {
    this.#received = received;
    this.end({ code: received.code, reason: received.reason }, 'client');
    this.#raw.close(CLOSE_CODE.normal);
  }

  #close(): void {
    this.#state = this.#raw.CLOSED;
    const { code = CLOSE_CODE.noStatus, reason = '' } = this.#received ?? {};
    if (this.hasEnded) this.#events.onClose(code, reason);
    else this.#events.onClose(CLOSE_CODE.abnormal, '');
  }
}
