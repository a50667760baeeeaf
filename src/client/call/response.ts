import { throwIfAborted } from '../abort.js';
import { fromAscii } from '../../protocol/json.js';
import {
  essence,
  FIELDS_HEADER,
  MESSAGE_MEDIA_TYPE,
  PROBLEM_MEDIA_TYPE,
  STREAM_MEDIA_TYPE,
} from '../../protocol/media-type.js';
import type { CallResult } from './answer.js';
import { BODY_DESCRIPTIONS, DEFAULT_RESPONSE_HEADERS, LOCATION } from '../../protocol/sealed-headers.js';
import type { Channel, OpenedAnswer } from '../channel/channel.js';
import type { Settings } from '../options.js';
import { failure, need } from '../errors.js';
import { collect, readBytes } from './bytes.js';
import { namesOutside } from './inside.js';
import { answerFacts, readPlainAnswer, readProblem, type Standing } from './plain.js';
import { hasStreams, nameFailure, responseOf, toReadable, type Readable } from './readable.js';
import type { OutgoingRequest } from './request.js';
import type * as FieldsPart from '../fields/fields.js';
import type * as StreamsPart from '../stream/answer-stream.js';

const REDIRECTS = [301, 302, 303, 307, 308];
const BODILESS = [204, 205, 304];
/** A server that has not read the whole body may only reject the request (PROTOCOL §6). */
const FIRST_REFUSAL = 400;
/**
 * Fields that belong to the wire, or would contradict the message's header. Fields that describe a body are dropped
 * too.
 */
const WIRE_HEADERS = [
  'accept-ranges',
  'connection',
  'content-length',
  'content-type',
  FIELDS_HEADER,
  'etag',
  'keep-alive',
  'last-modified',
  'transfer-encoding',
];

/** Opens the response to the message `seq`. Anything but its own sealed response is an error, and never data. */
export async function readAnswer(
  wire: Response,
  channel: Channel,
  seq: number,
  request: OutgoingRequest,
  settings: Settings,
  standing: Standing,
): Promise<CallResult> {
  const { maxResponseSize: limit, sealedResponseHeaders } = settings;
  const type = essence(wire.headers.get('content-type') ?? '');
  if (type === STREAM_MEDIA_TYPE) return readStream(wire, channel, seq, request, settings);
  const ticket = standing.ticket === undefined ? null : wire.headers.get(FIELDS_HEADER);
  if (type !== MESSAGE_MEDIA_TYPE && ticket !== null) {
    return readFields(wire, channel, seq, request, settings, { own: standing.ticket!, ticket });
  }
  if (type !== MESSAGE_MEDIA_TYPE) {
    const isProblem = type === PROBLEM_MEDIA_TYPE;
    const body = isProblem ? await readBytes(wire, limit) : undefined;
    return readPlainAnswer(wire, isProblem, body, request, standing);
  }

  const bytes = await readBytes(wire, limit);
  if (!bytes) return { error: await failure('answer-too-large', 'large', { limit }) };
  const opened = await channel.open(seq, fromAscii(bytes));
  if (!opened || opened.header.fields !== undefined) return unopened(request);
  const { status, cty, early } = opened.header;
  if (early && status < FIRST_REFUSAL) return { sealed: true, error: await failure('stream-broken', 'early') };
  const problem = essence(cty ?? '') === PROBLEM_MEDIA_TYPE ? readProblem(opened.plaintext) : undefined;
  if (problem) {
    // Not a response of the application, whose caller would mistake the status for the application's.
    const { method, url } = request;
    const facts = { ...answerFacts(wire, problem), status, method, path: url.pathname, ...standing };
    return { sealed: true, problem, error: await failure('refused', 'sealedRefusal', facts) };
  }
  const { length } = opened.plaintext;
  if (length > 0) request.onProgress?.({ direction: 'download', loaded: length, total: length });
  const body = untilAborted(opened.plaintext as Uint8Array<ArrayBuffer>, request.signal);
  return answer(wire, opened, body, length, sealedResponseHeaders);
}

/** A plain body with a ticket that authenticates its status and its sealed fields. */
async function readFields(
  wire: Response,
  channel: Channel,
  seq: number,
  request: OutgoingRequest,
  { maxResponseSize: limit, sealedResponseHeaders }: Settings,
  { own, ticket }: { own: string; ticket: string },
): Promise<CallResult> {
  const { openFields } = await need<typeof FieldsPart>('fields');
  const bytes = await readBytes(wire, limit);
  if (!bytes) return { error: await failure('answer-too-large', 'large', { limit }) };
  const mediaType = wire.headers.get('content-type') ?? '';
  const answerFields = request.e2e.answerFields ?? [];
  const from = { ticket, status: wire.status, mediaType, body: bytes };
  const found = await openFields(channel, seq, { ticket: own, answerFields }, from);
  if (!found) return unopened(request);
  return answer(wire, found.opened, found.body, found.body.length, sealedResponseHeaders);
}

/** A response in frames: returned with its head, and read as its caller reads it. */
async function readStream(
  wire: Response,
  channel: Channel,
  seq: number,
  request: OutgoingRequest,
  { maxResponseSize: limit, sealedResponseHeaders }: Settings,
): Promise<CallResult> {
  const { openAnswerStream } = await need<typeof StreamsPart>('streams');
  const stream = await openAnswerStream(wire, channel, seq, request.signal, (loaded, total) =>
    request.onProgress?.({ direction: 'download', loaded, total }),
  );
  if (!stream) return unopened(request);
  const { opened } = stream;
  const { status, early } = opened.header;
  if (early && status < FIRST_REFUSAL) {
    stream.cancel();
    return { sealed: true, error: await failure('stream-broken', 'early') };
  }
  const body = hasStreams()
    ? toReadable(async () => (await stream.body.next()).value ?? undefined, stream.cancel)
    : await collect(stream.body, limit);
  if (!body) return { error: await failure('answer-too-large', 'large', { limit }) };
  return answer(wire, opened, body, opened.header.length, sealedResponseHeaders);
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

async function answer(
  wire: Response,
  opened: OpenedAnswer,
  body: Uint8Array<ArrayBuffer> | Readable,
  length: number | undefined,
  sealedResponseHeaders: readonly string[],
): Promise<CallResult> {
  const { status } = opened.header;
  const headers = await readHeaders(wire, opened, sealedResponseHeaders);
  const isBodiless = BODILESS.includes(status);
  if (length !== undefined && !isBodiless) headers.set('content-length', String(length));
  const init = { status, statusText: wire.status === status ? wire.statusText : '', headers };
  const isStream = 'stream' in body && !isBodiless;
  return {
    response: isStream
      ? nameFailure(new Response(body.stream, init), body.failure)
      : responseOf(isBodiless ? null : (body as Uint8Array<ArrayBuffer>), init),
    type: wire.type,
    sealed: true,
    location: REDIRECTS.includes(status) ? (headers.get(LOCATION) ?? undefined) : undefined,
  };
}

async function unopened({ method, url }: OutgoingRequest): Promise<CallResult> {
  return { error: await failure('answer-rejected', 'unopened', { method, path: url.pathname }) };
}

/** The response's own header fields (PROTOCOL §4): some only from inside, the rest from outside. */
async function readHeaders(
  wire: Response,
  { header: { cty }, meta: { headers: fields = [] } }: OpenedAnswer,
  sealed: readonly string[],
): Promise<Headers> {
  const headers = new Headers(wire.headers);
  const inside = [LOCATION, ...DEFAULT_RESPONSE_HEADERS, ...sealed];
  for (const name of [...WIRE_HEADERS, ...BODY_DESCRIPTIONS, ...inside]) headers.delete(name);
  const ignored = await namesOutside(fields.map(([name]) => name));
  for (const [name, value] of fields) if (!ignored.includes(name)) headers.set(name, value);
  if (cty !== undefined) headers.set('content-type', cty);
  return headers;
}
