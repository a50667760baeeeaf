import type { CookieFacts } from './call/cookies.js';

/** The sentences of `messages.ts` that depend on more than a word: what may be the cause, and what to do. */

export interface PlainAnswer {
  readonly problem?: string | undefined;
  readonly status: number;
  /** Where a redirect leads: an origin, or empty where the platform does not say. */
  readonly redirect?: string;
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

export interface SealedRefusal extends PlainAnswer, Resending {
  readonly method: string;
  readonly path: string;
}

export interface LostSession extends Resending {
  readonly cookies: CookieFacts;
}

export const KEY_REJECTED = ". Is keyKind one of the server's keyKinds, and does it want a deviceKey?";

export function refusedAnswer(reason: string): string {
  return `The server's answer to the handshake was refused: ${reason}.`;
}

export function unsealable(reason: string): string {
  return `The request cannot be sealed: ${reason}.`;
}

export function statusHint(status: number): string {
  if (status === 404) return 'are baseUrl and path right, with the global prefix if there is one?';
  if (status === 401 || status === 403) {
    return "does a guard stand before it? The module's option `decorators` lets it through.";
  }
  if (status === 413) return TOO_LARGE_ON_THE_WAY;
  return status >= 500 ? "the server's log says why." : 'are baseUrl and path right?';
}

export const OURS = /^\s*application\/(jose|vnd\.e2e\.stream)\b/i;
export const GENERATED =
  'which a sealed body has on the wire: give that of the plain body. Generate clients from the plain OpenAPI document (api-plain-json), not from the marked one';

const TOO_LARGE_ON_THE_WAY =
  'a proxy has a limit for bodies. A sealed body is a third longer than its plaintext, and then some: raise that limit (nginx: client_max_body_size).';

/** A redirect in the clear: somebody on the way, since a sealed answer is none. */
export function redirectHint(redirect: string, from: string): string {
  const { protocol, host } = new URL(from);
  if (protocol === 'http:' && redirect === `https://${host}`) {
    return `it is redirected to HTTPS. Give baseUrl with https://${host}.`;
  }
  const where = redirect === '' ? '' : ` to ${redirect}`;
  return `it is redirected${where} before it reached the application: by a proxy that wants a login, or to another address. Log in there first, or give baseUrl the final address.`;
}

export function plainHint(facts: PlainRequest & PlainAnswer & Resending): string {
  const { problem, status, redirect, url, isCopy, isRepeatable } = facts;
  if (!problem) {
    if (redirect !== undefined) return `Not the server's answer: ${redirectHint(redirect, url)}`;
    if (status === 413) return `Not the server's answer: ${TOO_LARGE_ON_THE_WAY}`;
    return 'It may be from anyone on the way, so it is not handed over. Is the route sealed? For one that answers in the clear, pass e2e: { response: false }.';
  }
  if (problem === 'handshake-required' || problem === 'message-stale') {
    if (isCopy) {
      return 'It was sent twice, on two channels. Where the server runs as several processes, do they share sessions and windows?';
    }
    return problem === 'handshake-required' ? `${NEW_SESSION} ${notResent(isRepeatable)}` : notResent(isRepeatable);
  }
  if (problem === 'busy') return BUSY;
  if (problem !== 'message-rejected') return '';
  return 'It did not arrive as it was sealed: does a proxy change its method, path, query or body? With e2e: { request: false }: is the route @Encrypted({ request: false })?';
}

/** A server without a session for the request is busy, too: it lets nothing through. */
export const BUSY =
  'The server has no key pair, session store or replay window at hand. Try again later. If it stays so, its log says why: ' +
  'the Path of the session cookie ("e2e.sid", where the module makes the session) may leave this URL out.';

const NEW_SESSION =
  'The server has ended the channel. A login or logout may have made a new session: call client.handshake({ renew: true }) after it, or ' +
  'have the login keep the channel (KeyService.carryOver).';
export function notResent(isRepeatable: boolean): string {
  return isRepeatable
    ? 'It was not sent again: another copy may have been processed. Where that does no harm, call again, or set Idempotency-Key or resend.'
    : 'It was not sent again: its body is a stream, which cannot be read again from its start. Give the client a Blob, a File or bytes, or call again with a new stream.';
}

/** What a sealed refusal means for the caller (PROTOCOL §8). */
export function refusalHint(problem: string | undefined, isCopy: boolean, otherwise: string): string {
  switch (problem) {
    case 'message-stale':
      return `It arrived too late, or 1,024 later ones arrived before it, or this device's clock was changed. ${isCopy ? 'It was sent twice.' : otherwise}`;
    case 'message-replayed':
      return isCopy
        ? 'The request was sent twice, and the first copy may have been processed: its answer is lost.'
        : 'Another copy of it arrived first.';
    case 'handshake-required':
      return `The server has lost the window of its channel: has it restarted? ${isCopy ? 'It was sent twice: do several processes share their windows (replayGuard)?' : otherwise}`;
    case 'busy':
      return 'What the server needs for it, such as its store of windows, does not answer. Try again later.';
    case 'too-large':
      return "It is over the server's limit for bodies (options maxBodySize, maxStreamSize).";
    case 'stream-broken':
      return 'Its body did not arrive whole, and part of it may have been processed.';
    case undefined:
    default:
      return '';
  }
}

/** Why the server does not find the session, the likeliest cause first. */
export function cookieHint(url: string, { keeper, isOmitted, refused, sent }: CookieFacts): string {
  const { hostname, protocol } = new URL(url);
  if (sent.length > 0) {
    return (
      `The client sent the cookie ${sent.map((name) => `"${name}"`).join(', ')}. Is the session's among them, and do all ` +
      'processes of the server share the store of sessions? A store in memory is one for each process.'
    );
  }
  const lost = 'The session cookie ("e2e.sid", where the module makes the session) did not come along';
  if (isOmitted) return `${lost}: credentials is 'omit'. Use 'include', or 'same-origin' on the server's own origin.`;
  if (refused !== undefined) {
    return `The cookie "${refused}" did not come along: its Domain is not ${hostname}. Correct that, or baseUrl.`;
  }
  if (keeper === 'platform' && !('document' in globalThis) && !('WorkerGlobalScope' in globalThis)) {
    return `${lost}. With cookies: false, whatever sends the requests has to keep cookies.`;
  }
  const causes = [
    protocol === 'http:' && 'it is Secure, and this is plain HTTP',
    keeper === 'platform' &&
      'the browser blocks third-party cookies (serve page and API under one site, or set SameSite=None; Secure)',
    'its Domain or Path leaves out this URL or the handshake',
    'the server runs as several processes that each keep sessions in memory',
  ];
  return `${lost}. Likely causes: ${causes.filter(Boolean).join('; ')}.`;
}
