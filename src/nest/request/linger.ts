import type { IncomingMessage } from 'node:http';

/** How long, and how much, is read on of a request that was refused before its body's end (PROTOCOL §6). */
const LINGER_MS = 10_000;
const LINGER_BYTES = 16 * 2 ** 20;

/**
 * Reads on and discards what is left of a refused request's body, and closes the connection only then. A client that is
 * still sending when the connection closes sees a reset, and never the answer (RFC 9112 §9.6).
 *
 * A response that ends its connection does so by `socket.destroySoon()`, so that is what has to wait. HTTP/2 resets a
 * stream and closes no connection.
 */
export function linger(request: IncomingMessage): void {
  const { socket } = request;
  let left = LINGER_BYTES;
  let isCloseDue = false;

  const finish = (): void => {
    clearTimeout(timer);
    request.off('data', discard).off('end', finish).off('close', finish);
    if (Object.hasOwn(socket, 'destroySoon')) delete (socket as Partial<typeof socket>).destroySoon;
    if (isCloseDue) socket.destroySoon();
  };
  const giveUp = (): void => {
    isCloseDue = true;
    request.pause();
    finish();
  };
  const discard = (chunk: Buffer): void => {
    left -= chunk.length;
    if (left < 0) giveUp();
  };

  const timer = setTimeout(giveUp, LINGER_MS).unref();
  if (request.httpVersionMajor === 1) {
    socket.destroySoon = () => {
      isCloseDue = true;
    };
  }
  request.on('data', discard).on('end', finish).on('close', finish);
}
