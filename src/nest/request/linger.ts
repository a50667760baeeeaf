import type { IncomingMessage } from 'node:http';

/** How long, and how much, is read on of a request that was refused before its body's end (PROTOCOL §6). */
const LINGER_MS = 10_000;
const LINGER_BYTES = 16 * 2 ** 20;

/** A connection that stays open while what is left of a request is read and discarded. */
export interface Lingering {
  /** Counts what was discarded. */
  readonly discard: (chunk: Buffer) => void;
  /** Nothing is left: the connection closes now, if it was to close. */
  readonly finish: () => void;
}

/**
 * Reads on and discards what is left of a refused request's body, and closes the connection only then. A client that is
 * still sending when the connection closes sees a reset, and never the answer (RFC 9112 §9.6).
 */
export function linger(request: IncomingMessage): void {
  const { discard, finish } = holdConnection(request, () => {
    request.pause();
    stop();
  });
  const stop = (): void => {
    request.off('data', discard).off('end', end).off('close', end);
  };
  const end = (): void => {
    stop();
    finish();
  };
  request.on('data', discard).on('end', end).on('close', end);
}

/**
 * Holds a connection open, within bounds. A response that ends its connection does so by `socket.destroySoon()`, so that
 * is what has to wait. HTTP/2 resets a stream and closes no connection.
 */
export function holdConnection({ httpVersionMajor, socket }: IncomingMessage, onGivenUp: () => void): Lingering {
  let left = LINGER_BYTES;
  let isCloseDue = false;

  const finish = (): void => {
    clearTimeout(timer);
    if (Object.hasOwn(socket, 'destroySoon')) delete (socket as Partial<typeof socket>).destroySoon;
    if (isCloseDue) socket.destroySoon();
  };
  const giveUp = (): void => {
    isCloseDue = true;
    onGivenUp();
    finish();
  };
  const timer = setTimeout(giveUp, LINGER_MS).unref();
  if (httpVersionMajor === 1) {
    socket.destroySoon = () => {
      isCloseDue = true;
    };
  }
  return {
    discard: (chunk) => {
      left -= chunk.length;
      if (left < 0) giveUp();
    },
    finish,
  };
}
