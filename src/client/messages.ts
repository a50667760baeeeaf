interface PlainAnswer {
  readonly problem?: string | undefined;
  readonly status: number;
}

/**
 * What went wrong and what to do about it, in sentences. Loaded when the first error is, and not before: a page without
 * errors has no use for them.
 */
export const MESSAGES = {
  // handshake-rejected
  ended: () => 'The channels that the server gives end before they can be used.',
  kind: () => refusedAnswer("the server's key is of another kind"),
  rule: () => refusedAnswer("the server's key breaks a rule of PROTOCOL §1"),
  kid: () => refusedAnswer('"kid" is not the thumbprint of the key'),
  seen: () => refusedAnswer("the server's key was used before"),
  times: () => refusedAnswer('the times make no sense'),
  session: () => refusedAnswer('"session" is not 16 bytes in base64url'),
  device: () => refusedAnswer('"device" is no thumbprint'),
  proof: () => refusedAnswer('"proof" names no key'),
  unbound: () =>
    refusedAnswer('the session is not bound to this device key (has the server deviceBinding: "required"?)'),
  secret: () => refusedAnswer('"secret" belongs to RSA channels, and only there'),
  unreadable: () => refusedAnswer('"secret" does not open'),
  zeros: () => refusedAnswer('the shared secret would be all zeros'),
  json: ({ method, url }: { method: string; url: string }) => `${method} ${url} was not answered with a JSON object.`,

  // handshake-failed
  refused: ({ method, url, problem, status }: { method: string; url: string } & PlainAnswer) =>
    `${method} ${url} was answered with ${problem ?? `status ${status}`}` +
    (problem ? (problem === 'key-rejected' ? KEY_REJECTED : '.') : `: ${statusHint(status)}`),

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
      `its Content-Type is "${mediaType}", and must be a media type without a parameter twice, and with no charset but utf-8`,
    ),
  twice: () =>
    unsealable(
      'it is the handshake itself. Where the client stands in the place of the global fetch, behind a wrapper, give createE2eClient the option fetch',
    ),
  stream: () => unsealable('a stream is not sealed: read it first, as by `await new Response(stream).arrayBuffer()`'),
  long: () =>
    unsealable(
      'its path, query or sealed header fields are too long for a message, or hold a character that none may hold: send long values as the body of a POST',
    ),

  // plain-answer
  plain: ({ method, path, problem, status }: { method: string; path: string } & PlainAnswer) =>
    `${method} ${path} got an answer in the clear: ${problem ?? `status ${status}`}. ${plainHint(problem)}`,

  // answer-too-large, answer-rejected
  large: ({ limit }: { limit: number }) => `The answer is over maxResponseSize, ${limit} bytes.`,
  unopened: ({ method, path }: { method: string; path: string }) =>
    `The answer to ${method} ${path} does not open, or is not the answer to this request.`,

  // redirect-refused
  plainRedirect: () => 'A redirect in the clear is not followed.',

  // session-changed
  changed: () =>
    'The server put this client on another session, and the request was not sent on it. Call client.handshake() to go on ' +
    'with that session, and compare who is logged in before you send anything else.',
};

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
  return status >= 500 ? "the server's log says why." : 'are baseUrl and path right?';
}

function plainHint(problem: string | undefined): string {
  if (!problem) {
    return 'It may be from anyone on the way, so it is not handed over. Is the route sealed? For one that answers in the clear, pass e2e: { response: false }.';
  }
  if (problem === 'handshake-required' || problem === 'message-stale') {
    return 'It was not sent again: another copy may have been processed. Where that does no harm, call again, or set Idempotency-Key or resend.';
  }
  if (problem !== 'message-rejected') return '';
  return 'It did not arrive as it was sealed: does a proxy change its method, path, query or body? With e2e: { request: false }: is the route @Encrypted({ request: false })?';
}
