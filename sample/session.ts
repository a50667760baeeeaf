import type { Request } from 'express';
import type {} from 'express-session';

declare module 'express-session' {
  interface SessionData {
    /** Who is logged in. */
    username?: string;
    /** Whose notes these are, once a login has given the session a new id. */
    owner?: string;
  }
}

/** Notes belong to the session, logged in or not: to its first id, which login carries over. */
export function ownerOf(req: Request): string {
  return req.session.owner ?? req.sessionID;
}
