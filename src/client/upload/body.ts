import { utf8 } from '../../protocol/json.js';
import { bodyFailed, join, piecesOf, readStart, type Pieces } from '../call/bytes.js';
import { formSource } from './multipart.js';
import { blobSource, type BodySource } from './source.js';

/** What `fetch` reads piece by piece. */
export type StreamedBody = FormData | Blob | ReadableStream<unknown> | AsyncIterable<unknown>;

/** How much of a Request's body is read ahead, in bytes: a shorter body is held in memory, and can be sent again. */
const READ_AHEAD_BYTES = 2 ** 20;

/** @throws TypeError for a stream that is locked, as `fetch` does. */
export function sourceOf(body: StreamedBody): BodySource {
  if ('getAll' in body) return formSource(body);
  if ('slice' in body) return blobSource(body);
  if ('locked' in body && body.locked) throw new TypeError('The body is a stream that is locked, or was read.');
  const { pieces, cancel } = piecesOf(body);
  return streamSource({ pieces: toBytes(pieces), cancel });
}

/**
 * The body of a Request. The platform does not say what it was made of, and most are short.
 *
 * @throws E2eClientError `body-failed`; the signal's reason.
 */
export async function readAhead(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<BodySource | Uint8Array<ArrayBuffer>> {
  const { start, rest } = await readStart(body, READ_AHEAD_BYTES, signal);
  return rest ? streamSource({ pieces: inTurn(start, toBytes(rest.pieces)), cancel: rest.cancel }) : join(start);
}

/** @throws E2eClientError `body-failed`. */
export async function readWhole(source: BodySource): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of source.read().pieces) pieces.push(piece);
  } catch (cause) {
    throw await bodyFailed(cause);
  }
  return join(pieces);
}

function streamSource(pieces: Pieces): BodySource {
  return { length: undefined, mediaType: undefined, isRepeatable: false, read: () => pieces };
}

async function* inTurn(
  first: Uint8Array[],
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* first.splice(0);
  yield* rest;
}

async function* toBytes(pieces: AsyncIterable<unknown>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of pieces) {
    if (piece instanceof Uint8Array) yield piece;
    else if (typeof piece === 'string') yield utf8(piece);
    else if (ArrayBuffer.isView(piece)) yield new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
    else if (piece instanceof ArrayBuffer) yield new Uint8Array(piece);
    else throw new TypeError('A body that is a stream must give Uint8Array, ArrayBuffer or strings.');
  }
}
