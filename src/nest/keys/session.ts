import type { IncomingHttpHeaders } from 'node:http';
import type { SessionRef } from '../../channel/store/channel-store.js';
import { nowInSeconds } from '../../channel/clock.js';
import { askStore, type SessionStore } from '../../channel/store/records.js';
import { E2eProblem } from '../../protocol/problem.js';
import { beginFastifySession } from './fastify-session.js';

/** A request's session, whichever middleware made it: express-session's, or `@fastify/session`'s. */
export interface HttpSession {
  /** `undefined` if there are no cookies, and channels have no session. */
  readonly ref: SessionRef | undefined;
  readonly store: SessionStore;
  /** Whether its store has it: not yet if this request created it. */
  exists(timeout: number): Promise<boolean>;
  /**
   * Saves the session. A new one gets a value to save, so that its cookie is sent. Rejects if the session has ended
   * since this request began, because saving would restore it.
   */
  persist(timeout: number): Promise<void>;
  /** Whether the request had its cookie. Otherwise it is new, and no other request has it. */
  readonly isKnown: boolean;
  /** Whether it has no data of the application, so it belongs to no user. */
  readonly isBlank: boolean;
  /** The user that passport has logged in, if it is used. */
  readonly user: string | undefined;
  /** Makes a new session in its place. */
  regenerate(): Promise<void>;
  /** Gives the request a new session and leaves this one unchanged. `undefined` if there is no session. */
  createSibling(): HttpSession | undefined;
}

export type Callback = (error?: unknown) => void;

/** What the two session middlewares have in common, and what only one of them has. */
export interface AnySession {
  id?: string;
  sessionId?: string;
  cookie?: { expires?: Date | string | null; originalMaxAge?: number | null };
  e2e?: unknown;
  passport?: { readonly user?: unknown };
  save(callback: Callback): unknown;
  regenerate(callback: Callback): unknown;
}

/** A session without an expiry time counts as one that lasts a day, as in its store. */
const DAY_SECONDS = 86_400;

/** The session, or `undefined` if there is none: no middleware, or a store that does not respond. */
export function sessionOf(request: object): HttpSession | undefined {
  const { session, sessionID, sessionStore } = request as {
    session?: AnySession | null;
    sessionID?: string;
    sessionStore?: SessionStore & { generate?(request: object): void };
  };
  const id = session?.sessionId ?? session?.id ?? sessionID;
  if (!session || !sessionStore || typeof id !== 'string' || id === '') return undefined;
  const exists = async (timeout: number): Promise<boolean> =>
    (await askStore((done) => sessionStore.get(id, done), timeout)) != null;
  return {
    ref: { id, expiresAt: nowInSeconds() + lifetimeOf(session) },
    store: sessionStore,
    isKnown: cameWith(request, id),
    isBlank: isBlank(session),
    user: userOf(session),
    exists,
    persist: async (timeout) => {
      const isStored = await exists(timeout);
      if (isStored && session.e2e !== undefined) return;
      // A handshake whose body is held back until the user has logged out must not bring the session back.
      if (!isStored && cameWith(request, id)) throw new E2eProblem('busy');
      session.e2e = isBlank(session) ? BLANK : HELD_DATA;
      if (!isStored) firstSaves.add(session);
      await called((done) => session.save(done)).finally(() => firstSaves.delete(session));
    },
    regenerate: () => called((done) => session.regenerate(done)),
    createSibling: () => {
      if (!beginFastifySession(request)) sessionStore.generate?.(request);
      const sibling = sessionOf(request);
      return sibling?.ref?.id === id ? undefined : sibling;
    },
  };
}

/** The module's mark in a session: whether it has ever been stored with data of the application, and emptied since. */
const BLANK = 1;
export const HELD_DATA = 2;

/** Sessions that the module is saving for the first time: their store does not have them yet. */
export const firstSaves = new WeakSet<object>();

/** The substitute for a session without cookies: nothing to look up, save or regenerate. */
export function cookielessSession(store: SessionStore): HttpSession {
  return {
    ref: undefined,
    store,
    isKnown: false,
    isBlank: true,
    user: undefined,
    exists: () => Promise.resolve(false),
    persist: () => Promise.resolve(),
    regenerate: () => Promise.resolve(),
    createSibling: () => undefined,
  };
}

/** Whether the request had the session's cookie: a session that its store does not know gets a new id. */
function cameWith(request: object, id: string): boolean {
  const { cookie = '' } = (request as { headers: IncomingHttpHeaders }).headers;
  return cookie.includes(id) || cookie.includes(encodeURIComponent(id));
}

/** Apart from what the module and the session middleware put there. */
export function isBlank(session: Pick<AnySession, 'e2e' | 'passport'>): boolean {
  return (
    session.e2e !== HELD_DATA &&
    Object.keys(session).every((name) => ['cookie', 'e2e', 'passport'].includes(name)) &&
    userOf(session) === undefined
  );
}

function userOf({ passport }: Pick<AnySession, 'passport'>): string | undefined {
  return passport?.user === undefined ? undefined : JSON.stringify(passport.user);
}

function lifetimeOf({ cookie }: AnySession): number {
  const maxAge = cookie?.originalMaxAge;
  return typeof maxAge === 'number' && maxAge > 0 ? Math.ceil(maxAge / 1000) : DAY_SECONDS;
}

/** A callback function as a promise. */
export function called(action: (done: Callback) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    action((error) => {
      if (error) reject(error instanceof Error ? error : new Error('the session store failed'));
      else resolve();
    });
  });
}
