// The client: what it keeps, what it takes for an answer, and when it sends again.
import { row } from '../row.mjs';

const ABORT = 'test/unit/client/abort.spec.ts';
const STREAMS = 'test/unit/client/answer-streams.spec.ts';
const ANSWERS = 'test/unit/client/answers.spec.ts';
const RESEND = 'test/unit/client/resend.spec.ts';
const COOKIES = 'test/unit/client/cookies.spec.ts';
const FETCH = 'test/unit/client/fetch.spec.ts';
const UPLOADS = 'test/unit/client/uploads.spec.ts';
const EVENTS = 'test/integration/streams/event-source.spec.ts';
const HANDSHAKE = 'test/unit/client/handshake.spec.ts';

export const client = [
  row('an event source sends its last event id sealed or not at all', EVENTS, 'express.*no id in the clear', [
    'src/client/events/connection.ts',
    "if (!controls.sealsEventId) controls.end(await failure('invalid-option', 'eventId'));",
    '',
  ]),
  row('a network failure does not turn streams off', UPLOADS, 'goes on with streams', [
    'src/client/upload/upload.ts',
    'if (mayStream && !takeStreams.has(settings)) takeStreams.set(settings, false);',
    'takeStreams.set(settings, false);',
  ]),
  row('a partly read stream is not sent another way', UPLOADS, 'fails after it was read', [
    'src/client/upload/upload.ts',
    'if (seen.hasBegun || ',
    'if (',
  ]),
  row('a fetch that turns streams into strings gets the body from memory', UPLOADS, 'gets the same bytes from memory', [
    'src/client/upload/upload.ts',
    'send(Object.assign(stream, { toString }), {',
    'send(stream, {',
  ]),
  row("a client's body has the length that its head says", UPLOADS, 'of another length than it says', [
    'src/client/upload/frames.ts',
    'if (length !== undefined && loaded !== length) throw',
    'if (false) throw',
  ]),
  row("a client's body that cannot be read is aborted, not ended", UPLOADS, 'its error is the cause', [
    'src/client/upload/upload.ts',
    'yield await frames.seal(FRAME_KIND.failed, new Uint8Array(0));',
    'yield await frames.seal(FRAME_KIND.last, new Uint8Array(0));',
  ]),
  row("a client's body that is a stream is not resent", UPLOADS, 'where it is a stream, and the error', [
    'src/client/call/exchange.ts',
    'isResendable(request, settings) && isRepeatable(request);',
    'isResendable(request, settings);',
  ]),
  row("a success before the request's end is an error (one message)", UPLOADS, 'all is well: 200', [
    'src/client/call/response.ts',
    '  if (early) return early;\n',
    '',
  ]),
  row("a success before the request's end is an error (frames)", UPLOADS, 'redirects, or streams', [
    'src/client/stream/answer-stream.ts',
    '  if (early) {\n',
    '  if (false) {\n',
  ]),
  row('an event source stops on 204 and on other media types', EVENTS, 'express.*stops on 204', [
    'src/client/events/connection.ts',
    "  'no-event-stream',\n",
    '',
  ]),
  row('a response without a last frame is incomplete', STREAMS, 'no last frame|no frame at all', [
    'src/client/stream/answer-stream.ts',
    '    opener.end();\n',
    '',
  ]),
  row('a cut connection gives stream-broken', STREAMS, 'cut by the connection', [
    'src/client/stream/answer-stream.ts',
    'throw streamError(error);',
    'if (error instanceof StreamError) throw streamError(error);',
  ]),
  row('the head of a response in frames is limited', STREAMS, 'too long, or never ends', [
    'src/client/stream/answer-stream.ts',
    'if (end > MAX_HEAD_BYTES || (end < 0 && longer.length > MAX_HEAD_BYTES)) return undefined;',
    '',
  ]),
  row('a response frame that does not open breaks the response', STREAMS, 'any bit of a byte', [
    'src/client/channel/frames.ts',
    "if (!plaintext) throw new StreamError('stream-broken');",
    'if (!plaintext) continue;',
  ]),
  row("the module's sealed refusals reject the call", ANSWERS, 'refusal by the server’s module', [
    'src/client/call/response.ts',
    '  if (problem) {',
    "  if (problem === 'key-rejected') {",
  ]),
  row(
    'a refusal with a problem is an error even if a plain response is expected',
    ANSWERS,
    'one of the protocol’s problems',
    ['src/client/call/plain.ts', 'if (plainAnswer && body && !problem) {', 'if (plainAnswer && body) {'],
  ),
  row('protective options must have a value', FETCH, 'options that are not', [
    'src/client/options.ts',
    'else if (PROTECTIVE.has(name)) throw invalid(name, `is ${value as null}: set a value, or leave the option out`);',
    '',
  ]),
  row('an unknown option of the client is an error', FETCH, 'options that are not', [
    'src/client/options.ts',
    "if (!Object.hasOwn(DEFAULTS, name)) throw invalid(name, 'is not an option of createE2eClient');",
    '',
  ]),
  row('pins must be keys or thumbprints', FETCH, 'options that are not', [
    'src/client/options.ts',
    'if (identityKeys !== undefined && !arePins(identityKeys)) {',
    'if (identityKeys !== undefined && !Array.isArray(identityKeys)) {',
  ]),
  row('the client stores no cookie of a foreign domain', COOKIES, '', [
    'src/client/call/cookies.ts',
    "!url.hostname.endsWith(`.${domain}`)) return 'foreign';",
    "!url.hostname.endsWith(domain)) return 'foreign';",
  ]),
  row('the client sends a cookie only under its path', COOKIES, '', [
    'src/client/call/cookies.ts',
    "return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`);",
    'return pathname.startsWith(path);',
  ]),
  row('the client removes expired cookies', COOKIES, '', [
    'src/client/call/cookies.ts',
    'else this.#cookies.delete(key);',
    '',
  ]),
  row('a request carries one message, whatever headers the caller sets', FETCH, 'one message', [
    'src/client/call/seal.ts',
    'headers.delete(REQUEST_HEADER);',
    '',
  ]),
  row('a sealed query is not in the URL', FETCH, 'hides the query', [
    'src/client/call/seal.ts',
    "if (query !== undefined) url.search = '';",
    '',
  ]),
  row('a sealed header field is not sent outside the message', FETCH, 'seals the header fields', [
    'src/client/call/seal.ts',
    '    headers.delete(name);\n    return value === null',
    '    return value === null',
  ]),
  row('header fields of a gateway cannot be sealed by the client', FETCH, 'never travels inside', [
    'src/client/call/seal.ts',
    'if (outside !== undefined) throw',
    "if (outside === 'never') throw",
  ]),
  row('a client sends nothing to another origin', FETCH, 'refused before anything', [
    'src/client/call/request.ts',
    'if (url.origin !== settings.base.origin) {',
    'if (url.origin === settings.base.href) {',
  ]),
  row('a sealed request is not sealed again', FETCH, 'has sealed already', [
    'src/client/call/request.ts',
    "if (url.href === settings.at('handshake')) throw await unsupported('twice');",
    '',
  ]),
  row('a channel is replaced before it ends', RESEND, 'is replaced before', [
    'src/client/channel/channel.ts',
    'if (this.#now() >= this.#renewAt || this.#seq >= MAX_MESSAGES_PER_CHANNEL) return undefined;',
    'if (this.#seq >= MAX_MESSAGES_PER_CHANNEL) return undefined;',
  ]),
  row("a request is not resent after its first copy's channel has ended", RESEND, 'ends during', [
    'src/client/channel/attempts.ts',
    'if (isPast || firstChannel.isExpired) {',
    'if (!firstChannel) {',
  ]),
  row('nothing is sent once a call was aborted or the client closed', ABORT, 'made only then', [
    'src/client/call/wire.ts',
    'throwIfAborted(own.signal);',
    '',
  ]),
  row('a renewal opens a new channel', RESEND, 'explicit handshake', [
    'src/client/channel/channels.ts',
    'if (this.#latest) this.drop(this.#latest);',
    '',
  ]),
  row('the response to a handshake is limited', HANDSHAKE, 'never ends', [
    'src/client/handshake/ask.ts',
    'fits || type === PROBLEM_MEDIA_TYPE ? MAX_HANDSHAKE_BYTES : 0',
    'fits || type === PROBLEM_MEDIA_TYPE ? 2 ** 30 : 0',
  ]),
  row("a handshake's response must have its status and media type", HANDSHAKE, '', [
    'src/client/handshake/ask.ts',
    'const fits = response.status === expected && [JSON_MEDIA_TYPE, ...types].includes(type);',
    'const fits = response.ok;',
  ]),
];
