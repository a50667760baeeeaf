import type { ServerResponse } from 'node:http';

/**
 * How long a sealed request or a handshake waits for what stands before its opening: the application's own session
 * middleware hangs where its store does, before any other code of ours runs.
 */
export class Deadline {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly milliseconds: number,
    private readonly expire: () => void,
  ) {
    this.resume();
  }

  /** Stops the clock. */
  hold(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Starts it anew, from zero. */
  resume(): void {
    this.#timer ??= setTimeout(this.expire, this.milliseconds);
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
    if (!response.writableEnded) response.destroy();
  }, milliseconds);
  response.once('close', () => clearTimeout(timer));
}
