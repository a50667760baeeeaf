import type { NodeEngine } from '../crypto/node.js';
import type { Bytes, ContentKey } from '../protocol/crypto.js';
import { frameNonce, StreamError } from '../protocol/frames.js';
import {
  SocketReader,
  SocketWriter,
  type PlainSocketMessage,
  type SocketDataKind,
  type SocketEnd,
  type SocketMessage,
  type SocketProgress,
} from '../protocol/socket.js';

/** Seals the messages of one direction of a socket (PROTOCOL §7), in their order. */
export class SocketSealer {
  readonly #engine: NodeEngine;
  readonly #key: ContentKey;
  readonly #writer = new SocketWriter();

  constructor(engine: NodeEngine, key: ContentKey) {
    this.#engine = engine;
    this.#key = key;
  }

  /** Messages and bytes of plaintext so far, and whether the end was sealed. */
  get progress(): SocketProgress {
    return this.#writer.progress;
  }

  /** Whether a message of this length may still be sent. If not, the socket must be closed. */
  hasRoomFor(length: number): boolean {
    return this.#writer.hasRoomFor(length);
  }

  /**
   * Seals a message of the application for the wire.
   *
   * @throws RangeError over the limit of one direction, or after the end.
   */
  seal(kind: SocketDataKind, plaintext: Bytes): Buffer {
    return this.#seal(this.#writer.message(kind, plaintext));
  }

  /**
   * Seals the end: nothing can be sealed after it.
   *
   * @throws RangeError for a code or a reason that is not allowed, or after the end.
   */
  end(end: SocketEnd): Buffer {
    return this.#seal(this.#writer.end(end));
  }

  /** Seals that this side gave up: nothing can be sealed after it. */
  fail(): Buffer {
    return this.#seal(this.#writer.fail());
  }

  #seal({ number, header, plaintext }: PlainSocketMessage): Buffer {
    const { ciphertext, tag } = this.#engine.seal(this.#key, frameNonce(number), header, plaintext);
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
  get progress(): SocketProgress {
    return this.#reader.progress;
  }

  /**
   * The content of a binary WebSocket message. After an error, open no further messages.
   *
   * @throws StreamError `stream-failed` if the sender gave up, `stream-broken` for every other error.
   */
  open(message: Bytes): SocketMessage {
    const { number, kind, header, ciphertext, tag } = this.#reader.read(message);
    const plaintext = this.#engine.open(this.#key, frameNonce(number), header, ciphertext, tag);
    if (!plaintext) throw new StreamError('stream-broken');
    return this.#reader.accept(kind, plaintext);
  }
}
