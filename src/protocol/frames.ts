import type { Bytes } from './crypto.js';
import { IV_BYTES, TAG_BYTES } from './jwe.js';

/**
 * A body in frames (PROTOCOL §6), without its cryptography: the form of frames on the wire, and which may follow which.
 */
export const FRAME_KIND = { more: 0, last: 1, failed: 2 } as const;
export type FrameKind = (typeof FRAME_KIND)[keyof typeof FRAME_KIND];

/** Kind and length, which are the additional authenticated data. */
export const FRAME_HEADER_BYTES = 4;
/** The most plaintext that one frame holds. */
export const MAX_FRAME_BYTES = 65_536;
export const MAX_FRAMES = 2 ** 24;
/** The longest head, in bytes, without the line feed that ends it. */
export const MAX_HEAD_BYTES = 32_768;

const NO_BYTES = new Uint8Array(0);

/**
 * Why a stream did not end correctly: its sender gave up (`stream-failed`), or anything else (`stream-broken`). What
 * was read before is authentic, and a prefix of the body.
 */
export class StreamError extends Error {
  override readonly name = 'StreamError';

  constructor(readonly code: 'stream-broken' | 'stream-failed') {
    super(code === 'stream-failed' ? 'The sender of the stream gave up.' : 'The stream did not end correctly.');
  }
}

/** A frame as it is on the wire, not yet opened. */
export interface SealedFrame {
  readonly number: number;
  readonly kind: FrameKind;
  readonly header: Bytes;
  readonly ciphertext: Bytes;
  readonly tag: Bytes;
}

/** The nonce of a frame: its number in its stream, big-endian. */
export function frameNonce(number: number): Bytes {
  const nonce = new Uint8Array(IV_BYTES);
  // A view on its buffer would cost more than sealing the bytes of a short message.
  for (let at = IV_BYTES - 1, left = number; left > 0; left >>>= 8) nonce[at--] = left & 0xff;
  return nonce;
}

/** The first four bytes of a frame that holds this many bytes of plaintext. */
export function frameHeader(kind: FrameKind, plaintextLength: number): Bytes {
  const length = plaintextLength + TAG_BYTES;
  return Uint8Array.of(kind, length >> 16, (length >> 8) & 0xff, length & 0xff);
}

/** The length on the wire of all frames of a body of this length, if every frame except the last is full. */
export function framesLength(length: number): number {
  return length + Math.max(1, Math.ceil(length / MAX_FRAME_BYTES)) * (FRAME_HEADER_BYTES + TAG_BYTES);
}

/**
 * Takes bytes as they arrive and returns the frames in them. It enforces the rules that need no key: kinds, lengths,
 * numbers, nothing after the last. The caller opens the frames and reports each with `accept`.
 */
export class FrameReader {
  readonly #length: number | undefined;
  #pending: Bytes = NO_BYTES;
  /** How many bytes of a frame that arrives in parts are there. */
  #filled = 0;
  #count = 0;
  #received = 0;
  #ended = false;

  /** @param length the body's length, if the head has it. */
  constructor(length: number | undefined) {
    this.#length = length;
  }

  /** How many frames were read. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of plaintext in the frames that were accepted. */
  get received(): number {
    return this.#received;
  }

  /** Whether the last frame was accepted. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * The frames that this chunk completes. Accept each one before you request the next.
   *
   * @throws StreamError `stream-broken`.
   */
  *push(chunk: Bytes): Generator<SealedFrame> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#ended) throw new StreamError('stream-broken');
      if (this.#filled === 0 && rest.length >= FRAME_HEADER_BYTES) {
        // Most chunks contain whole frames, which are opened in place.
        const size = frameSize(rest);
        if (rest.length >= size) {
          yield this.#frame(rest.subarray(0, size));
          rest = rest.subarray(size);
          continue;
        }
      }
      const missing = this.#missing();
      const taken = rest.subarray(0, missing);
      this.#append(taken);
      rest = rest.subarray(taken.length);
      if (this.#filled >= FRAME_HEADER_BYTES && this.#missing() === 0) {
        const whole = this.#pending.subarray(0, this.#filled);
        // The next frame that arrives in parts uses the same buffer: this one is opened by then.
        this.#filled = 0;
        yield this.#frame(whole);
      }
    }
  }

  /**
   * Notes a frame that opened.
   *
   * @throws StreamError `stream-failed` if the sender gave up, `stream-broken` if it is not allowed here.
   */
  accept(kind: FrameKind, plaintextLength: number): void {
    if (kind === FRAME_KIND.failed) throw new StreamError(plaintextLength === 0 ? 'stream-failed' : 'stream-broken');
    this.#received += plaintextLength;
    const isTooLong = this.#length !== undefined && this.#received > this.#length;
    this.#ended = kind === FRAME_KIND.last;
    const isTooShort = this.#ended && this.#length !== undefined && this.#received < this.#length;
    if (isTooLong || isTooShort) throw new StreamError('stream-broken');
  }

  /** @throws StreamError `stream-broken` unless the last frame was accepted and nothing followed it. */
  end(): void {
    if (!this.#ended || this.#filled > 0) throw new StreamError('stream-broken');
  }

  #missing(): number {
    return this.#filled < FRAME_HEADER_BYTES
      ? FRAME_HEADER_BYTES - this.#filled
      : frameSize(this.#pending) - this.#filled;
  }

  #append(bytes: Bytes): void {
    // The buffer is allocated only after the length was checked.
    const size = this.#filled < FRAME_HEADER_BYTES ? FRAME_HEADER_BYTES : frameSize(this.#pending);
    if (this.#pending.length < size) {
      const larger = new Uint8Array(size);
      larger.set(this.#pending.subarray(0, this.#filled));
      this.#pending = larger;
    }
    this.#pending.set(bytes, this.#filled);
    this.#filled += bytes.length;
    if (this.#filled === FRAME_HEADER_BYTES) frameSize(this.#pending);
  }

  #frame(bytes: Bytes): SealedFrame {
    if (this.#count >= MAX_FRAMES) throw new StreamError('stream-broken');
    return {
      number: this.#count++,
      kind: bytes[0] as FrameKind,
      header: bytes.subarray(0, FRAME_HEADER_BYTES),
      ciphertext: bytes.subarray(FRAME_HEADER_BYTES, -TAG_BYTES),
      tag: bytes.subarray(-TAG_BYTES),
    };
  }
}

/** How long a whole frame is, by its first four bytes. */
function frameSize(bytes: Bytes): number {
  const [kind = 0, high = 0, middle = 0, low = 0] = bytes;
  const length = (high << 16) | (middle << 8) | low;
  if (kind > FRAME_KIND.failed || length < TAG_BYTES || length > MAX_FRAME_BYTES + TAG_BYTES) {
    throw new StreamError('stream-broken');
  }
  return FRAME_HEADER_BYTES + length;
}
