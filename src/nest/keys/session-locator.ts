import { Inject, Injectable, Logger } from '@nestjs/common';
import type { SessionStore } from '../../channel/store/records.js';
import { E2eProblem } from '../../protocol/problem.js';
import { requestOf } from '../request/exchange-state.js';
import { RateLimitedLogger } from '../request/rate-limited-logger.js';
import { DefaultSession } from './default-session.js';
import { lostCookie, SessionCookie } from './session-cookie.js';
import { sessionOf, type HttpSession } from './session.js';

/** Finds the session that has a request's channels, and logs why there is none. */
@Injectable()
export class SessionLocator {
  readonly #cookies = new WeakMap<SessionStore, SessionCookie>();
  readonly #log = new RateLimitedLogger(new Logger('E2eModule'));

  constructor(@Inject(DefaultSession) private readonly defaultSession: DefaultSession) {}

  /** The session of a request, or of the request that asked for a sealed socket. */
  find(request: object): HttpSession | undefined {
    return this.defaultSession.cookieless() ?? sessionOf(requestOf(request));
  }

  /** The same. @throws E2eProblem `busy` if a sealed request or a handshake has no session. */
  of(request: object): HttpSession {
    const session = this.find(request);
    if (!session) throw this.missing();
    return session;
  }

  /** The problem of a sealed request or a handshake without a session: `busy`. Logs likely causes. */
  missing(): E2eProblem {
    this.#log.say('error', WITHOUT_SESSION);
    return new E2eProblem('busy');
  }

  /**
   * Logs that a request's channel was not found because the session's cookie was not sent; returns whether this is so.
   */
  noteLostCookie(request: object): boolean {
    const session = this.find(request);
    if (!session?.ref) return false;
    const cookie = this.#cookieOf(session.store);
    const isLost = cookie.isMissing(request, session.ref.id);
    if (isLost) this.#log.say('warn', lostCookie(cookie.name));
    return isLost;
  }

  #cookieOf(store: SessionStore): SessionCookie {
    const known = this.#cookies.get(store);
    if (known) return known;
    const cookie = new SessionCookie(this.defaultSession.cookieNameFor(store));
    this.#cookies.set(store, cookie);
    return cookie;
  }
}

const WITHOUT_SESSION =
  'A request has no session, and was rejected as busy. Likely causes: the session store does not respond; the Path of ' +
  'the session cookie ("e2e.sid", unless the option "session" names another) excludes this route or the handshake; ' +
  'with `session: false`, the application has no session middleware before this route.';
