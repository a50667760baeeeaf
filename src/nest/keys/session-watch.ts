import type { ChannelStore } from '../../channel/store/channel-store.js';
import { askStore, isRecord, type SessionStore } from '../../channel/store/records.js';
import { called, firstSaves, type Callback } from './session.js';

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
    if (isRecord(id) || (session as { e2e?: unknown }).e2e === undefined || firstSaves.has(session)) {
      return set(id, session, callback);
    }
    const checked = askStore((done) => store.get(id, done), timeout).then(async (there) => {
      if (there == null) await channels.endSession(id);
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

/** The same for `@fastify/session`, whose sessions regenerate themselves. */
export function watchSession(request: object, around: Regenerating): void {
  const { session, sessionStore } = request as {
    session?: { regenerate?(keys?: unknown, callback?: Callback): unknown };
    sessionStore?: { generate?: unknown };
  };
  if (!session?.regenerate || !sessionStore || sessionStore.generate || Object.hasOwn(session, 'regenerate')) return;
  const regenerate = session.regenerate.bind(session);
  const watched = (keys?: unknown, callback?: Callback): unknown => {
    const kept = Array.isArray(keys) ? (keys as unknown[]) : undefined;
    const done = typeof keys === 'function' ? (keys as Callback) : callback;
    const made = around(request, () => called((settle) => regenerate(kept, settle))).then(() => {
      // The request has another session now, which it may regenerate, too.
      watchSession(request, around);
    });
    if (!done) return made;
    made.then(() => done(), done);
    return undefined;
  };
  Object.defineProperty(session, 'regenerate', { value: watched, configurable: true, writable: true });
}
