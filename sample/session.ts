import type { Request } from 'express';
import type { SessionData } from 'express-session';

declare module 'express-session' {
  interface SessionData {
    /** Who is logged in. */
    username?: string;
    /** Whose notes these are, once a login has given the session a new id. */
    owner?: string;
  }
}

/**
 * Notes belong to the session, logged in or not: to its first id, which login carries over. express-session names it
 * `id`, @fastify/session `sessionId`.
 */
export function ownerOf(req: Request): string {
  const { owner, id, sessionId } = req.session as SessionData & { readonly id?: string; readonly sessionId?: string };
  return owner ?? id ?? sessionId!;
}
