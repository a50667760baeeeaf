import type { SessionStore } from '../../channel/store/records.js';
import { E2eProblem } from '../../protocol/problem.js';
import { requestOf } from '../request/exchange-state.js';
import type { RateLimitedLogger } from '../request/rate-limited-logger.js';
import { lostCookie, type SessionCookie } from './session-cookie.js';
import { sessionOf, type HttpSession } from './session.js';

/** Finds the session that has a request's channels, and logs why there is none. */
export class SessionLocator {
  constructor(
    /** With `session: 'channel'`: the substitute for every request's session. */
    private readonly cookieless: HttpSession | undefined,
    private readonly log: RateLimitedLogger,
    private readonly cookieOf: (store: SessionStore) => SessionCookie,
  ) {}

  /** The session of a request, or of the request that asked for a sealed socket. */
  find(request: object): HttpSession | undefined {
    return this.cookieless ?? sessionOf(requestOf(request));
  }

  /** The same. @throws E2eProblem `busy` if a sealed request or a handshake has no session. */
  of(request: object): HttpSession {
    const session = this.find(request);
    if (!session) throw withoutSession(this.log);
    return session;
  }

  /**
   * Logs that a request's channel was not found because the session's cookie was not sent; returns whether this is so.
   */
  noteLostCookie(request: object): boolean {
    const session = this.find(request);
    if (!session?.ref) return false;
    const cookie = this.cookieOf(session.store);
    const isLost = cookie.isMissing(request, session.ref.id);
    if (isLost) this.log.say('warn', lostCookie(cookie.name));
    return isLost;
  }
}

/** Rejects a sealed request or a handshake without a session as `busy`, and logs likely causes. */
export function withoutSession(log: RateLimitedLogger): E2eProblem {
  log.say(
    'error',
    'A request has no session, and was rejected as busy. Likely causes: the session store does not respond; the Path of ' +
      'the session cookie ("e2e.sid", unless the option "session" names another) excludes this route or the handshake; ' +
      'with `session: false`, the application has no session middleware before this route.',
  );
  return new E2eProblem('busy');
}
