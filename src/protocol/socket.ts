import type { Bytes } from './crypto.js';
import { MAX_FRAMES, StreamError } from './frames.js';
import { fromUtf8, utf8 } from './json.js';
import { TAG_BYTES } from './jwe.js';

/**
 * A WebSocket in frames (PROTOCOL §7), without its cryptography: the form of messages on the wire, and which may follow
 * which. Each direction is a separate stream.
 */
export const SOCKET_KIND = { binary: 0, end: 1, failed: 2, text: 3 } as const;
export type SocketKind = (typeof SOCKET_KIND)[keyof typeof SOCKET_KIND];
/** The kinds of what an application sends. */
export type SocketDataKind = typeof SOCKET_KIND.binary | typeof SOCKET_KIND.text;

/** The subprotocol of every sealed socket. The application's own ones travel inside the heads. */
export const SOCKET_SUBPROTOCOL = 'e2e.1';
/** How long the first message, and the response to a close, may take. */
export const SOCKET_PATIENCE_MS = 10_000;
/** What a message has on the wire in addition to its plaintext: the kind and the tag. */
export const SOCKET_OVERHEAD_BYTES = 1 + TAG_BYTES;
/**
 * The limit of plaintext bytes in one direction of a socket. The limit of messages is `MAX_FRAMES`, including the end.
 */
export const MAX_SOCKET_BYTES = 2 ** 40;
/** The close codes that are used here (RFC 6455 §7.4.1; 4000 and an HTTP status are the protocol's own). */
export const CLOSE_CODE = {
  normal: 1000,
  goingAway: 1001,
  /** What an application sees if an end had no code. It is never sent. */
  noStatus: 1005,
  /** What an application sees if a socket was cut without an end. It is never sent. */
  abnormal: 1006,
  policyViolation: 1008,
  tooBig: 1009,
  /** Replaces a code that may not be sent. */
  failed: 1011,
  /** This direction carries no more. */
  tryAgainLater: 1013,
  /** The session ended. A client does not reconnect by itself after it. */
  sessionEnded: 4401,
} as const;
/** How long the reason of an end may be, in UTF-8. */
export const MAX_REASON_BYTES = 123;

const NO_BYTES = new Uint8Array(0);

/** Why a socket ends, as one side reports it. Without a code there is no reason. */
export interface SocketEnd {
  readonly code?: number | undefined;
  readonly reason: string;
}

/** The progress of one direction: messages and bytes of plaintext, and whether its end was sent. */
export interface SocketProgress {
  readonly frames: number;
  readonly bytes: number;
  readonly ended: boolean;
}

/** A message that opened: what was sent, or the end. */
export type SocketMessage =
  | { readonly kind: typeof SOCKET_KIND.binary; readonly data: Bytes }
  | { readonly kind: typeof SOCKET_KIND.text; readonly data: Bytes; readonly text: string }
  | ({ readonly kind: typeof SOCKET_KIND.end } & SocketEnd);

/** A message before it is sealed. */
export interface PlainSocketMessage {
  readonly number: number;
  /** The kind, which is the additional authenticated data. */
  readonly header: Bytes;
  readonly plaintext: Bytes;
}

/** A message as it is on the wire, before it is opened. */
export interface SealedSocketMessage {
  readonly number: number;
  readonly kind: SocketKind;
  readonly header: Bytes;
  readonly ciphertext: Bytes;
  readonly tag: Bytes;
}

/** Whether a code is allowed in an end: the codes that browsers let applications send, and those between servers. */
export function isSocketEndCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  const isRegistered = code >= 1000 && code <= 1014 && code !== 1002 && (code < 1004 || code > 1006);
  return isRegistered || (code >= 3000 && code <= 4999);
}

/**
 * The plaintext of an end.
 *
 * @throws RangeError for a code that is not allowed, a reason without a code, or a reason that is too long.
 */
export function encodeSocketEnd({ code, reason }: SocketEnd): Bytes {
  if (code === undefined && reason === '') return NO_BYTES;
  if (code === undefined || !isSocketEndCode(code)) {
    throw new RangeError('a sealed socket ends with 1000, 1001, 1003, 1007 to 1014, or 3000 to 4999');
  }
  const text = utf8(reason);
  if (text.length > MAX_REASON_BYTES) throw new RangeError(`a reason has at most ${MAX_REASON_BYTES} bytes of UTF-8`);
  const bytes = new Uint8Array(2 + text.length);
  bytes.set([code >> 8, code & 0xff]);
  bytes.set(text, 2);
  return bytes;
}

/** Counts the messages of one direction: the last number is kept for the end. */
export class SocketMeter {
  #messages = 0;
  #bytes = 0;

  get messages(): number {
    return this.#messages;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a message of this length may still be sent, and the end after it. */
  hasRoomFor(length: number): boolean {
    return this.#messages < MAX_FRAMES - 1 && this.#bytes + length <= MAX_SOCKET_BYTES;
  }

  /** @returns the number of the message. */
  note(length: number): number {
    this.#bytes += length;
    return this.#messages++;
  }
}

/**
 * Writes the messages of one direction. Numbers are assigned in the order of the calls, which must be the order on the
 * wire; it enforces the rules that need no key: nothing after the end, and no more than one direction carries.
 */
export class SocketWriter {
  readonly #meter = new SocketMeter();
  #ended = false;

  /** Messages and bytes of plaintext so far, and whether the end is among them. */
  get progress(): SocketProgress {
    return { frames: this.#meter.messages, bytes: this.#meter.bytes, ended: this.#ended };
  }

  /** Whether a message of this length may still be sent. If not, the socket must be closed. */
  hasRoomFor(length: number): boolean {
    return !this.#ended && this.#meter.hasRoomFor(length);
  }

  /** @throws RangeError past what one direction may carry, or after the end. */
  message(kind: SocketDataKind, plaintext: Bytes): PlainSocketMessage {
    if (!this.hasRoomFor(plaintext.length)) throw new RangeError('this direction of the socket carries no more');
    return this.#write(kind, plaintext);
  }

  /** @throws RangeError for a code or a reason that none may have, or after the end. */
  end(end: SocketEnd): PlainSocketMessage {
    return this.#writeLast(SOCKET_KIND.end, encodeSocketEnd(end));
  }

  /** Writes that this side gave up. */
  fail(): PlainSocketMessage {
    return this.#writeLast(SOCKET_KIND.failed, NO_BYTES);
  }

  #writeLast(kind: SocketKind, plaintext: Bytes): PlainSocketMessage {
    if (this.#ended || this.#meter.messages >= MAX_FRAMES) throw new RangeError('this direction of the socket is over');
    this.#ended = true;
    return this.#write(kind, plaintext);
  }

  #write(kind: SocketKind, plaintext: Bytes): PlainSocketMessage {
    return { number: this.#meter.note(plaintext.length), header: Uint8Array.of(kind), plaintext };
  }
}

/**
 * Reads the messages of one direction. It enforces the rules that need no key: kinds, lengths, numbers, nothing after
 * the end. The caller opens them and passes the plaintext of each to `accept`.
 */
export class SocketReader {
  readonly #limit: number;
  readonly #meter = new SocketMeter();
  #ended = false;

  /** @param limit bytes of plaintext that a message may have. */
  constructor(limit = Infinity) {
    this.#limit = limit;
  }

  get progress(): SocketProgress {
    return { frames: this.#meter.messages, bytes: this.#meter.bytes, ended: this.#ended };
  }

  /** @throws StreamError `stream-broken`. */
  read(message: Bytes): SealedSocketMessage {
    const length = message.length - SOCKET_OVERHEAD_BYTES;
    const kind = message[0] as SocketKind;
    const number = this.#meter.messages;
    const isData = kind === SOCKET_KIND.binary || kind === SOCKET_KIND.text;
    const fits = isData ? this.#meter.hasRoomFor(length) : number < MAX_FRAMES;
    if (this.#ended || length < 0 || length > this.#limit || kind > SOCKET_KIND.text || !fits) {
      throw new StreamError('stream-broken');
    }
    return {
      number,
      kind,
      header: message.subarray(0, 1),
      ciphertext: message.subarray(1, -TAG_BYTES),
      tag: message.subarray(-TAG_BYTES),
    };
  }

  /**
   * The content of a message that was opened.
   *
   * @throws StreamError `stream-failed` if the sender gave up, `stream-broken` for content that is not allowed.
   */
  accept(kind: SocketKind, plaintext: Bytes): SocketMessage {
    this.#meter.note(plaintext.length);
    switch (kind) {
      case SOCKET_KIND.binary:
        return { kind, data: plaintext };
      case SOCKET_KIND.text:
        return { kind, data: plaintext, text: textOf(plaintext) };
      case SOCKET_KIND.end:
        this.#ended = true;
        return { kind, ...decodeEnd(plaintext) };
      case SOCKET_KIND.failed:
        throw new StreamError(plaintext.length === 0 ? 'stream-failed' : 'stream-broken');
    }
  }
}

function decodeEnd(plaintext: Bytes): SocketEnd {
  if (plaintext.length === 0) return { reason: '' };
  const [high = 0, low = 0] = plaintext;
  const code = (high << 8) | low;
  const isTooLong = plaintext.length > 2 + MAX_REASON_BYTES;
  if (plaintext.length < 2 || isTooLong || !isSocketEndCode(code)) throw new StreamError('stream-broken');
  return { code, reason: textOf(plaintext.subarray(2)) };
}

function textOf(bytes: Bytes): string {
  try {
    return fromUtf8(bytes);
  } catch {
    throw new StreamError('stream-broken');
  }
}
