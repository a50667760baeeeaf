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
const REFUSALS = 'test/integration/streams/upload-refusals.spec.ts';
const COLLECTED = 'test/integration/streams/collected.spec.ts';
const DIFFERENCES = 'test/integration/parity/request-differences.spec.ts';

export const streams = [
  row('a frame has one of three kinds', SPLICING, 'upload.*X25519.*odd kind', [
    'src/protocol/frames.ts',
    'kind > FRAME_KIND.failed || ',
    '',
  ]),
  row('a head of a socket opens nothing over HTTP', SOCKET_HEADS, 'express.*in a body of its own', [
    'src/channel/channels.ts',
    'if (header.frames !== FRAMES[place]) throw',
    "if (header.frames !== FRAMES[place] && header.frames !== 'socket') throw",
  ]),
  row('a stream that was given up has failed', SPLICING, 'answer on X25519, web.*gave up', [
    'src/protocol/frames.ts',
    "if (kind === FRAME_KIND.failed) throw new StreamError(plaintextLength === 0 ? 'stream-failed' : 'stream-broken');",
    '',
  ]),
  row('a refused upload is read on before its connection closes', REFUSALS, 'express.*is read on', [
    'src/nest/request/linger.ts',
    '(stream ?? response).prependOnceListener(',
    '(stream ?? response).once(',
  ]),
  row('an upload is let go with its connection', REFUSALS, 'express.*goes away', [
    'src/nest/request/framed-body.ts',
    "if (request.httpVersionMajor === 1) socket.once('close', cutOff);",
    '',
  ]),
  row('JSON in frames is UTF-8', DIFFERENCES, 'express.*not UTF-8', [
    'src/nest/exchange/plain-request.ts',
    '!(framed ? framed.isUtf8 : isUtf8(plaintext))',
    '!(framed ?? isUtf8(plaintext))',
  ]),
  row('an early answer closes its connection', REFUSALS, 'express.*ends its connection', [
    'src/nest/exchange/answer-sealer.ts',
    "const BODY_LEFT = { Connection: 'close' } as const;",
    'const BODY_LEFT = {} as const;',
  ]),
  row('a collected answer is as long as it said', COLLECTED, 'cuts a collected answer', [
    'src/nest/request/response-methods.ts',
    'return said === undefined || Number(said) === length;',
    'return true;',
  ]),
  row('a collected answer is not whole where its source failed', COLLECTED, 'whose source failed', [
    'src/nest/request/response-capture.ts',
    '(!this.#sources.haveFailed && hasItsLength(',
    '(hasItsLength(',
  ]),
  row('on Fastify a body over the limit is refused by the module', DIFFERENCES, 'fastify.*The limit', [
    'src/nest/platform/platform.fastify.ts',
    'if (code === TOO_LARGE && openedMessageOf(request)) hooks.refuseLarge(request, reply);',
    '',
  ]),
  row('a stream ends with its session, whichever server ended that', ENDS, 'express.*another one soon', [
    'src/nest/keys/running-streams.ts',
    "if (mayGoOn === false || (mayGoOn === undefined && stream.isDoubtful)) this.#fail(stream, 'session');",
    '',
  ]),
  row('an answer in frames is among the streams that end', ENDS, 'express.*another one soon', [
    'src/nest/exchange/answer-supervision.ts',
    'fail: () => stream.fail() });',
    'fail: () => undefined });',
  ]),
  row('a handler that throws after it wrote ends nothing', FLOW, 'express.*a filter ends what', [
    'src/nest/exchange/e2e.interceptor.ts',
    'error: () => noteFailure(response)',
    'error: () => undefined',
  ]),
  row('an error is added to nothing that was collected', UNFILTERED, 'express.*adds no error.*/fails', [
    'src/nest/module/e2e.module.ts',
    '    noteFailures();\n',
    '',
  ]),
  row('filters of one route have our interceptor before them', UNFILTERED, 'express.*one route.*has one', [
    'src/nest/module/e2e.module.ts',
    'return hasGlobal || this.table.haveFilters;',
    'return hasGlobal;',
  ]),
  row('Nest ends no answer that failed as if it were whole', FLOW, 'express.*where the handler throws', [
    'src/nest/request/response-capture.ts',
    'if (this.#hasFailed || this.#sources.haveFailed) this.#stream!.fail();',
    'if (this.#sources.haveFailed) this.#stream!.fail();',
  ]),
  row('a piped source that failed ends nothing', FLOW, 'express.*a piped source fails', [
    'src/nest/request/response-capture.ts',
    'if (this.#hasFailed || this.#sources.haveFailed) this.#stream!.fail();',
    'if (this.#hasFailed) this.#stream!.fail();',
  ]),
  row('an answer has as many bytes as it says', FLOW, 'express.*fewer bytes than', [
    'src/nest/request/frame-writer.ts',
    'if (this.#length !== undefined && this.#bytes < this.#length) throw new WrongLengthError();',
    '',
  ]),
  row('an echo is held within a bound', FLOW, 'express.*more than 16 MiB', [
    'src/nest/request/held-bytes.ts',
    'if (bytes > MAX_EACH) this.#cut(holder);',
    '',
  ]),
  row('all echoes together are held within a bound', HELD, 'express.*is bounded', [
    'src/nest/request/held-bytes.ts',
    'while (this.#total > this.max) this.#cut(this.#largest);',
    '',
  ]),
  row('what is held is given back', HELD, 'express.*given back', [
    'src/nest/request/response-capture.ts',
    'this.#options.held.release(this.#door);',
    '',
  ]),
  row('a success waits for 16 MiB of a body that nobody reads, and no more', READ_ON, 'express.*16 MiB.*a success', [
    'src/nest/request/framed-body.ts',
    'onDiscard = (bytes) => ((left -= bytes) < 0 ? resolve() : undefined);',
    'void left;',
  ]),
  row('a success waits 10 s for its body, and no longer', READ_ON, 'express.*10 s.*a success', [
    'src/nest/request/framed-body.ts',
    'timer = setTimeout(resolve, LINGER_MS);',
    'timer = setTimeout(() => undefined, LINGER_MS);',
  ]),
  row('the bounds hold for what comes before and after the answer together', READ_ON, 'express.*10 s.*a success', [
    'src/nest/exchange/request-body.ts',
    '() => framed.isGivenUp',
    '() => false',
  ]),
  row('an HTTP/2 stream is read on after a refusal, and reset', READ_ON, 'HTTP/2.*16 MiB.*a refusal', [
    'src/nest/request/linger.ts',
    '(stream ?? response).prependOnceListener(',
    'response.prependOnceListener(',
  ]),
  row('what a broken body goes on with is read 10 s, and no longer', READ_ON, 'express.*10 s.*a broken body', [
    'src/nest/request/linger.ts',
    'const timer = setTimeout(giveUp, LINGER_MS).unref();',
    'const timer = setTimeout(() => undefined, LINGER_MS).unref();',
  ]),
  row('no middleware doubles a frame', AROUND, 'express.*writes twice', [
    'src/nest/request/response-door.ts',
    'this.#inFlight = before;',
    '',
  ]),
  row('no middleware changes a frame', AROUND, 'express.*changes a byte', [
    'src/nest/request/expected-bytes.ts',
    'if (next !== rest && Buffer.compare(next.subarray(0, length), rest.subarray(0, length)) !== 0) return false;',
    '',
  ]),
  row('a stream ends when the application closes', ENDS, 'express.*application closes', [
    'src/nest/keys/running-streams.ts',
    "streams.filter((each) => this.#running.has(each)).forEach((each) => this.#fail(each, 'closing'))",
    'undefined',
  ]),
  row('an upload is held to the limit of its route', LIMITS, 'express.*less: 1000', [
    'src/nest/exchange/exchange.ts',
    'if (problem) throw this.refuse(request, response, problem);',
    'void problem;',
  ]),
];
