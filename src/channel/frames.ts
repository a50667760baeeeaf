import type { NodeEngine } from '../crypto/node.js';
import type { Bytes, ContentKey } from '../protocol/crypto.js';
import {
  FRAME_KIND,
  FrameReader,
  frameHeader,
  frameNonce,
  MAX_FRAMES,
  StreamError,
  type FrameKind,
} from '../protocol/frames.js';
import { FRAMES_INFO } from '../protocol/schedule.js';
import { ascii } from './ascii.js';

/** The key of one stream (PROTOCOL §6): bound to its head, and so to its request, direction and channel. */
export function streamKey(engine: NodeEngine, base: Bytes, head: string): ContentKey {
  return engine.importContentKey(engine.hkdf(base, engine.sha256(ascii(head)), FRAMES_INFO));
}

/** Seals the frames of one stream, in their order. */
export class FrameSealer {
  readonly #engine: NodeEngine;
  readonly #key: ContentKey;
  #count = 0;

  constructor(engine: NodeEngine, key: ContentKey) {
    this.#engine = engine;
    this.#key = key;
  }

  /** How many frames were sealed. */
  get count(): number {
    return this.#count;
  }

  /**
   * Seals the next frame for the wire.
   *
   * @param plaintext at most `MAX_FRAME_BYTES`; none for the kind `failed`.
   * @throws RangeError past the last frame that a stream may have.
   */
  seal(kind: FrameKind, plaintext: Bytes): Buffer {
    return Buffer.concat(this.sealInParts(kind, plaintext));
  }

  /** The same as separate parts, which the caller writes one after another. This avoids a copy of a full frame. */
  sealInParts(kind: FrameKind, plaintext: Bytes): readonly Bytes[] {
    if (this.#count >= MAX_FRAMES) throw new RangeError('a stream has at most 2^24 frames');
    const header = frameHeader(kind, plaintext.length);
    const { ciphertext, tag } = this.#engine.seal(this.#key, frameNonce(this.#count++), header, plaintext);
    return [header, ciphertext, tag];
  }
}

/** Opens the frames of one stream. No part of a frame is returned before the frame was opened. */
export class FrameOpener {
  readonly #engine: NodeEngine;
  readonly #key: ContentKey;
  readonly #reader: FrameReader;

  constructor(engine: NodeEngine, key: ContentKey, length: number | undefined) {
    this.#engine = engine;
    this.#key = key;
    this.#reader = new FrameReader(length);
  }

  /** Frames and bytes of plaintext so far, and whether the last frame was opened. */
  get progress(): { readonly frames: number; readonly bytes: number; readonly ended: boolean } {
    return { frames: this.#reader.count, bytes: this.#reader.received, ended: this.#reader.ended };
  }

  /**
   * The plaintext of the frames that this chunk completes, one frame at a time.
   *
   * @throws StreamError `stream-failed` if the sender gave up, `stream-broken` for every other error.
   */
  *push(chunk: Bytes): Generator<Bytes> {
    for (const { number, kind, header, ciphertext, tag } of this.#reader.push(chunk)) {
      const plaintext = this.#engine.open(this.#key, frameNonce(number), header, ciphertext, tag);
      if (!plaintext) throw new StreamError('stream-broken');
      this.#reader.accept(kind, plaintext.length);
      if (plaintext.length > 0) yield plaintext;
    }
  }

  /**
   * Call it at the end of the HTTP body.
   *
   * @throws StreamError `stream-broken` if the stream was not complete.
   */
  end(): void {
    this.#reader.end();
  }
}

export { FRAME_KIND };
