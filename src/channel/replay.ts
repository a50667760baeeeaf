import type { Awaitable } from '../protocol/crypto.js';
import type { KeyManagement } from '../protocol/message.js';
import { E2eProblem } from '../protocol/problem.js';
import { BoundedMap } from './store/bounded-map.js';

/** How many sequence numbers a window remembers. */
export const WINDOW_SIZE = 1024;

/**
 * The result of a claim: the number is new and now claimed (`new`); it was claimed before (`replayed`); it is below the
 * window, so that nobody knows (`stale`); or the channel has no window here (`lost`).
 */
export type ClaimResult = 'new' | 'replayed' | 'stale' | 'lost';

/**
 * Accepts each sequence number of a channel once (PROTOCOL §5). A claim is atomic across all servers that share the
 * channel. Windows that may have been restored from an older state are `lost`. A guard that cannot answer throws, and the
 * request is rejected as `busy`.
 */
export interface ReplayGuard {
  /** Creates a channel's windows, before the response to the handshake. `expiresAt` is in seconds since 1970. */
  open(kid: string, expiresAt: number): Awaitable<void>;
  claim(kid: string, alg: KeyManagement, seq: number): Awaitable<ClaimResult>;
  /** Removes a channel's windows. From then on every claim on it is `lost`. */
  close(kid: string): Awaitable<void>;
  /** The clock that all servers share, in milliseconds since 1970. Without it each server uses its own clock. */
  time?(): Awaitable<number>;
  /** Problems with the store's settings, as sentences for the log. Called once at start. */
  check?(): Awaitable<readonly string[]>;
}

/**
 * A sliding window over sequence numbers, as RFC 6479: a ring of bits that is never shifted, 33 words of 32 bits for a
 * window of 1,024. A number is accepted once, if it is greater than the highest number seen minus 1,024.
 */
export class SlidingWindow {
  static readonly #WORDS = WINDOW_SIZE / 32 + 1;
  /** Only as many words as were needed so far: most channels send few messages, and a typed array alone has 180 bytes. */
  readonly #bits = [0];
  #highest = 0;

  claim(seq: number): 'new' | 'replayed' | 'stale' {
    if (seq <= this.#highest - WINDOW_SIZE) return 'stale';
    const word = Math.floor(seq / 32);
    const highestWord = Math.floor(this.#highest / 32);
    // The words between the old head of the ring and the new one belong to numbers that have not been claimed yet.
    const fresh = Math.min(word - highestWord, SlidingWindow.#WORDS);
    for (let step = 1; step <= fresh; step++) this.#bits[(highestWord + step) % SlidingWindow.#WORDS] = 0;
    const slot = word % SlidingWindow.#WORDS;
    const bit = 1 << (seq % 32);
    if (this.#bits[slot]! & bit) return 'replayed';
    this.#bits[slot]! |= bit;
    this.#highest = Math.max(this.#highest, seq);
    return 'new';
  }
}

interface Windows {
  readonly dir: SlidingWindow;
  /** Created with the first plain message: most channels never get one. */
  plain?: SlidingWindow;
}

/**
 * Windows in the memory of this process. Use it if one process serves everything, or each channel.
 *
 * @example
 * ```ts
 * @Module({ imports: [E2eModule.forRoot({ replayGuard: new MemoryReplayGuard(20_000) })] })
 * export class AppModule {}
 * ```
 */
export class MemoryReplayGuard implements ReplayGuard {
  readonly #windows: BoundedMap<Windows>;

  /**
   * @param max how many channels have windows, at most. Over the limit, a new channel replaces one that is not in use. If all
   * are in use, the handshake is rejected as `busy`. Default 100,000.
   */
  constructor(max = 100_000) {
    this.#windows = new BoundedMap(max);
  }

  open(kid: string, expiresAt: number): void {
    if (!this.#windows.set(kid, { dir: new SlidingWindow() }, expiresAt)) throw new E2eProblem('busy');
  }

  claim(kid: string, alg: KeyManagement, seq: number): ClaimResult {
    const windows = this.#windows.get(kid);
    if (!windows) return 'lost';
    const window = alg === 'dir' ? windows.dir : (windows.plain ??= new SlidingWindow());
    return window.claim(seq);
  }

  close(kid: string): void {
    this.#windows.delete(kid);
  }
}
