import session, { type SessionData } from 'express-session';
import { BoundedMap } from '../../channel/store/bounded-map.js';
import { E2eProblem } from '../../protocol/problem.js';

/** A session without an expiry time. */
const DAY_SECONDS = 86_400;

/**
 * A limited number of sessions in this process's memory. New sessions replace those of visitors who never came back,
 * never active ones. If all are in use, a new one is rejected.
 */
export class MemorySessions extends session.Store {
  readonly #sessions: BoundedMap<string>;

  constructor(max: number) {
    super();
    this.#sessions = new BoundedMap(max);
  }

  override get(id: string, callback: (error: unknown, session?: SessionData | null) => void): void {
    const stored = this.#sessions.get(id);
    process.nextTick(callback, null, stored === undefined ? null : (JSON.parse(stored) as SessionData));
  }

  override set(id: string, data: SessionData, callback?: (error?: unknown) => void): void {
    const isStored = this.#sessions.set(id, JSON.stringify(data), endOf(data));
    if (callback) process.nextTick(callback, isStored ? undefined : new E2eProblem('busy'));
  }

  override destroy(id: string, callback?: (error?: unknown) => void): void {
    this.#sessions.delete(id);
    if (callback) process.nextTick(callback);
  }

  override touch(id: string, { cookie }: SessionData, callback?: () => void): void {
    const stored = this.#sessions.peek(id);
    if (stored !== undefined) {
      const data = { ...(JSON.parse(stored) as SessionData), cookie };
      this.#sessions.set(id, JSON.stringify(data), endOf(data));
    }
    if (callback) process.nextTick(callback);
  }

  override clear(callback?: (error?: unknown) => void): void {
    this.#sessions.clear();
    if (callback) process.nextTick(callback);
  }
}

/** Seconds since 1970. */
function endOf(data: SessionData): number {
  const { expires } = data.cookie as { expires?: unknown };
  const isGiven = typeof expires === 'string' || expires instanceof Date;
  return isGiven ? new Date(expires).getTime() / 1000 : Date.now() / 1000 + DAY_SECONDS;
}
