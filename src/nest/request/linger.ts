import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';

/** How long, and how much, is read on of a request that was answered before its body's end (PROTOCOL §6). */
export const LINGER_MS = 10_000;
export const LINGER_BYTES = 16 * 2 ** 20;

/** RFC 9113 §7: what was sent is whole, and the rest of the request is of no use. */
const NO_ERROR = 0;

/** A connection that stays open while what is left of a request is read and discarded. */
export interface Lingering {
  /** Counts what was discarded. */
  readonly discard: (chunk: Buffer) => void;
  /** Nothing is left: the connection closes now, if it was to close. */
  readonly finish: () => void;
}

/**
 * Reads on and discards what is left of a refused request's body, and closes the connection only then. A client that is
 * still sending when the connection closes sees a reset, and never the response (RFC 9112 §9.6).
 */
export function linger(request: IncomingMessage): void {
  const { discard, finish } = holdConnection(request);
  const end = (): void => {
    request.off('data', discard).off('end', end).off('close', end);
    finish();
  };
  request.on('data', discard).on('end', end).on('close', end);
}

/**
 * Does so with whatever nobody has read when the response is written, so that the client sees it: before Node closes
 * the connection, which it does in a listener of its own. A response over HTTP/2 finishes only when its stream has
 * closed.
 *
 * @param isGivenUp whether the rest is not to be read any more.
 */
export function lingerOnceAnswered(request: IncomingMessage, response: ServerResponse, isGivenUp = () => false): void {
  const { stream } = response as { stream?: EventEmitter };
  (stream ?? response).prependOnceListener('finish', () => {
    if (request.readableEnded || request.destroyed) return;
    if (isGivenUp()) stopReading(request);
    else linger(request);
  });
}

/**
 * Reads no further, and closes the connection once its response has left; of an HTTP/2 connection this stream alone.
 */
export function stopReading(request: IncomingMessage): void {
  const { httpVersionMajor, socket, stream } = request as IncomingMessage & { stream: ServerHttp2Stream };
  if (httpVersionMajor === 1) {
    socket.pause();
    socket.destroySoon();
    return;
  }
  stream.close(NO_ERROR);
  // One that is paused does not close.
  request.resume();
}

/**
 * Holds a connection open, within bounds. A response that ends its connection does so by `socket.destroySoon()`, so that
 * is what has to wait. HTTP/2 resets a stream and closes no connection.
 */
export function holdConnection(request: IncomingMessage): Lingering {
  const { httpVersionMajor, socket } = request;
  let left = LINGER_BYTES;
  let isCloseDue = false;

  const release = (): void => {
    clearTimeout(timer);
    if (Object.hasOwn(socket, 'destroySoon')) delete (socket as Partial<typeof socket>).destroySoon;
  };
  const giveUp = (): void => {
    release();
    stopReading(request);
  };
  const timer = setTimeout(giveUp, LINGER_MS).unref();
  if (httpVersionMajor === 1) {
    socket.destroySoon = () => {
      isCloseDue = true;
    };
  }
  return {
    discard: (chunk) => {
      const wasEnough = left < 0;
      left -= chunk.length;
      if (left < 0 && !wasEnough) giveUp();
    },
    finish: () => {
      release();
      if (isCloseDue) socket.destroySoon();
    },
  };
}
