/** Everything that `doctor` can say: a stable name, the check, the level (see finding.ts), what it means and the fix. */

type What = string | ((...facts: never[]) => string);

const ok = <W extends What>(check: string, what: W) => ({ check, level: 'ok', what }) as const;
const note = <W extends What>(check: string, what: W, fix: string) => ({ check, level: 'note', what, fix }) as const;
const warning = <W extends What>(check: string, what: W, fix: string) =>
  ({ check, level: 'warning', what, fix }) as const;
const failed = <W extends What>(check: string, what: W, fix: string) =>
  ({ check, level: 'failed', what, fix }) as const;

const TROUBLESHOOTING = 'See docs/troubleshooting.md for this error.';
const NOT_BUFFERED =
  'Turn off buffering and compression of application/vnd.e2e.stream (nginx: proxy_buffering off, gzip_types).';
const SHARE =
  'Share sessions and sequence windows between servers: a session store and redisReplayGuard (docs/operations.md).';

const HANDSHAKE = {
  'connection-failed': failed(
    'connection',
    (origin: string, reason: string) => `${origin} does not respond: ${reason}.`,
    'Check the address, that the server runs, DNS and the TLS certificate.',
  ),
  'handshake-ok': ok(
    'handshake',
    (kinds: readonly string[]) => `A channel was made with a key of kind ${kinds.join(', ')}.`,
  ),
  'handshake-missing': failed(
    'handshake',
    (address: string) => `POST ${address} is 404: the module is not there, or a proxy does not pass it on.`,
    'Check the address, the global prefix (give it in the URL), the option "path" (--path), and the proxy.',
  ),
  'handshake-failed': failed(
    'handshake',
    (address: string, reason: string) => `POST ${address} failed: ${reason}`,
    'See docs/troubleshooting.md for this error; and check what the proxy does with POST requests.',
  ),
  'content-type-changed': failed(
    'content-type',
    (type: string) =>
      `The response to the handshake has ${type ? `the type ${type}` : 'no Content-Type'}: a proxy removes or changes it.`,
    'Have the proxy pass on the header Content-Type as it is.',
  ),
  'kind-rejected': note(
    'handshake',
    (kind: string) => `The server does not accept keys of kind ${kind}.`,
    'If clients use this kind, add it to the option "keyKinds" of the server.',
  ),
  'kind-unsupported': note(
    'handshake',
    (kind: string) => `This Node does not support keys of kind ${kind}; they were not checked.`,
    'Run the command with a newer version of Node.',
  ),
  'kind-failed': warning(
    'handshake',
    (kind: string, reason: string) => `The handshake with a key of kind ${kind} failed: ${reason}`,
    TROUBLESHOOTING,
  ),
  'identity-proved': ok('identity', 'The server proved that it has a pinned identity key.'),
  'identity-rejected': failed(
    'identity',
    (reason: string) => `The server did not prove that it has a pinned identity key: ${reason}`,
    'Check --identity-key, and the option "identityKey" of the server. If both are right, someone is in between.',
  ),
  'identity-unpinned': note(
    'identity',
    'The server has an identity key, and no pin was given to check it.',
    'Pass its thumbprint: --identity-key.',
  ),
  'identity-missing': note(
    'identity',
    'The server has no identity key: clients accept whoever is behind the TLS certificate.',
    'Set "identityKey" (npx nestjs-e2e-encryption keygen), and pin it in clients.',
  ),
  'clock-ok': ok('clock', 'The clocks of the server and of this machine agree.'),
  'clock-wrong': warning(
    'clock',
    (seconds: number) =>
      `The server's clock is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} this machine's.`,
    'Synchronize both by NTP. Clients use the server’s time, so sealed calls work.',
  ),
  'cookie-ok': ok('cookie', 'The session cookie has its flags, and the right path.'),
  'cookie-missing': note(
    'cookie',
    "The handshake sets no cookie: session: 'channel', or a proxy removes Set-Cookie.",
    "With session: 'channel' this is as it should be. Otherwise have the proxy pass on Set-Cookie.",
  ),
  'cookie-wrong': warning(
    'cookie',
    (faults: readonly string[]) => `${faults.join('; ')}.`,
    'Have the proxy pass on Set-Cookie as it is; behind HTTPS, set trust proxy and X-Forwarded-Proto.',
  ),
} as const;

const AROUND = {
  'http-ok': ok(
    'http',
    (versions: readonly string[]) => `The server answers with HTTP/${versions.join(' and HTTP/')}.`,
  ),
  'http-old': warning(
    'http',
    'The server answers with HTTP/1.0: each response costs a connection, and none arrives in pieces.',
    'Have the proxy speak HTTP/1.1 or later.',
  ),
  'http-without-2': note(
    'http',
    'The server does not offer HTTP/2: pages in Chromium send uploads in pieces only over HTTP/2.',
    'Have the proxy speak HTTP/2 (nginx: http2 on).',
  ),
  'cors-ok': ok('cors', (origin: string) => `Pages of ${origin} may make handshakes and sealed calls.`),
  'cors-refused': failed(
    'cors',
    (faults: readonly string[]) => `${faults.join('; ')}.`,
    'See "From another origin (CORS)" in docs/browsers.md for what the server must allow.',
  ),
  'stream-ok': ok(
    'stream',
    (route: string, ms: number) => `${route} arrived in pieces, the first after ${Math.round(ms)} ms.`,
  ),
  'stream-refused': warning(
    'stream',
    (route: string, status: number) => `${route} responded with ${status}, and no stream.`,
    'Name a route that streams: --stream.',
  ),
  'stream-broken': failed(
    'stream',
    (route: string, reason: string) => `${route} broke off: ${reason}`,
    'Raise the timeouts of the proxy (nginx: proxy_read_timeout), and see docs/streams.md.',
  ),
  'stream-held': failed(
    'stream',
    (route: string, seconds: number) =>
      `Nothing of ${route} arrived within ${seconds} s: the proxy collects the response first.`,
    NOT_BUFFERED,
  ),
  'stream-at-once': failed(
    'stream',
    (route: string, ms: number) =>
      `All of ${route} arrived at once, after ${Math.round(ms)} ms: the proxy collects the response first.`,
    NOT_BUFFERED,
  ),
  'socket-ok': ok('socket', (path: string) => `The sealed socket ${path} opened.`),
  'socket-failed': failed(
    'socket',
    (path: string, how: string) => `The sealed socket ${path} did not open (${how}).`,
    'Have the proxy pass on upgrades (nginx: proxy_http_version 1.1, and the headers Upgrade and Connection). See docs/sockets.md.',
  ),
} as const;

const WIRE = {
  'round-trip-ok': ok(
    'round-trip',
    (route: string, status: number) => `GET ${route} was answered sealed, with ${status}.`,
  ),
  'round-trip-failed': failed(
    'round-trip',
    (reason: string, status: number | 'none') => `A sealed call failed: ${reason} (status ${status})`,
    TROUBLESHOOTING,
  ),
  'round-trip-plain': failed(
    'round-trip',
    (reason: string) => `The response is not sealed: ${reason}`,
    'Check that the proxy passes the path to the application.',
  ),
  'path-changed': failed(
    'path',
    'The server rejects the message: it gets another path or method than the client sent.',
    'If the proxy removes a prefix, set the option "publicPath" to it; else have it pass on the path as it is. See docs/operations.md.',
  ),
  'session-lost': failed(
    'session',
    'The server does not find the channel that it just made: the cookie does not come back, or another server got the call.',
    'Have the proxy pass on Cookie and Set-Cookie. With several servers, share sessions and windows (docs/operations.md).',
  ),
  'error-pages': failed(
    'error-pages',
    (status: number) =>
      `A response with ${status} is not sealed: the proxy puts a page of its own in its place, or does not pass the path on.`,
    'Turn off the replacement of error pages for the application (nginx: proxy_intercept_errors off).',
  ),
  'compression-ok': ok('compression', 'Ciphertext is not compressed.'),
  'compression-on': warning(
    'compression',
    (encoding: string) =>
      `The proxy compresses sealed responses (${encoding}): it costs time, and saves nothing of ciphertext.`,
    'Do not compress application/jose and application/vnd.e2e.stream (nginx: gzip_types).',
  ),
  'cache-kept': failed(
    'cache',
    'The same call again got the response of the first: a cache in front of the server keeps sealed responses.',
    'Have the cache obey Cache-Control: no-store, or leave out the application (nginx: proxy_cache off).',
  ),
  'servers-ok': ok(
    'servers',
    (calls: number) =>
      `${calls} more calls on the channel were answered, over new connections too: no cache, and no server without the channel.`,
  ),
  'servers-apart': failed(
    'servers',
    'A call got to a server that does not know the channel, and the client had to make a new one.',
    SHARE,
  ),
  'servers-failed': failed(
    'servers',
    (calls: number, reason: string) => `Of ${calls} equal calls, one failed: ${reason}`,
    SHARE,
  ),
  'replay-ok': ok('replay', (copies: number) => `${copies} copies of a message were rejected.`),
  'replay-accepted': failed(
    'replay',
    'A copy of a message was accepted: someone who recorded it can repeat the call.',
    SHARE,
  ),
  'path-encoding-ok': ok('path-encoding', 'Paths arrive as they were sent, percent-encoding included.'),
  'path-encoding-changed': failed(
    'path-encoding',
    'A path with percent-encoding (%2F) does not arrive as it was sent: the proxy decodes it.',
    'Have the proxy pass on the raw path (nginx: proxy_pass without a path, not even a slash).',
  ),
  'headers-ok': ok(
    'headers',
    (length: number) => `A query of ${length} characters arrives, in the header E2e-Request.`,
  ),
  'headers-refused': failed(
    'headers',
    (status: number | 'no response') =>
      `A long header E2e-Request, which carries the sealed query of a GET, is rejected (${status}).`,
    'Allow header fields of 16 KiB (nginx: large_client_header_buffers 4 16k; Node: --max-http-header-size).',
  ),
  'body-limit-ok': ok('body-limit', (size: number) => `Bodies of ${size / 1024} KiB reach the application.`),
  'body-limit-low': failed(
    'body-limit',
    (size: number, how: string) => `A body of ${size / 1024} KiB does not reach the application (${how}).`,
    'Raise the limit of the proxy to twice "maxBodySize" or more (nginx: client_max_body_size).',
  ),
  // Some proxies give up when the response comes before they have sent all of the body.
  'body-limit-unknown': note(
    'body-limit',
    (size: number, how: string) => `A body of ${size / 1024} KiB was not answered (${how}).`,
    'If uploads or long forms fail, look at the limits and timeouts of the proxy for bodies.',
  ),
  'upload-ok': ok('upload', 'A body reaches the application while it is being sent.'),
  'upload-held': note(
    'upload',
    'The proxy collects a body before the application gets any of it: uploads fill its disk, and those slower than "maxUploadTime" are rejected.',
    'For uploads, turn off the buffering of requests (nginx: proxy_request_buffering off, proxy_http_version 1.1).',
  ),
  'upload-unknown': note(
    'upload',
    (how: string) => `A body that was sent in two parts was not answered (${how}).`,
    'If uploads fail, look at the limits and timeouts of the proxy for bodies.',
  ),
} as const;

export const CATALOGUE = { ...HANDSHAKE, ...AROUND, ...WIRE };
export type FindingId = keyof typeof CATALOGUE;
