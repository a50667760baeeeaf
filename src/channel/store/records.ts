import type { Awaitable } from '../../protocol/crypto.js';
import { E2eProblem } from '../../protocol/problem.js';
import { Expiry } from '../expiry.js';
import { BoundedMap } from './bounded-map.js';

/**
 * Where channels are stored: strings under names, each with an expiry time. Failed reads and writes throw `busy`, and
 * the request is rejected.
 */
export interface Records {
  /** At once, if nothing has to be waited for. */
  get(name: string): Awaitable<string | undefined>;
  /** `expiresAt` in seconds since 1970. */
  set(name: string, value: string, expiresAt: number): Promise<void>;
  delete(name: string): Promise<void>;
  /** Extends a record without changing its value, even if others change it. It does not bring back a removed record. */
  extend(name: string, expiresAt: number): Promise<void>;
  /** Whether `extend` does so. */
  readonly canExtend: boolean;
}

/** Records in this process's memory, up to a limit. At the limit, records that are not in use are removed. */
export class MemoryRecords implements Records {
  readonly canExtend = true;
  readonly #records: BoundedMap<string>;

  constructor(max: number) {
    this.#records = new BoundedMap(max);
  }

  get(name: string): string | undefined {
    return this.#records.get(name);
  }

  set(name: string, value: string, expiresAt: number): Promise<void> {
    return this.#records.set(name, value, expiresAt) ? Promise.resolve() : Promise.reject(new E2eProblem('busy'));
  }

  delete(name: string): Promise<void> {
    this.#records.delete(name);
    return Promise.resolve();
  }

  extend(name: string, expiresAt: number): Promise<void> {
    const value = this.#records.peek(name);
    return value === undefined ? Promise.resolve() : this.set(name, value, expiresAt);
  }
}

/** The part of an express-session store that is used, which every store has. */
export interface SessionStore {
  get(id: string, callback: (error: unknown, session?: unknown) => void): unknown;
  set(id: string, session: never, callback: (error?: unknown) => void): unknown;
  destroy(id: string, callback?: (error?: unknown) => void): unknown;
  touch?(id: string, session: never, callback: (error?: unknown) => void): unknown;
}

const PREFIX = 'e2e:';

/**
 * Records in an express-session store, next to the sessions and not in them: every request reads, changes and writes a
 * session's whole value, and the last one wins. The store treats each record as a session, so each has a `cookie` with
 * its expiry time.
 */
export class SessionStoreRecords implements Records {
  constructor(
    private readonly store: SessionStore,
    /** Milliseconds after which a store that does not answer is `busy`. */
    private readonly timeout: number,
  ) {}

  /** The empty string for an entry that is not a record: it does not unwrap, and so counts as absent. */
  async get(name: string): Promise<string | undefined> {
    const record = await askStore<unknown>((done) => this.store.get(PREFIX + name, done), this.timeout, {});
    if (record === undefined || record === null) return undefined;
    const { e2e: value } = Object(record) as { e2e?: unknown };
    return typeof value === 'string' ? value : '';
  }

  async set(name: string, value: string, expiresAt: number): Promise<void> {
    const record = { cookie: cookieUntil(expiresAt), e2e: value };
    await askStore((done) => this.store.set(PREFIX + name, record as never, done), this.timeout);
  }

  async delete(name: string): Promise<void> {
    await askStore((done) => this.store.destroy(PREFIX + name, done), this.timeout);
  }

  get canExtend(): boolean {
    return typeof this.store.touch === 'function';
  }

  async extend(name: string, expiresAt: number): Promise<void> {
    const record = { cookie: cookieUntil(expiresAt) };
    if (this.canExtend) await askStore((done) => this.store.touch!(PREFIX + name, record as never, done), this.timeout);
  }
}

/** Tells the store when a record expires. */
function cookieUntil(expiresAt: number): object {
  const expires = new Date(expiresAt * 1000);
  const originalMaxAge = Math.max(1, expires.getTime() - Date.now());
  return { expires, originalMaxAge, maxAge: originalMaxAge };
}

/** Whether a store's entry is one of our records, and not a session. */
export function isRecord(id: unknown): boolean {
  return typeof id === 'string' && id.startsWith(PREFIX);
}

/**
 * One call to a session store, with a callback as in every store. Some also return a promise, whose rejection must be
 * handled. Rejects with `busy` if the store fails or does not answer within `timeout` milliseconds. An entry that is
 * not JSON, for example after a partial write, is `unreadable`.
 */
export function askStore<T>(
  question: (done: (error?: unknown, value?: T) => void) => unknown,
  timeout: number,
  unreadable?: T,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const answer = (value: T | undefined): void => {
      expiry.cancel();
      resolve(value);
    };
    const fail = (error?: unknown): void => {
      // Some express-session stores report ENOENT for a missing session.
      if ((error as { code?: unknown } | undefined)?.code === 'ENOENT') return answer(undefined);
      if ((error as { name?: unknown } | undefined)?.name === 'SyntaxError') return answer(unreadable);
      expiry.cancel();
      reject(new E2eProblem('busy'));
    };
    const expiry = new Expiry(timeout, fail);
    try {
      const returned = question((error, value) => (error ? fail(error) : answer(value)));
      if (returned instanceof Promise) returned.catch(fail);
    } catch (error) {
      fail(error);
    }
  });
}
