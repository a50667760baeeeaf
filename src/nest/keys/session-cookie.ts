import type { IncomingHttpHeaders } from 'node:http';

/** Whether requests have the cookie of their session, and the cookie's name if it is known. */
export class SessionCookie {
  #name: string | undefined;

  /** @param name if it is known at start; otherwise it is learned from the first request that has the cookie. */
  constructor(name: string | undefined) {
    this.#name = name;
  }

  get name(): string | undefined {
    return this.#name;
  }

  /** Whether the request has no session cookie, so that its session was just created. If in doubt: no. */
  isMissing(request: object, sessionId: string): boolean {
    const { cookie = '' } = (request as { headers: IncomingHttpHeaders }).headers;
    const pairs = cookie.split(';').map((pair) => pair.trim());
    const [own, ...others] = pairs.filter(
      (pair) => pair.includes(sessionId) || pair.includes(encodeURIComponent(sessionId)),
    );
    if (own !== undefined) {
      // If a client sends it under several names, it is unknown which is the session's.
      if (others.length === 0) this.#name ??= own.slice(0, own.indexOf('='));
      return false;
    }
    // While the name is unknown, only a request without any cookie certainly lacks it.
    return this.#name === undefined ? cookie === '' : !pairs.some((pair) => pair.startsWith(`${this.#name}=`));
  }
}

/** The log line for a sealed request without its session's cookie. */
export function lostCookie(name: string | undefined): string {
  return (
    `A sealed request arrived without the session cookie${name === undefined ? '' : ` "${name}"`}, so its channel was not ` +
    'found. If the session has just expired, this is normal: the client opens a new channel by itself. Otherwise, likely ' +
    'causes: the cookie is Secure and the application is on plain HTTP (or behind a TLS proxy without ' +
    '"trust proxy"); its Domain or Path excludes the route or the handshake; the browser blocks third-party cookies; ' +
    "the caller sends none (credentials: 'omit'). See docs/troubleshooting.md."
  );
}
