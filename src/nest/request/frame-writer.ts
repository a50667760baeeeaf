import type { FrameSealer } from '../../channel/frames.js';
import { FRAME_KIND, MAX_FRAME_BYTES, MAX_FRAMES } from '../../protocol/frames.js';
import { fillEvents } from '../../protocol/padding.js';

export interface FrameWriterOptions {
  /** The body's length in bytes, where the head says it. */
  readonly length?: number | undefined;
  /** Whether every frame but the last is full, which makes the length on the wire known. Only with `length`. */
  readonly isFull?: boolean;
  /** Whether writes of server-sent events are padded (PROTOCOL §4, Padding). */
  readonly fillsEvents?: boolean;
}

/** A frame, as one piece or several that belong together. */
export type Frame = readonly Uint8Array[];

const NO_BYTES = new Uint8Array(0);
const LINE_FEED = 0x0a;

/** The application's writes were more or fewer bytes than the head says, or more than a stream may have. */
export class WrongLengthError extends Error {}

/**
 * Makes frames of what an application writes (PROTOCOL §6). Each write becomes frames at once; if every frame except
 * the last must be full, bytes that do not fill one wait for more. It holds at most one frame, and seals a frame only
 * on request.
 */
export class FrameWriter {
  readonly #frames: FrameSealer;
  readonly #length: number | undefined;
  readonly #fillsEvents: boolean;
  /** Where every frame is full: the one that is being filled. */
  readonly #partial: Buffer | undefined;
  #filled = 0;
  #bytes = 0;
  #endsLine = true;

  constructor(frames: FrameSealer, { length, isFull = false, fillsEvents = false }: FrameWriterOptions) {
    this.#frames = frames;
    this.#length = length;
    this.#fillsEvents = fillsEvents;
    if (isFull) this.#partial = Buffer.allocUnsafe(Math.min(MAX_FRAME_BYTES, length ?? 0));
  }

  /** Bytes of plaintext that were written, and frames that were sealed. */
  get progress(): { readonly bytes: number; readonly frames: number } {
    return { bytes: this.#bytes, frames: this.#frames.count };
  }

  /**
   * The frames of one write.
   *
   * @throws WrongLengthError
   */
  *write(plaintext: Uint8Array): Generator<Frame, void> {
    const bytes = this.#take(plaintext);
    if (this.#partial) yield* this.#fill(bytes, this.#partial);
    else for (let from = 0; from < bytes.length; from += MAX_FRAME_BYTES) yield this.#more(bytes, from);
  }

  /**
   * The frames of what is written last, and as the generator's result the last frame of all.
   *
   * @throws WrongLengthError
   */
  *end(plaintext: Uint8Array): Generator<Frame, Buffer> {
    const bytes = this.#take(plaintext);
    if (this.#length !== undefined && this.#bytes < this.#length) throw new WrongLengthError();
    if (this.#partial) {
      yield* this.#fill(bytes, this.#partial);
      return this.#frames.seal(FRAME_KIND.last, this.#partial.subarray(0, this.#filled));
    }
    let from = 0;
    for (; from + MAX_FRAME_BYTES < bytes.length; from += MAX_FRAME_BYTES) yield this.#more(bytes, from);
    return this.#frames.seal(FRAME_KIND.last, bytes.subarray(from));
  }

  /** The frame that says that there is no more, and that this is not the end. */
  fail(): Buffer {
    return this.#frames.seal(FRAME_KIND.failed, NO_BYTES);
  }

  #take(plaintext: Uint8Array): Uint8Array {
    let bytes = plaintext;
    if (this.#fillsEvents && bytes.length > 0) {
      const endsLine = bytes[bytes.length - 1] === LINE_FEED;
      if (endsLine && this.#endsLine) bytes = fillEvents(bytes);
      this.#endsLine = endsLine;
    }
    this.#bytes += bytes.length;
    if (this.#length !== undefined && this.#bytes > this.#length) throw new WrongLengthError();
    return bytes;
  }

  /** The last frame of a body of known length, perhaps a full one too, waits for the end. */
  *#fill(bytes: Uint8Array, partial: Buffer): Generator<Frame, void> {
    const beforeLast = Math.max(0, Math.ceil(this.#length! / MAX_FRAME_BYTES) - 1);
    let from = 0;
    while (from < bytes.length) {
      const isLast = this.#frames.count === beforeLast;
      if (!isLast && this.#filled === 0 && bytes.length - from >= MAX_FRAME_BYTES) {
        yield this.#more(bytes, from);
        from += MAX_FRAME_BYTES;
        continue;
      }
      const taken = bytes.subarray(from, from + MAX_FRAME_BYTES - this.#filled);
      partial.set(taken, this.#filled);
      this.#filled += taken.length;
      from += taken.length;
      if (isLast || this.#filled < MAX_FRAME_BYTES) continue;
      yield this.#more(partial, 0);
      this.#filled = 0;
    }
  }

  /** In parts where nobody else says how long each write is on the wire, as chunks of HTTP/1 do. */
  #more(bytes: Uint8Array, from: number): Frame {
    // One is left for the last.
    if (this.#frames.count >= MAX_FRAMES - 1) throw new WrongLengthError();
    const plaintext = bytes.subarray(from, from + MAX_FRAME_BYTES);
    if (this.#partial) return this.#frames.sealInParts(FRAME_KIND.more, plaintext);
    return [this.#frames.seal(FRAME_KIND.more, plaintext)];
  }
}
