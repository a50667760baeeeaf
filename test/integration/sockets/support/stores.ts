import { MemoryStore } from 'express-session';

/** The same sessions by another object, as another process has them. */
export function viewOf(store: MemoryStore): MemoryStore {
  const of = store as unknown as { sessions: object };
  const sessions = { get: () => of.sessions, set: (value: object) => void (of.sessions = value) };
  return Object.defineProperty(new MemoryStore(), 'sessions', sessions);
}
