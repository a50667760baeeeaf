import type { IncomingHttpHeaders } from 'node:http';

/** Whether requests bring the cookie that their session is found by, and its name as far as it is known. */
export class SessionCookie {
  #name: string | undefined;

  /** @param name where it is known from the start; else it is learned from the first request that brings it. */
  constructor(name: string | undefined) {
    this.#name = name;
  }

  get name(): string | undefined {
    return this.#name;
  }

  /** Whether the request came without it, so that its session is one that was just made. In doubt it did not. */
  isMissing(request: object, sessionId: string): boolean {
    const { cookie = '' } = (request as { headers: IncomingHttpHeaders }).headers;
    const pairs = cookie.split(';').map((pair) => pair.trim());
    const own = pairs.find((pair) => pair.includes(sessionId) || pair.includes(encodeURIComponent(sessionId)));
    if (own !== undefined) {
      this.#name ??= own.slice(0, own.indexOf('='));
      return false;
    }
    // Of a name that is not known yet, only a request without any cookie is sure to lack it.
    return this.#name === undefined ? cookie === '' : !pairs.some((pair) => pair.startsWith(`${this.#name}=`));
  }
}

/** For the log, where sealed requests come without their session's cookie. */
export function lostCookie(name: string | undefined): string {
  return (
    `A sealed request came without the session cookie${name === undefined ? '' : ` "${name}"`}, so its channel was not ` +
    'looked for. Likely causes: the cookie is Secure and the application is on plain HTTP (or behind a TLS proxy without ' +
    '"trust proxy"); its Domain or Path leaves the route or the handshake out; the browser blocks third-party cookies; ' +
    "the caller sends none (credentials: 'omit'). See docs/troubleshooting.md."
  );
}
