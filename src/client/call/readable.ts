import { isBodiless } from '../../protocol/message.js';

/** A body as a web stream, and its error if it failed. */
export interface Readable {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly failure: () => unknown;
}

/**
 * A byte stream, as from `fetch` (Safari has none: an ordinary stream), that requests only what is read.
 *
 * @param next returns the next piece, or `undefined` at the end.
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
          // A byte stream transfers the whole buffer.
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

/** A response with this body, if one of its status has a body. */
export function responseOf(
  body: Uint8Array<ArrayBuffer> | ReadableStream,
  init: ResponseInit & { status: number },
): Response {
  const response = new Response(isBodiless(init.status) ? null : body, init);
  return 'body' in Response.prototype ? response : readAsUtf8(response);
}

/** React Native's own response (whatwg-fetch) decodes bytes as Latin-1, not UTF-8. */
function readAsUtf8(response: Response): Response {
  const clone = response.clone.bind(response);
  const text = async () => new TextDecoder().decode(await response.arrayBuffer());
  const json = async () => JSON.parse(await text()) as unknown;
  return Object.assign(response, { text, json, clone: () => readAsUtf8(clone()) });
}

/** The methods that read a whole body. */
const READERS = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const;

/**
 * Makes a response's readers reject with its body's error. Chromium's own reject with "Failed to fetch" for any stream.
 */
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
