import type { SessionRef } from '../channel/channel-store.js';
import { nowInSeconds } from '../channel/channels.js';
import { askStore, type SessionStore } from '../channel/records.js';

/** A request's session, whichever middleware made it: express-session's, or `@fastify/session`'s. */
export interface HttpSession {
  readonly ref: SessionRef;
  readonly store: SessionStore;
  /** Whether its store has it: not yet, where this very request began it. */
  exists(timeout: number): Promise<boolean>;
  /** Writes something into the session, so that it is kept and its cookie sent, and saves it. */
  keep(): Promise<void>;
  /** Makes a new session in its place. */
  regenerate(): Promise<void>;
  /** Makes a new session beside it, which stays as it was; `undefined` where the platform has no public way to. */
  readonly beside: (() => HttpSession | undefined) | undefined;
}

type Callback = (error?: unknown) => void;

/** What the two session middlewares have in common, and what only one of them has. */
interface AnySession {
  id?: string;
  sessionId?: string;
  cookie?: { expires?: Date | string | null; originalMaxAge?: number | null };
  e2e?: unknown;
  save(callback: Callback): unknown;
  regenerate(callback: Callback): unknown;
}

/** A session without an end of its own is taken to last a day, as its store takes it. */
const DAY_SECONDS = 86_400;

/** The session, or `undefined` where there is none: no middleware, or a store that does not answer. */
export function sessionOf(request: object): HttpSession | undefined {
  const { session, sessionID, sessionStore } = request as {
    session?: AnySession | null;
    sessionID?: string;
    sessionStore?: SessionStore & { generate?(request: object): void };
  };
  const id = session?.sessionId ?? session?.id ?? sessionID;
  if (!session || !sessionStore || typeof id !== 'string') return undefined;
  return {
    ref: { id, expiresAt: nowInSeconds() + lifetimeOf(session) },
    store: sessionStore,
    exists: async (timeout) => (await askStore((done) => sessionStore.get(id, done), timeout)) != null,
    keep: () => {
      session.e2e ??= 1;
      return called((done) => session.save(done));
    },
    regenerate: () => called((done) => session.regenerate(done)),
    beside:
      sessionStore.generate &&
      (() => {
        sessionStore.generate?.(request);
        return sessionOf(request);
      }),
  };
}

function lifetimeOf({ cookie }: AnySession): number {
  const maxAge = cookie?.originalMaxAge;
  return typeof maxAge === 'number' && maxAge > 0 ? Math.ceil(maxAge / 1000) : DAY_SECONDS;
}

function called(action: (done: Callback) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    action((error) => {
      if (error) reject(error instanceof Error ? error : new Error('the session store failed'));
      else resolve();
    });
  });
}
