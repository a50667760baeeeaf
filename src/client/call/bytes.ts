import { throwIfAborted, unlessAborted } from '../abort.js';
import { failure, type E2eClientError } from '../errors.js';

/** Reads bodies of any form: a web stream, a Node stream (node-fetch), another iterable, or none (React Native). */
interface OtherBody<Piece> extends AsyncIterable<Piece> {
  destroy?: () => void;
}

/** A body's pieces as they arrive, and a way to cancel the rest and its connection, even while a piece is awaited. */
export interface Pieces<Piece = Uint8Array> {
  readonly pieces: AsyncIterableIterator<Piece, void, undefined>;
  readonly cancel: () => void;
}

export function readPieces(response: Response): Pieces {
  const body = response.body as ReadableStream<Uint8Array> | OtherBody<Uint8Array> | null | undefined;
  if (body && ('getReader' in body || Symbol.asyncIterator in body)) return piecesOf(body);
  return { pieces: fromWhole(response), cancel: () => undefined };
}

export function piecesOf<Piece>(body: ReadableStream<Piece> | OtherBody<Piece>): Pieces<Piece> {
  if ('getReader' in body) {
    const reader = body.getReader();
    const cancel = () => void reader.cancel().catch(() => undefined);
    return { pieces: fromReader(reader, cancel), cancel };
  }
  const iterator = body[Symbol.asyncIterator]();
  const cancel = () => {
    if (body.destroy) body.destroy();
    else void iterator.return?.().catch(() => undefined);
  };
  return { pieces: fromIterator(iterator, cancel), cancel };
}

/** Not a generator, which would cost several promise turns for each piece. */
function fromReader<Piece>(reader: ReadableStreamDefaultReader<Piece>, cancel: () => void): Pieces<Piece>['pieces'] {
  return {
    next: () => reader.read() as Promise<IteratorResult<Piece, void>>,
    return: () => {
      cancel();
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* fromIterator<Piece>(
  iterator: AsyncIterator<Piece>,
  cancel: () => void,
): AsyncGenerator<Piece, void, undefined> {
  let isOver = false;
  try {
    for (let read = await iterator.next(); !(isOver = read.done === true); read = await iterator.next()) {
      yield read.value;
    }
  } finally {
    if (!isOver) cancel();
  }
}

async function* fromWhole(response: Response): AsyncGenerator<Uint8Array, void, undefined> {
  yield new Uint8Array(await response.arrayBuffer());
}

/** The body, or `undefined` if it has more bytes than that: it is then cancelled, with its connection. */
export async function readBytes(response: Response, limit: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  // Chromium reports a no-store answer that a script reads as a stream as aborted, and its devtools show no body. So it
  // is read whole if the platform itself enforces its Content-Length: if it is the network's own response ('basic'; one
  // that a service worker or a patched fetch made is 'default') and is not decompressed.
  const announced = response.headers.get('content-length') ?? '';
  const isFramed = response.type === 'basic' && !response.headers.has('content-encoding') && /^\d+$/.test(announced);
  if (isFramed && Number(announced) <= limit) {
    const bytes = new Uint8Array(await response.arrayBuffer());
    return bytes.length <= limit ? bytes : undefined;
  }
  return collect(readPieces(response).pieces, limit);
}

/** All pieces as one, or `undefined` if they have more bytes than that: the rest is then cancelled. */
export async function collect(
  source: AsyncIterable<Uint8Array>,
  limit: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of source) {
    length += piece.length;
    if (length > limit) return undefined;
    pieces.push(piece);
  }
  return join(pieces, length);
}

/**
 * The start of a body that the caller gave: its pieces up to so many bytes, and the rest if there is more.
 *
 * @throws E2eClientError `body-failed`; the signal's reason. Then its source is cancelled.
 */
export async function readStart(
  body: ReadableStream<unknown>,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<{ start: Uint8Array<ArrayBuffer>[]; rest?: Pieces<unknown> }> {
  const rest = piecesOf(body);
  const start: Uint8Array<ArrayBuffer>[] = [];
  try {
    for (let length = 0; length <= limit;) {
      const { done, value } = await unlessAborted(rest.pieces.next(), signal, rest.cancel);
      if (done) return { start };
      // Not `instanceof`: in a realm of its own (jsdom, an iframe), the platform's pieces are of another realm.
      if (!ArrayBuffer.isView(value)) throw new TypeError('The stream of a Request must give Uint8Array.');
      start.push(new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength));
      length += value.byteLength;
    }
  } catch (cause) {
    rest.cancel();
    throwIfAborted(signal);
    throw await bodyFailed(cause);
  }
  return { start, rest };
}

/** The caller's error if a body cannot be read. Its cause is the source's error. */
export async function bodyFailed(cause: unknown): Promise<E2eClientError> {
  return Object.assign(await failure('body-failed', 'source'), { cause });
}

/** Cancels an unread body. */
export function discard(response: Response): void {
  const body = response.body as ReadableStream | OtherBody<unknown> | null | undefined;
  if (body && 'getReader' in body) void body.cancel().catch(() => undefined);
  else body?.destroy?.();
}

export function join(
  pieces: readonly Uint8Array[],
  length = pieces.reduce((sum, piece) => sum + piece.length, 0),
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}
