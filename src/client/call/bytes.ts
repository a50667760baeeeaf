/** Reading of bodies, whatever the `fetch` in use gives as one: a web stream, a Node stream (node-fetch), or none (React Native). */
interface OtherBody extends AsyncIterable<Uint8Array> {
  destroy?: () => void;
}

/** A body's bytes as they come, and how to let the rest go, and its connection with it, even while a piece is awaited. */
export interface Pieces {
  readonly pieces: AsyncGenerator<Uint8Array, void, undefined>;
  readonly cancel: () => void;
}

export function readPieces(response: Response): Pieces {
  const body = response.body as ReadableStream<Uint8Array> | OtherBody | null | undefined;
  if (body && 'getReader' in body) {
    const reader = body.getReader();
    const cancel = () => void reader.cancel().catch(() => undefined);
    return { pieces: fromReader(reader, cancel), cancel };
  }
  const isIterable = body && Symbol.asyncIterator in body;
  return { pieces: isIterable ? fromIterable(body) : fromWhole(response), cancel: () => body?.destroy?.() };
}

async function* fromReader(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  cancel: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    cancel();
  }
}

async function* fromIterable(body: OtherBody): AsyncGenerator<Uint8Array, void, undefined> {
  yield* body;
}

async function* fromWhole(response: Response): AsyncGenerator<Uint8Array, void, undefined> {
  yield new Uint8Array(await response.arrayBuffer());
}

/** The body, or `undefined` where it is longer than that many bytes: it is then let go, and its connection with it. */
export async function readBytes(response: Response, limit: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  // Chromium reports a no-store answer that a script reads as a stream as aborted, and its devtools show no body. So it
  // is read whole where the platform itself holds it to its Content-Length: where it is the network's own response
  // ('basic'; one that a service worker or a patched fetch made is 'default'), and is not unpacked on the way.
  const announced = response.headers.get('content-length') ?? '';
  const isFramed = response.type === 'basic' && !response.headers.has('content-encoding') && /^\d+$/.test(announced);
  if (isFramed && Number(announced) <= limit) {
    const bytes = new Uint8Array(await response.arrayBuffer());
    return bytes.length <= limit ? bytes : undefined;
  }
  return collect(readPieces(response).pieces, limit);
}

/** All pieces as one, or `undefined` where they are longer than that many bytes: the rest is then let go. */
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

/** Lets a body go unread. */
export function discard(response: Response): void {
  const body = response.body as ReadableStream | OtherBody | null | undefined;
  if (body && 'getReader' in body) void body.cancel().catch(() => undefined);
  else body?.destroy?.();
}

function join(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}
