import type { NodeEngine } from '../crypto/node.js';
import type { Bytes, ContentKey } from '../protocol/crypto.js';
import { frameNonce, MAX_FRAMES, StreamError } from '../protocol/frames.js';
import {
  encodeSocketEnd,
  SOCKET_KIND,
  socketHeader,
  SocketMeter,
  SocketReader,
  type SocketEnd,
  type SocketKind,
  type SocketMessage,
} from '../protocol/socket.js';

const NO_BYTES = new Uint8Array(0);

/** Seals the messages of one direction of a socket (PROTOCOL §7), in their order. */
export class SocketSealer {
  readonly #engine: NodeEngine;
  readonly #key: ContentKey;
  readonly #meter = new SocketMeter();
  #ended = false;

  constructor(engine: NodeEngine, key: ContentKey) {
    this.#engine = engine;
    this.#key = key;
  }

  /** Messages and bytes of plaintext so far, and whether the end was sealed. */
  get progress(): { readonly frames: number; readonly bytes: number; readonly ended: boolean } {
    return { frames: this.#meter.messages, bytes: this.#meter.bytes, ended: this.#ended };
  }

  /** Whether a message of this length may still go. Where not, the socket is to be ended. */
  hasRoomFor(length: number): boolean {
    return !this.#ended && this.#meter.hasRoomFor(length);
  }

  /**
   * A message of the application's, as it goes on the wire.
   *
   * @throws RangeError past what one direction may carry, or after the end.
   */
  seal(kind: typeof SOCKET_KIND.binary | typeof SOCKET_KIND.text, plaintext: Bytes): Buffer {
    if (!this.hasRoomFor(plaintext.length)) throw new RangeError('this direction of the socket carries no more');
    return this.#seal(kind, plaintext);
  }

  /**
   * The end: nothing is sealed after it.
   *
   * @throws RangeError for a code or a reason that none may have, or after the end.
   */
  end(end: SocketEnd): Buffer {
    return this.#sealLast(SOCKET_KIND.end, encodeSocketEnd(end));
  }

  /** That this side gave up: nothing is sealed after it. */
  fail(): Buffer {
    return this.#sealLast(SOCKET_KIND.failed, NO_BYTES);
  }

  #sealLast(kind: SocketKind, plaintext: Bytes): Buffer {
    if (this.#ended || this.#meter.messages >= MAX_FRAMES) throw new RangeError('this direction of the socket is over');
    this.#ended = true;
    return this.#seal(kind, plaintext);
  }

  #seal(kind: SocketKind, plaintext: Bytes): Buffer {
    const header = socketHeader(kind);
    const nonce = frameNonce(this.#meter.messages);
    this.#meter.note(plaintext.length);
    const { ciphertext, tag } = this.#engine.seal(this.#key, nonce, header, plaintext);
    return Buffer.concat([header, ciphertext, tag]);
  }
}

/** Opens the messages of one direction of a socket. */
export class SocketOpener {
  readonly #engine: NodeEngine;
  readonly #key: ContentKey;
  readonly #reader: SocketReader;

  /** @param limit bytes of plaintext that a message may have. */
  constructor(engine: NodeEngine, key: ContentKey, limit: number) {
    this.#engine = engine;
    this.#key = key;
    this.#reader = new SocketReader(limit);
  }

  /** Messages and bytes of plaintext so far, and whether the end was opened. */
  get progress(): { readonly frames: number; readonly bytes: number; readonly ended: boolean } {
    return this.#reader.progress;
  }

  /**
   * What a binary message of the WebSocket holds. After an error nothing more is to be opened.
   *
   * @throws StreamError `stream-failed` where the sender gave up, `stream-broken` for whatever else is wrong.
   */
  open(message: Bytes): SocketMessage {
    const { number, kind, header, ciphertext, tag } = this.#reader.read(message);
    const plaintext = this.#engine.open(this.#key, frameNonce(number), header, ciphertext, tag);
    if (!plaintext) throw new StreamError('stream-broken');
    return this.#reader.accept(kind, plaintext);
  }
}
