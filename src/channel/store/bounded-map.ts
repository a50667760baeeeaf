import { nowInSeconds } from '../clock.js';

/** Times are whole seconds since 1970, which V8 keeps in the entry itself. It would make an object of each finer one. */
interface Entry<T> {
  readonly value: T;
  readonly expiresAt: number;
  usedAt: number;
}

/** An entry that was used within this time is in use, and no new entry replaces it. */
const IN_USE_SECONDS = 600;
/** Used entries may fill this share of the map before idle ones are removed. */
const USED_SHARE = 0.75;
const SWEEP_SECONDS = 60;
/** An entry that was used a moment ago stays where it is: moving it would cost each request two more operations. */
const MOMENT_SECONDS = 1;

/**
 * A bounded map in which a flood of new entries displaces other new entries, never one in use. An entry counts as used
 * once `get` has found it. At the limit, entries are removed in this order: expired ones; ones that were never used,
 * oldest first; ones that have not been used for ten minutes. If all are in use, `set` fails.
 *
 * Plain LRU would not do: a hundred thousand strangers between two clicks of a user make the user the least recent.
 */
export class BoundedMap<T> {
  /** Never used since they were set, oldest first. */
  readonly #fresh = new Map<string, Entry<T>>();
  /** Least recently used first, to within a moment. */
  readonly #used = new Map<string, Entry<T>>();
  #sweptAt = nowInSeconds();

  constructor(private readonly max: number) {}

  get size(): number {
    return this.#fresh.size + this.#used.size;
  }

  /** The value, which now counts as used. */
  get(key: string): T | undefined {
    const now = nowInSeconds();
    const used = this.#used.get(key);
    if (used && used.expiresAt > now && now - used.usedAt < MOMENT_SECONDS) return used.value;
    const entry = used ?? this.#fresh.get(key);
    if (!entry) return undefined;
    this.#remove(key);
    // Not `<=`: a time that is no number has passed.
    if (!(entry.expiresAt > now)) return undefined;
    entry.usedAt = now;
    this.#used.set(key, entry);
    return entry.value;
  }

  /** The value. This does not count as use. */
  peek(key: string): T | undefined {
    const entry = this.#used.get(key) ?? this.#fresh.get(key);
    return entry && entry.expiresAt > nowInSeconds() ? entry.value : undefined;
  }

  /**
   * Stores a value. It does not change whether the entry counts as used.
   *
   * @param end seconds since 1970. A fraction is dropped.
   * @returns whether there was room.
   */
  set(key: string, value: T, end: number): boolean {
    const now = nowInSeconds();
    const expiresAt = Math.floor(end);
    const used = this.#used.get(key);
    if (used) {
      this.#used.set(key, { value, expiresAt, usedAt: used.usedAt });
      return true;
    }
    if (!this.#fresh.has(key) && !this.#makeRoom(now)) return false;
    this.#fresh.set(key, { value, expiresAt, usedAt: now });
    return true;
  }

  delete(key: string): void {
    this.#remove(key);
  }

  clear(): void {
    this.#fresh.clear();
    this.#used.clear();
  }

  #makeRoom(now: number): boolean {
    if (now - this.#sweptAt >= SWEEP_SECONDS) this.#sweep(now);
    if (this.size < this.max) return true;
    const [idle] = this.#used;
    const isIdle =
      idle !== undefined && (now - idle[1].usedAt >= IN_USE_SECONDS + MOMENT_SECONDS || idle[1].expiresAt <= now);
    const [oldest] = this.#fresh.keys();
    // Part of the map is always free for new entries. Otherwise a map full of idle entries would keep them out.
    if (isIdle && (oldest === undefined || this.#used.size > this.max * USED_SHARE)) this.#used.delete(idle[0]);
    else if (oldest !== undefined) this.#fresh.delete(oldest);
    else return false;
    return true;
  }

  #sweep(now: number): void {
    this.#sweptAt = now;
    for (const entries of [this.#fresh, this.#used]) {
      for (const [key, { expiresAt }] of entries) if (expiresAt <= now) entries.delete(key);
    }
  }

  #remove(key: string): void {
    if (!this.#used.delete(key)) this.#fresh.delete(key);
  }
}
