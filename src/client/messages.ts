import type { CookieFacts } from './call/cookies.js';

interface PlainAnswer {
  readonly problem?: string | undefined;
  readonly status: number;
  /** Where a redirect leads: an origin, or empty where the platform does not say. */
  readonly redirect?: string;
}

interface PlainRequest {
  readonly method: string;
  readonly url: string;
}

/**
 * What went wrong and what to do about it, in sentences. Loaded when the first error is, and not before: a page without
 * errors has no use for them.
 */
export const MESSAGES = {
  // handshake-rejected
  ended: () => 'The channels that the server gives end before they can be used.',
  kind: () => refusedAnswer("the server's key is not of the kind that answers the client's"),
  rule: () => refusedAnswer("the server's key breaks a rule of PROTOCOL §1"),
  kid: () => refusedAnswer('"kid" is not the thumbprint of the key'),
  seen: () => refusedAnswer("the server's key was used before"),
  times: () => refusedAnswer('the times make no sense'),
  session: () => refusedAnswer('"session" is not 16 bytes in base64url'),
  device: () => refusedAnswer('"device" is no thumbprint'),
  proof: () => refusedAnswer('"proof" names no key'),
  unbound: () =>
    refusedAnswer('the session is not bound to this device key (has the server deviceBinding: "required"?)'),
  secret: () => refusedAnswer('"secret" belongs to RSA and MLKEM768-X25519 channels, and only there'),
  unreadable: () => refusedAnswer('"secret" does not open'),
  zeros: () => refusedAnswer('the shared secret would be all zeros'),
  json: ({ method, url }: { method: string; url: string }) => `${method} ${url} was not answered with a JSON object.`,

  // handshake-failed
  refused: ({ method, url, problem, status, redirect }: PlainRequest & PlainAnswer) =>
    `${method} ${url} was answered with ${problem ?? `status ${status}`}` +
    (problem
      ? problem === 'key-rejected'
        ? KEY_REJECTED
        : problem === 'busy'
          ? `. ${BUSY}`
          : '.'
      : `: ${redirect === undefined ? statusHint(status) : redirectHint(redirect, url)}`),

  // engine-unsupported
  kinds: ({ engine, keyKind }: { engine: { name: string; kinds: readonly string[] }; keyKind: string }) =>
    `The ${engine.name} engine has no ${keyKind} keys, only ${engine.kinds.join(', ')}. Choose another keyKind` +
    (engine.name === 'forge' ? ', or serve the page over HTTPS, where browsers have WebCrypto.' : ' or engine.'),
  unsupported: ({ reason }: { reason: string }) => `${reason}. Choose another keyKind or engine.`,
  noWebCrypto: () =>
    'There is no WebCrypto here (browsers hide it on plain HTTP): serve the page over HTTPS, or leave `engine` at auto.',

  // request-unsupported
  origin: ({ base, origin }: { base: string; origin: string }) =>
    unsealable(`the client of ${base} sends nothing to ${origin}`),
  head: () => unsealable('a sealed route answers no HEAD, which has no body to seal: use GET'),
  mediaType: ({ mediaType }: { mediaType: string }) =>
    unsealable(
      `its Content-Type is "${mediaType}", ${OURS.test(mediaType) ? GENERATED : 'and must be a media type without a parameter twice, and with no charset but utf-8'}`,
    ),
  boundary: () =>
    unsealable(
      'its Content-Type is multipart/form-data without a boundary, so no server can read it. Leave Content-Type out, and give the client the FormData itself',
    ),
  twice: () =>
    unsealable(
      'it is the handshake itself. Where the client stands in the place of the global fetch, behind a wrapper, give createE2eClient the option fetch',
    ),
  unstreamable: ({ limit }: { limit: number }) =>
    unsealable(
      `its body is over maxBufferedUpload, ${limit} bytes, and this platform can neither stream a request (browsers need HTTP/2 for that) nor keep it in a file meanwhile. Serve HTTP/2, raise that option, or send less`,
    ),
  storage: () =>
    unsealable(
      "this platform cannot stream a request (browsers need HTTP/2 for that), and the browser's storage has no room to keep the body in a file meanwhile. Serve HTTP/2, free some of the origin's storage, or send less",
    ),
  eventId: () =>
    'An event source reconnects with the id of its last event, which must not travel in the clear: keep "last-event-id" in the option sealHeaders.',
  eventBody: () =>
    unsealable(
      'an event source sends its body again with each connection, which a stream cannot be: give it bytes or a Blob',
    ),
  long: () =>
    unsealable(
      'its path, query or sealed header fields are too long for a message, or hold a character that none may hold: send long values as the body of a POST',
    ),

  // body-failed
  source: () => 'The body of the request could not be read to its end, so the request was given up. See the cause.',

  // stream-broken
  early: () => 'The server answered with success before it had the whole body, so the answer was not handed over.',

  // refused
  sealedRefusal: ({ method, path, problem, status, isCopy, isRepeatable }: SealedRefusal) =>
    `The server refused ${method} ${path}: ${problem ?? status}. ${refusalHint(problem, isCopy, notResent(isRepeatable))}`,

  // invalid-option
  outside: ({ name }: { name: string }) =>
    `sealHeaders and sealedResponseHeaders cannot hold "${name}": gateways set, check or remove it outside, so it never travels inside a message. Take it out of the option.`,

  // plain-answer
  plain: (facts: PlainRequest & PlainAnswer & Resending) => {
    const { method, url, problem, status } = facts;
    return `${method} ${new URL(url).pathname} got an answer in the clear: ${problem ?? `status ${status}`}. ${plainHint(facts)}`;
  },
  lostSession: ({ method, url, isCopy, isRepeatable, cookies }: PlainRequest & LostSession) =>
    `${method} ${new URL(url).pathname}: the server does not find the channel that it has just made` +
    `${isCopy ? ', twice in a row' : ''}. ${cookieHint(url, cookies)}${isCopy ? '' : ` ${notResent(isRepeatable)}`}`,

  // answer-too-large, answer-rejected
  large: ({ limit }: { limit: number }) => `The answer is over maxResponseSize, ${limit} bytes.`,
  unopened: ({ method, path }: { method: string; path: string }) =>
    `The answer to ${method} ${path} does not open, or is the answer to another request. Is there a cache on the way ` +
    '(a service worker, a CDN) that keeps answers although they say no-store? A sealed query is in no URL, so to such a ' +
    'cache all searches look the same. Or does something on the way change bodies?',

  // redirect-refused
  plainRedirect: () => 'A redirect in the clear is not followed.',

  // session-changed
  changed: () =>
    'The server put this client on another session, and the request was not sent on it. A login that made a new session ' +
    'does so too. Call client.handshake() to go on with that session, and compare who is logged in before you send ' +
    'anything else.',
};

/** Whether the request was sent again, and whether its body can be read again. */
interface Resending {
  readonly isCopy: boolean;
  readonly isRepeatable: boolean;
}

interface SealedRefusal extends PlainAnswer, Resending {
  readonly method: string;
  readonly path: string;
}

interface LostSession extends Resending {
  readonly cookies: CookieFacts;
}

const KEY_REJECTED = ". Is keyKind one of the server's keyKinds, and does it want a deviceKey?";

function refusedAnswer(reason: string): string {
  return `The server's answer to the handshake was refused: ${reason}.`;
}

function unsealable(reason: string): string {
  return `The request cannot be sealed: ${reason}.`;
}

function statusHint(status: number): string {
  if (status === 404) return 'are baseUrl and path right, with the global prefix if there is one?';
  if (status === 401 || status === 403) {
    return "does a guard stand before it? The module's option `decorators` lets it through.";
  }
  if (status === 413) return TOO_LARGE_ON_THE_WAY;
  return status >= 500 ? "the server's log says why." : 'are baseUrl and path right?';
}

const OURS = /^\s*application\/(jose|vnd\.e2e\.stream)\b/i;
const GENERATED =
  'which a sealed body has on the wire: give that of the plain body. Generate clients from the plain OpenAPI document (api-plain-json), not from the marked one';

const TOO_LARGE_ON_THE_WAY =
  'a proxy has a limit for bodies. A sealed body is a third longer than its plaintext, and then some: raise that limit (nginx: client_max_body_size).';

/** A redirect in the clear: somebody on the way, since a sealed answer is none. */
function redirectHint(redirect: string, from: string): string {
  const { protocol, host } = new URL(from);
  if (protocol === 'http:' && redirect === `https://${host}`) {
    return `it is redirected to HTTPS. Give baseUrl with https://${host}.`;
  }
  const where = redirect === '' ? '' : ` to ${redirect}`;
  return `it is redirected${where} before it reached the application: by a proxy that wants a login, or to another address. Log in there first, or give baseUrl the final address.`;
}

function plainHint(facts: PlainRequest & PlainAnswer & Resending): string {
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
const BUSY =
  'The server has no key pair, session store or replay window at hand. Try again later. If it stays so, its log says why: ' +
  'the Path of the session cookie ("e2e.sid", where the module makes the session) may leave this URL out.';

const NEW_SESSION =
  'The server has ended the channel. A login or logout may have made a new session: call client.handshake({ renew: true }) after it, or ' +
  'have the login keep the channel (KeyService.carryOver).';
function notResent(isRepeatable: boolean): string {
  return isRepeatable
    ? 'It was not sent again: another copy may have been processed. Where that does no harm, call again, or set Idempotency-Key or resend.'
    : 'It was not sent again: its body is a stream, which cannot be read again from its start. Give the client a Blob, a File or bytes, or call again with a new stream.';
}

/** What a sealed refusal means for the caller (PROTOCOL §8). */
function refusalHint(problem: string | undefined, isCopy: boolean, otherwise: string): string {
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
function cookieHint(url: string, { keeper, isOmitted, refused, sent }: CookieFacts): string {
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
