import type { Awaitable } from '../protocol/crypto.js';
import { E2eProblem } from '../protocol/problem.js';

export interface ClockOptions {
  /** The clock that all servers share, in milliseconds since 1970. Without it this server goes by its own. */
  readonly source?: (() => Awaitable<number>) | undefined;
  /** Called if this server's own clock is wrong: seconds behind the shared clock, or ahead of it (negative). */
  readonly onOffset?: ((seconds: number) => void) | undefined;
  /** Called for a message whose time is so far ahead that no client of this server can have sealed it. */
  readonly onAhead?: ((seconds: number) => void) | undefined;
}

const RENEW_MS = 60_000;
/** A step of this server's own clock after which the offset must be measured again. */
const STEP_MS = 500;
const NOTED_SECONDS = 5;

/** Whole seconds since 1970, by this server's own clock. */
export function nowInSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/**
 * The time for channels (PROTOCOL §5): the clock that the servers share, if there is one. A client learns it from the
 * handshake with any server, so every server must check its messages by the same clock. It is measured once a minute
 * against this server's own clock.
 */
export class Clock {
  #offset = 0;
  #measuredAt = Number.NEGATIVE_INFINITY;
  /** Wall clock minus monotonic clock: it changes if somebody sets this server's clock. */
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

  /** Milliseconds until this second of the shared clock; negative if it has passed. */
  until(seconds: number): number {
    return seconds * 1000 - (Date.now() + this.#offset);
  }

  /** Reports a rejected message whose time is ahead of the clock. */
  noteAhead(seconds: number): void {
    this.options.onAhead?.(seconds);
  }

  /**
   * Await it before you read the clock. Rejects if the shared clock was never read and cannot be read, or is no number.
   *
   * @returns a promise only if there is a shared clock.
   */
  sync(): Promise<void> | undefined {
    const { source } = this.options;
    return source && this.#sync(source);
  }

  async #sync(source: () => Awaitable<number>): Promise<void> {
    const isStepped = Math.abs(Date.now() - performance.now() - this.#base) > STEP_MS;
    if (!isStepped && performance.now() - this.#measuredAt < RENEW_MS) return;
    this.#measuring ??= this.#measure(source).finally(() => (this.#measuring = undefined));
    if (isStepped) await this.#measuring;
    else this.#measuring.catch(() => undefined); // the offset of a minute ago is good enough
  }

  async #measure(source: () => Awaitable<number>): Promise<void> {
    const from = Date.now();
    const shared = await source();
    // With no number every comparison of times would be false, and so would every refusal.
    if (!Number.isFinite(shared)) throw new E2eProblem('busy');
    const to = Date.now();
    this.#offset = shared - (from + to) / 2;
    this.#measuredAt = performance.now();
    this.#base = Date.now() - this.#measuredAt;
    const seconds = Math.round(this.#offset / 1000);
    if (Math.abs(seconds) >= NOTED_SECONDS) this.options.onOffset?.(seconds);
  }
}
