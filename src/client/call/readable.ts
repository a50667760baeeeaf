/** A body as a web stream, and what it has failed with, if it has. */
export interface Readable {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly failure: () => unknown;
}

/**
 * A stream of bytes, as `fetch` gives one (Safari has none: any stream), that asks for what is read, and for no more.
 *
 * @param next what comes next, or `undefined` at the end.
 */
export function toReadable(
  next: () => Promise<Uint8Array<ArrayBuffer> | undefined>,
  cancel: () => void = () => undefined,
): Readable {
  let failure: unknown;
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | ReadableByteStreamController) {
      try {
        const piece = await next();
        if (piece) {
          // A stream of bytes takes the whole buffer over.
          controller.enqueue(piece.length < piece.buffer.byteLength ? piece.slice() : piece);
          return;
        }
        controller.close();
        if ('byobRequest' in controller) controller.byobRequest?.respond(0);
      } catch (error) {
        failure = error;
        throw error;
      }
    },
    cancel,
  };
  const failed = () => failure;
  try {
    return { stream: new ReadableStream({ ...source, type: 'bytes' }, { highWaterMark: 0 }), failure: failed };
  } catch {
    return { stream: new ReadableStream(source, { highWaterMark: 0 }), failure: failed };
  }
}

/** Whether this platform has web streams: React Native does not. */
export function hasStreams(): boolean {
  return typeof (globalThis as { ReadableStream?: unknown }).ReadableStream === 'function';
}

/** What reads a body whole. */
const READERS = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const;

/** Has a response's readers reject with what its body failed with: Chromium's own say "Failed to fetch" of any stream. */
export function nameFailure(response: Response, failure: () => unknown): Response {
  const read = (name: (typeof READERS)[number]) => async () => {
    try {
      return await (Response.prototype[name].call(response) as Promise<unknown>);
    } catch (error) {
      throw failure() ?? error;
    }
  };
  const clone = () => nameFailure(Response.prototype.clone.call(response), failure);
  Object.defineProperty(response, 'clone', { value: clone, configurable: true });
  for (const name of READERS) if (name in response) Object.defineProperty(response, name, { value: read(name) });
  return response;
}
