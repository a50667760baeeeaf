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
  whereTo,
  type PlainAnswer,
  type PlainRequest,
  type Resending,
  type LostSession,
} from './hints.js';

/**
 * Error messages: what went wrong, and what to do. They are loaded with the first error, because a page without
 * errors does not need them.
 */
export const MESSAGES = {
  // handshake-rejected
  ended: () => 'The channels that the server creates end before they can be used.',
  kind: () => refusedAnswer("the server's key has the wrong kind"),
  rule: () => refusedAnswer("the server's key breaks a rule of PROTOCOL §1"),
  kid: () => refusedAnswer('"kid" is not the thumbprint of the key'),
  seen: () => refusedAnswer("the server's key was used before"),
  times: () => refusedAnswer('"issuedAt" and "expiresAt" are not valid times'),
  session: () => refusedAnswer('"session" is not 16 bytes in base64url'),
  device: () => refusedAnswer('"device" is not a thumbprint'),
  proof: () => refusedAnswer('"proof" names no key'),
  unbound: () =>
    refusedAnswer('the session is not bound to this device key (does the server have deviceBinding: "required"?)'),
  secret: () => refusedAnswer('"secret" must be present on RSA and MLKEM768-X25519 channels, and only there'),
  unreadable: () => refusedAnswer('"secret" does not open'),
  zeros: () => refusedAnswer('the shared secret would be all zeros'),
  json: ({ method, url }: { method: string; url: string }) => `${method} ${url} did not return a JSON object.`,

  // handshake-failed
  refused: ({ method, url, problem, status, wire }: PlainRequest & PlainAnswer) => {
    const redirect = whereTo(wire, url);
    return (
      `${method} ${url} failed with ${problem ?? `status ${status}`}` +
      (problem
        ? problem === 'key-rejected'
          ? KEY_REJECTED
          : problem === 'busy'
            ? `. ${BUSY}`
            : '.'
        : `: ${redirect === undefined ? statusHint(status) : redirectHint(redirect, url)}`)
    );
  },

  // engine-unsupported
  kinds: ({ engine, keyKind }: { engine: { name: string; kinds: readonly string[] }; keyKind: string }) =>
    `The ${engine.name} engine does not support ${keyKind} keys, only ${engine.kinds.join(', ')}. Choose another keyKind` +
    (engine.name === 'forge' ? ', or serve the page over HTTPS, where browsers have WebCrypto.' : ' or engine.'),
  unsupported: ({ reason }: { reason: string }) => `${reason}. Choose another keyKind or engine.`,
  noRandom: () =>
    'This runtime does not have crypto.getRandomValues, and keys need random numbers. In React Native, import ' +
    '"react-native-get-random-values" before anything else.',
  noWebCrypto: () =>
    'WebCrypto is not available (browsers hide it on plain HTTP). Serve the page over HTTPS, or set `engine` to auto.',

  // request-unsupported
  origin: ({ base, origin }: { base: string; origin: string }) =>
    unsealable(`its origin is ${origin}, but this client sends requests only to ${base}`),
  head: () => unsealable('a response to HEAD has no body to seal. Use GET'),
  mediaType: ({ mediaType }: { mediaType: string }) =>
    unsealable(
      `its Content-Type is "${mediaType}", ${OURS.test(mediaType) ? GENERATED : 'but it must be a media type without repeated parameters, and its charset can only be utf-8'}`,
    ),
  boundary: () =>
    unsealable(
      'its Content-Type is multipart/form-data without a boundary, so no server can read it. Leave Content-Type out, and pass the FormData itself',
    ),
  twice: () =>
    unsealable(
      'it is the handshake itself. If the client replaces the global fetch through a wrapper, set the option fetch of createE2eClient',
    ),
  unstreamable: ({ limit }: { limit: number }) =>
    unsealable(
      `its body is over maxBufferedUpload, ${limit} bytes, and this platform can neither stream a request (browsers need HTTP/2 for that) nor buffer it in a file. Serve HTTP/2, raise that option, or send less`,
    ),
  storage: () =>
    unsealable(
      "this platform cannot stream a request (browsers need HTTP/2 for that), and the browser's storage has no room to buffer the body in a file. Serve HTTP/2, free some of the origin's storage, or send less",
    ),
  eventId: () =>
    'An event source reconnects with the id of its last event, which must not travel in the clear. Add "last-event-id" to the option sealHeaders.',
  oddEventId: () =>
    unsealable(
      'the id of the last event has a character other than printable ASCII, which no request can send as last-event-id. Use other ids',
    ),
  eventBody: () =>
    unsealable(
      'an event source sends its body with every connection, and a stream can be sent only once. Use bytes or a Blob',
    ),
  long: () =>
    unsealable(
      'its path, query or sealed header fields are too long for a message, or contain a character that is not allowed. Send long values as the body of a POST',
    ),

  noWebSocket: () =>
    'This runtime has no WebSocket. Set the option webSocket of createE2eClient to the class of the package "ws".',

  fieldBody: () =>
    unsealable('single fields are encrypted in JSON only. Pass JSON text, and set Content-Type: application/json'),
  fieldMissing: ({ pattern }: { pattern: string }) =>
    unsealable(
      `its body has no value at "${pattern}" of the option fields. Correct the name, or write "${pattern}?" if the value may be absent`,
    ),

  // body-failed
  source: () =>
    'The body of the request could not be read to its end, so the request was aborted. See the cause: a file that was changed or removed, or a stream that failed.',

  // stream-broken
  early: () =>
    'The server responded with success before it had the whole body, so the response was discarded. Read the body to its end in the handler before you respond.',

  socket: () =>
    'A message of the socket was changed on the way, or could not be read or sent. The messages received before are genuine.',

  // refused
  sealedRefusal: ({ method, url, problem, status, isCopy, isRepeatable }: PlainRequest & PlainAnswer & Resending) =>
    `The server rejected ${method} ${new URL(url).pathname}: ${problem ?? status}. ${refusalHint(problem, isCopy, notResent(isRepeatable))}`,

  // no-event-stream
  noEvents: ({ method, url, status, type }: PlainRequest & { status: number; type: string }) =>
    `${method} ${new URL(url).pathname} returned ${status} and ${type || 'no media type'} instead of 200 and text/event-stream, so the event source ended. ` +
    (status === 200
      ? 'Is the path right, and does its handler send events (@Sse())? For other responses use client.fetch.'
      : 'Try the same request with client.fetch, and open a new event source when that works.'),

  // invalid-option
  outside: ({ name }: { name: string }) =>
    `sealHeaders and sealedResponseHeaders cannot contain "${name}": gateways set, check or remove it, so it never travels inside a message. Remove it from the option.`,

  // plain-answer
  plain: (facts: PlainRequest & PlainAnswer & Resending) => {
    const { method, url, problem, status } = facts;
    return `${method} ${new URL(url).pathname} got a response in the clear: ${problem ?? `status ${status}`}. ${plainHint(facts)}`;
  },
  lostSession: ({ method, url, isCopy, isRepeatable, cookies, credentials }: PlainRequest & LostSession) =>
    `${method} ${new URL(url).pathname}: the server does not find the channel that it has just created` +
    `${isCopy ? ', twice in a row' : ''}. ${cookieHint(url, cookies, credentials === 'omit')}${isCopy ? '' : ` ${notResent(isRepeatable)}`}`,

  socketRefused: ({ path, problem, code }: { path: string; problem?: string | undefined; code: number | undefined }) =>
    `The socket at ${path} was not opened: ${problem ?? (code === undefined ? 'nothing answered' : `closed with ${code}`)}. ` +
    'Does a gateway with @Encrypted() take sockets there, under E2eWsAdapter, and does every proxy on the way pass upgrades ' +
    'and Sec-WebSocket-Protocol on?',

  // answer-too-large, answer-rejected
  large: ({ limit }: { limit: number }) =>
    `The response is larger than maxResponseSize, ${limit} bytes. Raise that option, or request less.`,
  longEvent: ({ limit }: { limit: number }) =>
    `An event is longer than maxResponseSize, ${limit} characters, so the event source ended. Raise that option, or send shorter events.`,
  longMessage: ({ limit }: { limit: number }) =>
    `A message of the socket is longer than maxResponseSize, ${limit} bytes, so the socket was cut off. Raise that option, or send shorter messages.`,
  unopened: ({ method, url }: PlainRequest) =>
    `The response to ${method} ${new URL(url).pathname} does not open, or belongs to another request. Does a cache (a service worker, a ` +
    'CDN) store responses although they say no-store? A sealed query is not in the URL, so all searches look the same to ' +
    'such a cache. Or does something on the way change bodies?',

  // redirect-refused
  plainRedirect: () =>
    "A redirect in the clear is not followed, because anyone on the way can send one. Call its target, or pass redirect: 'manual'.",

  // session-changed
  changed: () =>
    'The server put this client on another session, so the request was not sent. This also happens after a login that ' +
    'creates a new session. To continue with that session, call client.handshake(), and check who is logged in before ' +
    'you send anything else.',
};
