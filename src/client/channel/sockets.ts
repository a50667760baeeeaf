import type { Bytes } from '../../protocol/crypto.js';
import { frameNonce, StreamError } from '../../protocol/frames.js';
import {
  SocketReader,
  SocketWriter,
  type PlainSocketMessage,
  type SocketDataKind,
  type SocketEnd,
  type SocketMessage,
} from '../../protocol/socket.js';
import type { StreamKey } from './stream-key.js';

type OnWire = Promise<Uint8Array<ArrayBuffer>>;

/**
 * Seals the messages of one direction of a socket (PROTOCOL §7). Numbers are assigned when a method is called, so send
 * the results in the order of the calls.
 */
export class SocketSealer {
  readonly #streamKey: StreamKey;
  readonly #writer = new SocketWriter();

  constructor(streamKey: StreamKey) {
    this.#streamKey = streamKey;
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
  async seal(kind: SocketDataKind, plaintext: Bytes): OnWire {
    return this.#seal(this.#writer.message(kind, plaintext));
  }

  /**
   * Seals the end: nothing can be sealed after it.
   *
   * @throws RangeError for a code or a reason that is not allowed, or after the end.
   */
  async end(end: SocketEnd): OnWire {
    return this.#seal(this.#writer.end(end));
  }

  /** Seals that this side gave up: nothing can be sealed after it. */
  async fail(): OnWire {
    return this.#seal(this.#writer.fail());
  }

  async #seal({ number, header, plaintext }: PlainSocketMessage): OnWire {
    const { engine, key } = this.#streamKey;
    const { ciphertext, tag } = await engine.seal(key, frameNonce(number), header, plaintext);
    const message = new Uint8Array(1 + ciphertext.length + tag.length);
    message.set(header);
    message.set(ciphertext, 1);
    message.set(tag, 1 + ciphertext.length);
    return message;
  }
}

/** Opens the messages of one direction of a socket, one after another: await each. */
export class SocketOpener {
  readonly #streamKey: StreamKey;
  readonly #reader: SocketReader;
  readonly limit: number;

  /** @param limit bytes of plaintext that a message may have. */
  constructor(streamKey: StreamKey, limit: number) {
    this.#streamKey = streamKey;
    this.#reader = new SocketReader(limit);
    this.limit = limit;
  }

  /**
   * The content of a binary WebSocket message. After an error, open no further messages.
   *
   * @throws StreamError `stream-failed` if the sender gave up, `stream-broken` for every other error.
   */
  async open(message: Bytes): Promise<SocketMessage> {
    const { engine, key } = this.#streamKey;
    const { number, kind, header, ciphertext, tag } = this.#reader.read(message);
    const plaintext = await engine.open(key, frameNonce(number), header, ciphertext, tag);
    if (!plaintext) throw new StreamError('stream-broken');
    return this.#reader.accept(kind, plaintext);
  }
}
