/** Reading of bodies, whatever the `fetch` in use gives as one: a web stream, a Node stream (node-fetch), or none (React Native). */
interface OtherBody extends AsyncIterable<Uint8Array> {
  destroy?: () => void;
}

/** The body's bytes as they come. Whoever stops early lets the rest go, and its connection with it. */
export async function* piecesOf(response: Response): AsyncGenerator<Uint8Array, void, undefined> {
  const body = response.body as ReadableStream<Uint8Array> | OtherBody | null | undefined;
  if (body && 'getReader' in body) {
    const reader = body.getReader();
    try {
      for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
    } finally {
      void reader.cancel().catch(() => undefined);
    }
  } else if (body && Symbol.asyncIterator in body) {
    yield* body;
  } else {
    yield new Uint8Array(await response.arrayBuffer());
  }
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
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of piecesOf(response)) {
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
