import {
  BUSY,
  cookieHint,
  GENERATED,
  KEY_REJECTED,
  notResent,
  OURS,
  plainHint,
  redirectHint,
  refusalHint,
  refusedAnswer,
  statusHint,
  unsealable,
  type PlainAnswer,
  type PlainRequest,
  type Resending,
  type SealedRefusal,
  type LostSession,
} from './hints.js';

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

  noWebSocket: () =>
    'This runtime has no WebSocket. Give createE2eClient the option webSocket: the class of the package "ws".',

  // body-failed
  source: () =>
    'The body of the request could not be read to its end, so the request was given up. The cause says why: a file that was changed or removed meanwhile, or a stream that failed.',

  // stream-broken
  early: () =>
    'The server answered with success before it had the whole body, so the answer was not handed over. Have the handler read the body to its end before it answers.',

  socket: () => 'The socket was cut off or changed on the way. What was read before is genuine.',

  // refused
  sealedRefusal: ({ method, path, problem, status, isCopy, isRepeatable }: SealedRefusal) =>
    `The server refused ${method} ${path}: ${problem ?? status}. ${refusalHint(problem, isCopy, notResent(isRepeatable))}`,

  // no-event-stream
  noEvents: ({ method, url, status, type }: PlainRequest & { status: number; type: string }) =>
    `${method} ${new URL(url).pathname} was answered with ${status} and ${type || 'no media type'}, not with 200 and text/event-stream, so the event source ended. ` +
    (status === 200
      ? 'Is it the right path, and does its handler send events (@Sse())? For anything else use client.fetch.'
      : 'See what client.fetch gives for the same request, and open a new event source once that is mended.'),

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

  socketRefused: ({ path, problem, code }: { path: string; problem?: string | undefined; code: number | undefined }) =>
    `The socket at ${path} was not opened: ${problem ?? (code === undefined ? 'nothing answered' : `closed with ${code}`)}. ` +
    'Does a gateway with @Encrypted() take sockets there, under E2eWsAdapter, and does every proxy on the way pass upgrades ' +
    'and Sec-WebSocket-Protocol on?',

  // answer-too-large, answer-rejected
  large: ({ limit }: { limit: number }) =>
    `The answer is over maxResponseSize, ${limit} bytes. Raise that option, or ask for less.`,
  longEvent: ({ limit }: { limit: number }) =>
    `An event is over maxResponseSize, ${limit} characters, so the event source ended. Raise that option, or send less in one event.`,
  unopened: ({ method, path }: { method: string; path: string }) =>
    `The answer to ${method} ${path} does not open, or is the answer to another request. Is there a cache on the way ` +
    '(a service worker, a CDN) that keeps answers although they say no-store? A sealed query is in no URL, so to such a ' +
    'cache all searches look the same. Or does something on the way change bodies?',

  // redirect-refused
  plainRedirect: () =>
    "A redirect in the clear is not followed: anyone on the way can send one. Call its target, or pass redirect: 'manual' and look at it.",

  // session-changed
  changed: () =>
    'The server put this client on another session, and the request was not sent on it. A login that made a new session ' +
    'does so too. Call client.handshake() to go on with that session, and compare who is logged in before you send ' +
    'anything else.',
};
