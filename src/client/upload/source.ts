import type { Pieces } from '../call/bytes.js';

/** A body that is read as it is sent, piece by piece. */
export interface BodySource {
  /** In bytes, if it is known. */
  readonly length: number | undefined;
  /** The body's own media type; a `Content-Type` of the request takes precedence. */
  readonly mediaType: string | undefined;
  /** Whether it can be read again from its start: a Blob or a File can, a stream cannot. */
  readonly isRepeatable: boolean;
  /** Reads from the start each time; a stream from its current position. */
  readonly read: () => Pieces;
}

/** How much of a Blob is read at a time: whole frames, and few reads. */
const SLICE_BYTES = 2 ** 20;

export function bytesSource(bytes: Uint8Array<ArrayBuffer>): BodySource {
  return { length: bytes.length, mediaType: undefined, isRepeatable: true, read: () => generate(() => [bytes]) };
}

export function blobSource(blob: Blob): BodySource {
  const { size, type } = blob;
  return { length: size, mediaType: type || undefined, isRepeatable: true, read: () => generate(() => readBlob(blob)) };
}

/** In slices and not by `stream()`, so that each slice is read only when it is needed. */
export async function* readBlob(blob: Blob): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  for (let start = 0; start < blob.size; start += SLICE_BYTES) {
    yield new Uint8Array(await blob.slice(start, start + SLICE_BYTES).arrayBuffer());
  }
}

/** Pieces that need no cleanup if the rest is cancelled. */
export function generate(make: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Pieces {
  async function* pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    yield* make();
  }
  return { pieces: pieces(), cancel: () => undefined };
}
