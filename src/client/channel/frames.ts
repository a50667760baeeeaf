import type { Bytes } from '../../protocol/crypto.js';
import {
  frameHeader,
  frameNonce,
  FrameReader,
  MAX_FRAMES,
  StreamError,
  type FrameKind,
} from '../../protocol/frames.js';
import type { StreamKey } from './stream-key.js';

/** Seals the frames of one stream (PROTOCOL §6). Frames are sealed one after another: await each. */
export class FrameSealer {
  readonly #streamKey: StreamKey;
  #count = 0;

  constructor(streamKey: StreamKey) {
    this.#streamKey = streamKey;
  }

  /**
   * Seals the next frame for the wire.
   *
   * @param plaintext at most `MAX_FRAME_BYTES`; none for the kind `failed`.
   * @throws RangeError over the limit of frames in a stream.
   */
  async seal(kind: FrameKind, plaintext: Bytes): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#count >= MAX_FRAMES) throw new RangeError('a stream has at most 2^24 frames');
    const header = frameHeader(kind, plaintext.length);
    const { engine, key } = this.#streamKey;
    const { ciphertext, tag } = await engine.seal(key, frameNonce(this.#count++), header, plaintext);
    const frame = new Uint8Array(header.length + ciphertext.length + tag.length);
    frame.set(header);
    frame.set(ciphertext, header.length);
    frame.set(tag, header.length + ciphertext.length);
    return frame;
  }
}

/** Opens the frames of one stream. No part of a frame is returned before the frame was opened. */
export class FrameOpener {
  readonly #streamKey: StreamKey;
  readonly #reader: FrameReader;

  constructor(streamKey: StreamKey, length: number | undefined) {
    this.#streamKey = streamKey;
    this.#reader = new FrameReader(length);
  }

  /** Whether the last frame was opened. */
  get ended(): boolean {
    return this.#reader.ended;
  }

  /**
   * The plaintext of the frames that this chunk completes, one frame at a time.
   *
   * @throws StreamError `stream-failed` if the sender gave up, `stream-broken` for every other error.
   */
  async *push(chunk: Bytes): AsyncGenerator<Bytes> {
    const { engine, key } = this.#streamKey;
    for (const { number, kind, header, ciphertext, tag } of this.#reader.push(chunk)) {
      const plaintext = await engine.open(key, frameNonce(number), header, ciphertext, tag);
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
