import type { ServerResponse } from 'node:http';
import { Expiry } from '../../channel/expiry.js';

/**
 * How long a sealed request or a handshake may wait before it is opened: the application's session middleware hangs if
 * its store does, before any other code of ours runs.
 */
export class Deadline {
  readonly #expiry: Expiry;
  #isHeld = false;

  constructor(milliseconds: number, expire: () => void) {
    this.#expiry = new Expiry(milliseconds, () => {
      if (!this.#isHeld) expire();
    });
  }

  /** Until `resume`, its end has no effect. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Restarts it from zero. */
  resume(): void {
    this.#isHeld = false;
    this.#expiry.restart();
  }

  /** Stops it permanently. */
  end(): void {
    this.#expiry.cancel();
  }
}

/**
 * Cuts off a response that was written but does not end in time: express-session holds back its last byte until the
 * session is saved.
 */
export function endWithin(milliseconds: number, response: ServerResponse): void {
  if (response.writableEnded) return;
  const expiry = new Expiry(milliseconds, () => {
    // It has ended, but may still be in transit over a slow connection.
    if (!response.writableEnded) abort(response);
  });
  response.on('close', () => expiry.cancel());
}

/**
 * Ends the connection at once, and on HTTP/2 the stream, so that its client sees an error and never a whole response.
 */
export function abort(response: ServerResponse): void {
  const { stream } = response as { stream?: { close(code: number): void } };
  if (stream) stream.close(INTERNAL_ERROR);
  else response.destroy();
}

/** RFC 9113 §7. */
const INTERNAL_ERROR = 2;
