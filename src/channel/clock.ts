import type { Awaitable } from '../protocol/crypto.js';

export interface ClockOptions {
  /** The clock that all servers share, in milliseconds since 1970. Without it this server goes by its own. */
  readonly source?: (() => Awaitable<number>) | undefined;
  /** Told where this server's own clock is off: so many seconds behind the shared one, or ahead (negative). */
  readonly onOffset?: ((seconds: number) => void) | undefined;
  /** Called for a message that is so far ahead that no client of this server can have sealed it. */
  readonly onAhead?: ((seconds: number) => void) | undefined;
}

const RENEW_MS = 60_000;
/** A step of this server's own clock that makes the offset worthless. */
const STEP_MS = 500;
const NOTED_SECONDS = 5;

/**
 * The time that channels go by (PROTOCOL §5): the clock that the servers share, where there is one. A client learns it
 * from the handshake, whichever server answered that, so every server has to judge its messages by the same clock; this
 * does not change the window for anyone. Measured once a minute, against this server's own clock.
 */
export class Clock {
  #offset = 0;
  #measuredAt = Number.NEGATIVE_INFINITY;
  /** Wall clock less monotonic clock: changes where somebody sets this server's clock. */
  #base = 0;
  #measuring: Promise<void> | undefined;

  constructor(private readonly options: ClockOptions = {}) {}

  /** Whole seconds since 1970, by the shared clock. */
  now(): number {
    return Math.floor((Date.now() + this.#offset) / 1000);
  }

  /** The shared clock's second at this second of the server's own clock, a moment ago. */
  at(seconds: number): number {
    return seconds + Math.round(this.#offset / 1000);
  }

  /** A message was refused that is ahead of the clock. */
  noteAhead(seconds: number): void {
    this.options.onAhead?.(seconds);
  }

  /** To be awaited before the clock is read. Rejects where the shared clock was never read and cannot be. */
  async sync(): Promise<void> {
    const { source } = this.options;
    if (!source) return;
    const isStepped = Math.abs(Date.now() - performance.now() - this.#base) > STEP_MS;
    if (!isStepped && performance.now() - this.#measuredAt < RENEW_MS) return;
    this.#measuring ??= this.#measure(source).finally(() => (this.#measuring = undefined));
    if (isStepped) await this.#measuring;
    else this.#measuring.catch(() => undefined); // the offset of a minute ago will do
  }

  async #measure(source: () => Awaitable<number>): Promise<void> {
    const from = Date.now();
    const shared = await source();
    const to = Date.now();
    this.#offset = shared - (from + to) / 2;
    this.#measuredAt = performance.now();
    this.#base = Date.now() - this.#measuredAt;
    const seconds = Math.round(this.#offset / 1000);
    if (Math.abs(seconds) >= NOTED_SECONDS) this.options.onOffset?.(seconds);
  }
}
