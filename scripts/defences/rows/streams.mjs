// Bodies in frames (PROTOCOL §6).
import { row } from '../row.mjs';

const SPLICING = 'test/security/attack/stream-splicing.spec.ts';
const SOCKET_HEADS = 'test/integration/streams/socket-heads.spec.ts';
const FLOW = 'test/integration/streams/flow.spec.ts';
const UNFILTERED = 'test/integration/streams/unfiltered.spec.ts';
const HELD = 'test/integration/streams/held.spec.ts';
const READ_ON = 'test/integration/streams/read-on.spec.ts';
const AROUND = 'test/integration/streams/around.spec.ts';
const LIMITS = 'test/integration/streams/upload-limits.spec.ts';
const ENDS = 'test/integration/streams/ends.spec.ts';
const LATE = 'test/integration/streams/late-streams.spec.ts';
const TIME = 'test/integration/streams/upload-time.spec.ts';
const REFUSALS = 'test/integration/streams/upload-refusals.spec.ts';
const COLLECTED = 'test/integration/streams/collected.spec.ts';
const DIFFERENCES = 'test/integration/parity/request-differences.spec.ts';

export const streams = [
  row('a frame has one of three kinds', SPLICING, 'upload.*X25519.*odd kind', [
    'src/protocol/frames.ts',
    'kind > FRAME_KIND.failed || ',
    '',
  ]),
  row("a socket's head does not open over HTTP", SOCKET_HEADS, 'express.*in a body of its own', [
    'src/channel/message-reader.ts',
    'if (header.frames !== FRAMES[place]) throw',
    "if (header.frames !== FRAMES[place] && header.frames !== 'socket') throw",
  ]),
  row('an aborted stream has failed', SPLICING, 'answer on X25519, web.*gave up', [
    'src/protocol/frames.ts',
    "if (kind === FRAME_KIND.failed) throw new StreamError(plaintextLength === 0 ? 'stream-failed' : 'stream-broken');",
    '',
  ]),
  row('a rejected upload is read on before its connection closes', REFUSALS, 'is read on before', [
    'src/nest/request/linger.ts',
    '(stream ?? response).prependOnceListener(',
    '(stream ?? response).once(',
  ]),
  row('an upload ends with its connection', REFUSALS, 'express.*goes away', [
    'src/nest/request/framed-body.ts',
    "if (request.httpVersionMajor === 1) socket.once('close', cutOff);",
    '',
  ]),
  row('JSON in frames is UTF-8', DIFFERENCES, 'express.*not UTF-8', [
    'src/nest/exchange/plain-request.ts',
    '!(framed ? framed.isUtf8 : isUtf8(plaintext))',
    '!(framed ?? isUtf8(plaintext))',
  ]),
  row('an early response closes its connection', REFUSALS, 'express.*ends its connection', [
    'src/nest/exchange/answer-sealer.ts',
    "const BODY_LEFT = { Connection: 'close' } as const;",
    'const BODY_LEFT = {} as const;',
  ]),
  row('a collected response has the length that it announced', COLLECTED, 'cuts a collected answer', [
    'src/nest/request/response-methods.ts',
    'return said === undefined || Number(said) === length;',
    'return true;',
  ]),
  row('a collected response whose source failed is not complete', COLLECTED, 'whose source failed', [
    'src/nest/request/response-capture.ts',
    '(!this.#sources.haveFailed && hasItsLength(',
    '(hasItsLength(',
  ]),
  row('on Fastify, the module rejects a body over the limit', DIFFERENCES, 'fastify.*The limit', [
    'src/nest/platform/platform.fastify.ts',
    'if (code === TOO_LARGE && openedMessageOf(request)) hooks.refuseLarge(request, reply);',
    '',
  ]),
  row('a stream ends with its session, whichever server ends the session', ENDS, 'express.*another one soon', [
    'src/nest/keys/running-streams.ts',
    "if (mayGoOn === false || (mayGoOn === undefined && stream.isDoubtful)) this.#fail(stream, 'session');",
    '',
  ]),
  row(
    'a stream ends with the session put in place of its own, by any server',
    LATE,
    'express.*another server revokes',
    [
      'src/nest/keys/running-streams.ts',
      'return moved?.session !== id || moved.epoch === undefined || moved.epoch === epoch;',
      'return true;',
    ],
  ),
  row(
    'a stream whose request logged in ends when its new session is revoked',
    ENDS,
    'express.*before the first check',
    ['src/nest/keys/carrier.ts', 'state.home = { session: after.ref.id, epoch: record.epoch };', ''],
  ),
  row(
    'a stream of a revoked session does not go on in the one put in its place',
    LATE,
    'express.*unless another server has revoked',
    [
      'src/nest/keys/carrier.ts',
      'if (state.home?.session === ref.id && state.home.epoch !== old?.epoch) {',
      'if (!ref) {',
    ],
  ),
  row('a response in frames ends with its session', ENDS, 'express.*another one soon', [
    'src/nest/exchange/answer-supervision.ts',
    'fail: () => stream.fail() });',
    'fail: () => undefined });',
  ]),
  row('a response is not ended as complete if its handler throws after writing', FLOW, 'express.*a filter ends what', [
    'src/nest/exchange/e2e.interceptor.ts',
    'error: () => noteFailure(response)',
    'error: () => undefined',
  ]),
  row('no error is appended to a collected response', UNFILTERED, 'express.*adds no error.*/fails', [
    'src/nest/module/e2e.module.ts',
    '    noteFailures();\n',
    '',
  ]),
  row("the module's interceptor runs before filters of a single route", UNFILTERED, 'one route.*express.*has one', [
    'src/nest/module/e2e.module.ts',
    'return hasGlobal || this.table.haveFilters;',
    'return hasGlobal;',
  ]),
  row('Nest cannot end a failed response as complete', FLOW, 'express.*where the handler throws', [
    'src/nest/request/response-capture.ts',
    'if (this.#hasFailed || this.#sources.haveFailed) this.#stream!.fail();',
    'if (this.#sources.haveFailed) this.#stream!.fail();',
  ]),
  row('a failed piped source does not complete its response', FLOW, 'express.*a piped source fails', [
    'src/nest/request/response-capture.ts',
    'if (this.#hasFailed || this.#sources.haveFailed) this.#stream!.fail();',
    'if (this.#hasFailed) this.#stream!.fail();',
  ]),
  row('a response has as many bytes as it announced', FLOW, 'express.*fewer bytes than', [
    'src/nest/request/frame-writer.ts',
    'if (this.#length !== undefined && this.#bytes < this.#length) throw new WrongLengthError();',
    '',
  ]),
  row('the buffer of one echo is limited', FLOW, 'express.*more than 16 MiB', [
    'src/nest/request/held-bytes.ts',
    'if (bytes > MAX_EACH) this.#cut(holder);',
    '',
  ]),
  row('the buffer of all echoes together is limited', HELD, 'express.*is bounded', [
    'src/nest/request/held-bytes.ts',
    'while (this.#total > this.max) this.#cut(this.#largest);',
    '',
  ]),
  row('buffered bytes are released', HELD, 'express.*given back', [
    'src/nest/request/response-capture.ts',
    'this.#options.held.release(this.#door);',
    '',
  ]),
  row('a success waits for at most 16 MiB of an unread body', READ_ON, 'express.*16 MiB.*a success', [
    'src/nest/request/framed-body.ts',
    'onDiscard = (bytes) => ((left -= bytes) < 0 ? resolve() : undefined);',
    'void left;',
  ]),
  row("a success waits at most 10 s for its request's body", READ_ON, 'express.*10 s.*a success', [
    'src/nest/request/framed-body.ts',
    'timer = setTimeout(resolve, LINGER_MS);',
    'timer = setTimeout(() => undefined, LINGER_MS);',
  ]),
  row('the limits cover bytes before and after the response together', READ_ON, 'express.*10 s.*a success', [
    'src/nest/exchange/request-body.ts',
    '() => framed.isGivenUp',
    '() => false',
  ]),
  row('an HTTP/2 stream is read on after a refusal, then reset', READ_ON, 'HTTP/2.*16 MiB.*a refusal', [
    'src/nest/request/linger.ts',
    '(stream ?? response).prependOnceListener(',
    'response.prependOnceListener(',
  ]),
  row('the rest of a broken body is read for at most 10 s', READ_ON, 'express.*10 s.*a broken body', [
    'src/nest/request/linger.ts',
    'const timer = setTimeout(giveUp, LINGER_MS).unref();',
    'const timer = setTimeout(() => undefined, LINGER_MS).unref();',
  ]),
  row('no middleware can duplicate a frame', AROUND, 'express.*writes twice', [
    'src/nest/request/response-door.ts',
    'this.#inFlight = before;',
    '',
  ]),
  row('no middleware can change a frame', AROUND, 'express.*changes a byte', [
    'src/nest/request/expected-bytes.ts',
    'if (next !== rest && Buffer.compare(next.subarray(0, length), rest.subarray(0, length)) !== 0) return false;',
    '',
  ]),
  row('a stream ends when the application closes', ENDS, 'express.*application closes', [
    'src/nest/keys/running-streams.ts',
    "streams.filter((each) => this.#running.has(each)).forEach((each) => this.#fail(each, 'closing'))",
    'undefined',
  ]),
  row(
    'the head of an upload is fresh when it is complete',
    'test/integration/e2e/slow-bodies.spec.ts',
    'time for uploads',
    ['src/channel/channels.ts', 'return age + transit >', 'return age >'],
  ),
  row('an upload ends by the clock that the servers share', TIME, 'express.*-1000 seconds', [
    'src/channel/clock.ts',
    'seconds * 1000 - (Date.now() + this.#offset)',
    'seconds * 1000 - Date.now()',
  ]),
  row("an upload is limited by its route's limit", LIMITS, 'express.*less: 1000', [
    'src/nest/exchange/exchange.ts',
    'if (problem) throw this.refuse(request, response, problem);',
    'void problem;',
  ]),
];
