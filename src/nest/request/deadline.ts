import type { ServerResponse } from 'node:http';

/**
 * How long a sealed request or a handshake waits for what stands before its opening: the application's own session
 * middleware hangs where its store does, before any other code of ours runs.
 */
export class Deadline {
  readonly #timer: NodeJS.Timeout;
  #isHeld = false;

  constructor(milliseconds: number, expire: () => void) {
    this.#timer = setTimeout(() => {
      if (!this.#isHeld) expire();
    }, milliseconds);
  }

  /** Stops the clock. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Starts it anew, from zero. */
  resume(): void {
    this.#isHeld = false;
    this.#timer.refresh();
  }

  /** Stops it for good. */
  end(): void {
    clearTimeout(this.#timer);
  }
}

/**
 * Breaks a response off that was written but does not end in time: express-session holds back its last byte until the
 * store has kept the session.
 */
export function endWithin(milliseconds: number, response: ServerResponse): void {
  if (response.writableEnded) return;
  const timer = setTimeout(() => {
    // Ended by now, it may still be on its way: a client's line takes as long as it takes.
    if (!response.writableEnded) abort(response);
  }, milliseconds);
  response.on('close', () => clearTimeout(timer));
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
