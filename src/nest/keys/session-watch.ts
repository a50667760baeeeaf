import type { ChannelStore } from '../../channel/store/channel-store.js';
import { askStore, isRecord, type SessionStore } from '../../channel/store/records.js';
import { called, firstSaves, HELD_DATA, isBlank, type AnySession, type Callback } from './session.js';

/** Replaces a request's session by a new one: `makeNew` is the application's own call. */
export type Regenerating = (request: object, makeNew: () => Promise<void>) => Promise<void>;

interface WatchedStore extends SessionStore {
  /** For express-session, whose sessions use it to regenerate themselves. */
  regenerate?(request: object, callback: Callback): unknown;
}

/**
 * Ends channels with their session, however it ends: `destroy`, `regenerate`, or the unset session of a response all
 * come here. A session that ended by another way (a key that was deleted in Redis, a server without this module) is
 * missed when it is saved again, which brings the session back, but not its channels.
 */
export function watchStore(store: WatchedStore, channels: ChannelStore, timeout: number, around: Regenerating): void {
  const destroy = store.destroy.bind(store);
  store.destroy = (id, callback) => {
    const ended = isRecord(id) || typeof id !== 'string' ? undefined : channels.endSession(id).catch(() => undefined);
    // A logout gets its response only after the channels have ended.
    return destroy(id, ended && callback ? (error) => void ended.then(() => callback(error)) : callback);
  };

  const set = store.set.bind(store);
  store.set = (id, session, callback) => {
    const marked: AnySession = session;
    if (isRecord(id) || marked.e2e === undefined || firstSaves.has(session)) return set(id, session, callback);
    const checked = askStore((done) => store.get(id, done), timeout).then(async (there) => {
      if (there == null) await channels.endSession(id);
      // It may be empty from now on, but has belonged to somebody.
      if (there != null && !isBlank(there)) marked.e2e = HELD_DATA;
    });
    return checked.then(() => set(id, session, callback), callback);
  };

  const regenerate = store.regenerate?.bind(store);
  if (regenerate) {
    store.regenerate = (request, callback) => {
      const makeNew = (): Promise<void> => called((done) => regenerate(request, done));
      around(request, makeNew).then(() => callback(), callback);
    };
  }
}

interface FastifySession {
  regenerate?(keys?: unknown, callback?: Callback): unknown;
  reload?(callback?: Callback): unknown;
}

/** The same for `@fastify/session`, whose sessions regenerate themselves. */
export function watchSession(request: object, around: Regenerating): void {
  const { session, sessionStore } = request as { session?: FastifySession; sessionStore?: { generate?: unknown } };
  if (!session?.regenerate || !sessionStore || sessionStore.generate || Object.hasOwn(session, 'regenerate')) return;
  const regenerate = session.regenerate.bind(session);
  const reload = session.reload?.bind(session);
  // The request then has another session, which it may regenerate, too.
  const settled = (made: Promise<void>, callback: Callback | undefined): unknown => {
    const watched = made.finally(() => watchSession(request, around));
    if (!callback) return watched;
    watched.then(() => callback(), callback);
    return undefined;
  };
  const watched: FastifySession = {
    regenerate: (keys, callback) => {
      const kept = Array.isArray(keys) ? (keys as unknown[]) : undefined;
      const made = around(request, () => called((settle) => regenerate(kept, settle)));
      return settled(made, typeof keys === 'function' ? (keys as Callback) : callback);
    },
    ...(reload && { reload: (callback) => settled(called(reload), callback) }),
  };
  for (const [name, value] of Object.entries(watched)) {
    Object.defineProperty(session, name, { value, configurable: true, writable: true });
  }
}
