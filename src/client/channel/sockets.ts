import type { Bytes } from '../../protocol/crypto.js';
import { frameNonce, MAX_FRAMES, StreamError } from '../../protocol/frames.js';
import {
  encodeSocketEnd,
  SOCKET_KIND,
  socketHeader,
  SocketMeter,
  SocketReader,
  type SocketEnd,
  type SocketKind,
  type SocketMessage,
} from '../../protocol/socket.js';
import type { StreamKey } from './stream-key.js';

const NO_BYTES = new Uint8Array(0);

/**
 * Seals the messages of one direction of a socket (PROTOCOL §7). Numbers are taken when a method is called: what is called
 * first is the first on the wire, so send the results in that order.
 */
export class SocketSealer {
  readonly #streamKey: StreamKey;
  readonly #meter = new SocketMeter();
  #ended = false;

  constructor(streamKey: StreamKey) {
    this.#streamKey = streamKey;
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
  async seal(
    kind: typeof SOCKET_KIND.binary | typeof SOCKET_KIND.text,
    plaintext: Bytes,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (!this.hasRoomFor(plaintext.length)) throw new RangeError('this direction of the socket carries no more');
    return this.#seal(kind, plaintext);
  }

  /**
   * The end: nothing is sealed after it.
   *
   * @throws RangeError for a code or a reason that none may have, or after the end.
   */
  async end(end: SocketEnd): Promise<Uint8Array<ArrayBuffer>> {
    return this.#sealLast(SOCKET_KIND.end, encodeSocketEnd(end));
  }

  /** That this side gave up: nothing is sealed after it. */
  async fail(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#sealLast(SOCKET_KIND.failed, NO_BYTES);
  }

  #sealLast(kind: SocketKind, plaintext: Bytes): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#ended || this.#meter.messages >= MAX_FRAMES) throw new RangeError('this direction of the socket is over');
    this.#ended = true;
    return this.#seal(kind, plaintext);
  }

  async #seal(kind: SocketKind, plaintext: Bytes): Promise<Uint8Array<ArrayBuffer>> {
    const header = socketHeader(kind);
    const nonce = frameNonce(this.#meter.messages);
    this.#meter.note(plaintext.length);
    const { engine, key } = this.#streamKey;
    const { ciphertext, tag } = await engine.seal(key, nonce, header, plaintext);
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

  /** @param limit bytes of plaintext that a message may have. */
  constructor(streamKey: StreamKey, limit?: number) {
    this.#streamKey = streamKey;
    this.#reader = new SocketReader(limit);
  }

  /** Whether the end was opened. */
  get ended(): boolean {
    return this.#reader.progress.ended;
  }

  /**
   * What a binary message of the WebSocket holds. After an error nothing more is to be opened.
   *
   * @throws StreamError `stream-failed` where the sender gave up, `stream-broken` for whatever else is wrong.
   */
  async open(message: Bytes): Promise<SocketMessage> {
    const { engine, key } = this.#streamKey;
    const { number, kind, header, ciphertext, tag } = this.#reader.read(message);
    const plaintext = await engine.open(key, frameNonce(number), header, ciphertext, tag);
    if (!plaintext) throw new StreamError('stream-broken');
    return this.#reader.accept(kind, plaintext);
  }
}
