import { E2eProblem } from '../../protocol/problem.js';
import { BoundedMap } from './bounded-map.js';

/**
 * Where channels are kept: strings under names, each with an end. Records that cannot be read or written throw `busy`, and
 * the request is refused.
 */
export interface Records {
  get(name: string): Promise<string | undefined>;
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

  get(name: string): Promise<string | undefined> {
    return Promise.resolve(this.#records.get(name));
  }

  set(name: string, value: string, expiresAt: number): Promise<void> {
    return this.#records.set(name, value, expiresAt * 1000)
      ? Promise.resolve()
      : Promise.reject(new E2eProblem('busy'));
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

/** What is used of an express-session store: the part that every store has. */
export interface SessionStore {
  get(id: string, callback: (error: unknown, session?: unknown) => void): unknown;
  set(id: string, session: never, callback: (error?: unknown) => void): unknown;
  destroy(id: string, callback?: (error?: unknown) => void): unknown;
  touch?(id: string, session: never, callback: (error?: unknown) => void): unknown;
}

const PREFIX = 'e2e:';

/**
 * Records in an express-session store, beside the sessions rather than in them: a session's value is read, changed and
 * written back whole by every request, and the last to write wins. The store takes each for a session, so each has a
 * `cookie` that says when it ends.
 */
export class SessionStoreRecords implements Records {
  constructor(
    private readonly store: SessionStore,
    /** Milliseconds after which a store that does not answer is `busy`. */
    private readonly timeout: number,
  ) {}

  /** The empty text for what is there and is no record: it does not unwrap, and so counts as absent. */
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

/** By this a store knows when a record ends. */
function cookieUntil(expiresAt: number): object {
  const expires = new Date(expiresAt * 1000);
  const originalMaxAge = Math.max(1, expires.getTime() - Date.now());
  return { expires, originalMaxAge, maxAge: originalMaxAge };
}

/** Whether a store's entry is one of ours, beside the sessions. */
export function isRecord(id: unknown): boolean {
  return typeof id === 'string' && id.startsWith(PREFIX);
}

/**
 * One question to a session store, by callback as every store has it; some also return a promise that must not go
 * unheard. Rejects with `busy` where the store fails, or does not answer within `timeout` milliseconds; what is there
 * but is not JSON, as after half a write, is `unreadable`.
 */
export function askStore<T>(
  question: (done: (error?: unknown, value?: T) => void) => unknown,
  timeout: number,
  unreadable?: T,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const answer = (value: T | undefined): void => {
      clearTimeout(timer);
      resolve(value);
    };
    const fail = (error?: unknown): void => {
      // express-session's own stores say ENOENT for a session that is not there.
      if ((error as { code?: unknown } | undefined)?.code === 'ENOENT') return answer(undefined);
      if ((error as { name?: unknown } | undefined)?.name === 'SyntaxError') return answer(unreadable);
      clearTimeout(timer);
      reject(new E2eProblem('busy'));
    };
    const timer = setTimeout(fail, timeout);
    try {
      const returned = question((error, value) => (error ? fail(error) : answer(value)));
      if (returned instanceof Promise) returned.catch(fail);
    } catch (error) {
      fail(error);
    }
  });
}
