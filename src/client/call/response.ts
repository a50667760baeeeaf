import { fromAscii } from '../../protocol/json.js';
import {
  essence,
  FIELDS_HEADER,
  MESSAGE_MEDIA_TYPE,
  PROBLEM_MEDIA_TYPE,
  STREAM_MEDIA_TYPE,
} from '../../protocol/media-type.js';
import { throwIfAborted } from '../abort.js';
import { failure, need } from '../errors.js';
import type * as FieldsPart from '../fields/fields.js';
import type { Settings } from '../options.js';
import type * as StreamsPart from '../stream/answer-stream.js';
import type { CallResult, SentRequest } from './answer.js';
import { readBytes } from './bytes.js';
import { tooEarly, tooLarge, toResult, unopened } from './opened.js';
import { answerFacts, readPlainAnswer, readProblem, requestFacts } from './plain.js';
import { hasStreams, toReadable, type Readable } from './readable.js';

/** Opens the response to a request. Anything but its own sealed response is an error, and never data. */
export async function readAnswer(wire: Response, sent: SentRequest, settings: Settings): Promise<CallResult> {
  const type = essence(wire.headers.get('content-type') ?? '');
  if (type === STREAM_MEDIA_TYPE) {
    return (await need<typeof StreamsPart>('streams')).readStream(wire, sent, settings);
  }
  if (type === MESSAGE_MEDIA_TYPE) return readMessage(wire, sent, settings);
  if (sent.ticket !== undefined && wire.headers.has(FIELDS_HEADER)) {
    return (await need<typeof FieldsPart>('fields')).readFields(wire, sent, settings);
  }
  return readPlainAnswer(wire, type, sent, settings);
}

async function readMessage(
  wire: Response,
  sent: SentRequest,
  { maxResponseSize, sealedResponseHeaders }: Settings,
): Promise<CallResult> {
  const { channel, seq } = sent.claim;
  const { request } = sent;
  const bytes = await readBytes(wire, maxResponseSize);
  if (!bytes) return tooLarge(maxResponseSize);
  const opened = await channel.open(seq, fromAscii(bytes));
  if (!opened || opened.header.fields !== undefined) return unopened(request);
  const early = await tooEarly(opened.header);
  if (early) return early;
  const { status, cty } = opened.header;
  const problem = essence(cty ?? '') === PROBLEM_MEDIA_TYPE ? readProblem(opened.plaintext) : undefined;
  if (problem) {
    // Not a response of the application, whose caller would mistake the status for the application's.
    const facts = { ...answerFacts(wire, problem), ...requestFacts(sent), status };
    return { sealed: true, problem, error: await failure('refused', 'sealedRefusal', facts) };
  }
  const { length } = opened.plaintext;
  if (length > 0) request.onProgress?.({ direction: 'download', loaded: length, total: length });
  const body = untilAborted(opened.plaintext as Uint8Array<ArrayBuffer>, request.signal);
  return toResult(wire, opened, body, length, sealedResponseHeaders);
}

/** A complete body that, as with `fetch`, cannot be read after its call was aborted. */
function untilAborted(
  bytes: Uint8Array<ArrayBuffer>,
  signal: AbortSignal | undefined,
): Uint8Array<ArrayBuffer> | Readable {
  if (!signal || bytes.length === 0 || !hasStreams()) return bytes;
  let rest: Uint8Array<ArrayBuffer> | undefined = bytes;
  return toReadable(() => {
    throwIfAborted(signal);
    const piece = rest;
    rest = undefined;
    return Promise.resolve(piece);
  });
}
