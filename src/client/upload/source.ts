import type { Pieces } from '../call/bytes.js';
import { failure, type E2eClientError } from '../errors.js';

/** A body that is read as it is sent, piece by piece. */
export interface BodySource {
  /** In bytes, where it is known. */
  readonly length: number | undefined;
  /** What the body says that it is; a `Content-Type` of the request takes precedence. */
  readonly mediaType: string | undefined;
  /** Whether it can be read again from its start: a Blob or a File can, a stream cannot. */
  readonly isRepeatable: boolean;
  /** From its start, each time; a stream from where it is. */
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

/** In slices and not by `stream()`: each slice is read when it is wanted, and no sooner. */
export async function* readBlob(blob: Blob): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  for (let start = 0; start < blob.size; start += SLICE_BYTES) {
    yield new Uint8Array(await blob.slice(start, start + SLICE_BYTES).arrayBuffer());
  }
}

/** Pieces that nothing has to be done about where the rest is let go. */
export function generate(make: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Pieces {
  async function* pieces(): AsyncGenerator<Uint8Array, void, undefined> {
    yield* make();
  }
  return { pieces: pieces(), cancel: () => undefined };
}

/** What its caller gets where a body cannot be read: the source's own error is the cause. */
export async function bodyFailed(cause: unknown): Promise<E2eClientError> {
  return Object.assign(await failure('body-failed', 'source'), { cause });
}
