import type { CookieFacts } from './call/cookies.js';

/** The longer sentences of `messages.ts`: likely causes, and what to do. */

export interface PlainAnswer {
  readonly problem?: string | undefined;
  readonly status: number;
  /** As it arrived. */
  readonly wire: Pick<Response, 'type' | 'status' | 'headers'>;
}

export interface PlainRequest {
  readonly method: string;
  readonly url: string;
}

/** Whether the request was sent again, and whether its body can be read again. */
export interface Resending {
  readonly isCopy: boolean;
  readonly isRepeatable: boolean;
}

export interface LostSession extends Resending {
  readonly cookies: CookieFacts;
  readonly credentials?: RequestCredentials | undefined;
}

/** Repeated from the core on purpose: an import would make one more file, which every page loads. */
const REDIRECTS = [301, 302, 303, 307, 308];

export const KEY_REJECTED = ". Is keyKind one of the server's keyKinds, and does the server require a deviceKey?";

export function refusedAnswer(reason: string): string {
  return `The server's response to the handshake was rejected: ${reason}.`;
}

export function unsealable(reason: string): string {
  return `The request cannot be sealed: ${reason}.`;
}

export function statusHint(status: number): string {
  if (status === 404) return 'are baseUrl and path right, with the global prefix if there is one?';
  if (status === 401 || status === 403) {
    return "does a guard reject it? Let it through with the module's option `decorators`. Does CSRF middleware reject it? Exclude the handshake's path and sealed routes from it.";
  }
  if (status === 413) return TOO_LARGE_ON_THE_WAY;
  return status >= 500 ? "the server's log says why." : 'are baseUrl and path right?';
}

export const OURS = /^\s*application\/(jose|vnd\.e2e\.stream)\b/i;
export const GENERATED =
  'the type of a sealed body on the wire: use the type of the plain body. Generate clients from the plain OpenAPI document (api-plain-json), not from the marked one';

const TOO_LARGE_ON_THE_WAY =
  'a proxy limits the size of bodies. A sealed body is more than a third longer than its plaintext. Raise that limit (nginx: client_max_body_size).';

/** The origin that a plain redirect leads to, or empty if the platform does not say; `undefined` if it is none. */
export function whereTo({ type, status, headers }: PlainAnswer['wire'], from: string): string | undefined {
  if (type === 'opaqueredirect') return '';
  if (!REDIRECTS.includes(status)) return undefined;
  try {
    return new URL(headers.get('location') ?? '', from).origin;
  } catch {
    return '';
  }
}

/** For a redirect in the clear. Something on the way sent it: the redirects of sealed routes are sealed. */
export function redirectHint(redirect: string, from: string): string {
  const { protocol, host } = new URL(from);
  if (protocol === 'http:' && redirect === `https://${host}`) {
    return `it was redirected to HTTPS. Use https://${host} in baseUrl.`;
  }
  const where = redirect === '' ? '' : ` to ${redirect}`;
  return `it was redirected${where} before it reached the application, by a proxy that requires a login or to another address. Log in there first, or use the final address in baseUrl.`;
}

export function plainHint(facts: PlainRequest & PlainAnswer & Resending): string {
  const { problem, status, wire, url, isCopy, isRepeatable } = facts;
  if (!problem) {
    const redirect = whereTo(wire, url);
    if (redirect !== undefined) return `This is not the server's response: ${redirectHint(redirect, url)}`;
    if (status === 413) return `This is not the server's response: ${TOO_LARGE_ON_THE_WAY}`;
    return 'Anyone on the way may have sent it, so it was discarded. Is the route sealed? If it responds in the clear, pass e2e: { response: false }.';
  }
  if (problem === 'handshake-required' || problem === 'message-stale') {
    if (isCopy) {
      return 'It was sent twice, on two channels. If the server runs as several processes, do they share sessions and windows?';
    }
    return problem === 'handshake-required' ? `${NEW_SESSION} ${notResent(isRepeatable)}` : notResent(isRepeatable);
  }
  if (problem === 'busy') return BUSY;
  if (problem !== 'message-rejected') return '';
  return 'It did not arrive as it was sealed. Does a proxy change its method, path, query or body? With e2e: { request: false }, is the route @Encrypted({ request: false })?';
}

/** A server that has no session for a request also responds with `busy`. */
export const BUSY =
  'The server has no key pair, session store or replay window available. Try again later. If it persists, read its log: ' +
  'the Path of the session cookie ("e2e.sid" if the module creates the session) may exclude this URL.';

const NEW_SESSION =
  'The server has ended the channel. A login or logout may have created a new session: call client.handshake({ renew: true }) ' +
  'after it, or keep the channel at login with KeyService.carryOver().';
export function notResent(isRepeatable: boolean): string {
  return isRepeatable
    ? 'It was not sent again, because another copy may have been processed. If that does no harm, call again, or set Idempotency-Key or resend.'
    : 'It was not sent again, because its body is a stream, which can be read only once. Use a Blob, a File or bytes, or call again with a new stream.';
}

/** What a sealed refusal means for the caller (PROTOCOL §8). */
export function refusalHint(problem: string | undefined, isCopy: boolean, otherwise: string): string {
  switch (problem) {
    case 'message-stale':
      return `It arrived too late, or 1,024 later requests overtook it, or this device's clock was changed. ${isCopy ? 'It was sent twice.' : otherwise}`;
    case 'message-replayed':
      return isCopy
        ? 'The request was sent twice, and the first copy may have been processed. Its response is lost.'
        : 'Another copy of it arrived first.';
    case 'handshake-required':
      return `The server has lost the window of the channel. Did it restart? ${isCopy ? 'It was sent twice. Do several processes share their windows (replayGuard)?' : otherwise}`;
    case 'busy':
      return 'The server waits for something that does not respond, such as its session store or Redis. Try again later.';
    case 'too-large':
      return "It is larger than the server's limit (options maxBodySize, maxStreamSize).";
    case 'stream-broken':
      return 'Its body did not arrive completely, and part of it may have been processed.';
    case undefined:
    default:
      return '';
  }
}

/** Why the server does not find the session, most likely cause first. */
export function cookieHint(url: string, { sharesCookies, jar }: CookieFacts, isOmitted: boolean): string {
  const { hostname, protocol } = new URL(url);
  const sent = jar?.names(new URL(url)) ?? [];
  if (sent.length > 0) {
    return (
      `The client sent the cookie ${sent.map((name) => `"${name}"`).join(', ')}. Is the session's cookie among them, and do all ` +
      'processes of the server share the session store? Each process has its own store in memory.'
    );
  }
  const lost = 'The session cookie ("e2e.sid" if the module creates the session) was not sent';
  if (isOmitted) return `${lost}: credentials is 'omit'. Use 'include', or 'same-origin' on the server's own origin.`;
  if (jar?.refused !== undefined) {
    return `The cookie "${jar.refused}" was not sent: its Domain is not ${hostname}. Correct the Domain or baseUrl.`;
  }
  if (sharesCookies && !('document' in globalThis) && !('WorkerGlobalScope' in globalThis)) {
    return `${lost}. With cookies: false, the server needs session: 'channel', or your own code has to keep the cookies.`;
  }
  const causes = [
    protocol === 'http:' && 'it is Secure, and this is plain HTTP',
    sharesCookies &&
      'the browser blocks third-party cookies (serve page and API under one site, or set SameSite=None; Secure)',
    'its Domain or Path excludes this URL or the handshake',
    'the server runs as several processes that each keep sessions in memory',
  ];
  return `${lost}. Likely causes: ${causes.filter(Boolean).join('; ')}.`;
}
