import { STATUS_CODES, type OutgoingHttpHeader } from 'node:http';
import type { OpenedMessage } from '../../channel/message.js';
import { nowInSeconds } from '../../channel/clock.js';
import { framesLength, MAX_FRAME_BYTES } from '../../protocol/frames.js';
import { joinJwe, type CompactJwe } from '../../protocol/jwe.js';
import { utf8 } from '../../protocol/json.js';
import {
  essence,
  EVENTS_MEDIA_TYPE,
  isJson,
  isMediaType,
  JSON_MEDIA_TYPE,
  OCTETS_MEDIA_TYPE,
  STREAM_MEDIA_TYPE,
} from '../../protocol/media-type.js';
import { FIELDS_HEADER, MAX_REQUEST_HEADER_BYTES, MESSAGE_MEDIA_TYPE } from '../../protocol/message.js';
import type { HeaderField } from '../../protocol/meta.js';
import { FrameWriter } from '../request/frame-writer.js';
import type { PlainAnswer, Sealed } from '../request/response-capture.js';
import type { WireAnswer } from '../request/response-door.js';
import type { WireStream } from '../request/response-stream.js';
import { NO_STORE } from './constant-answers.js';

const EMPTY = new Uint8Array(0);
const MESSAGE_HEADERS = { 'Content-Type': MESSAGE_MEDIA_TYPE, ...NO_STORE };
/**
 * Asks proxies to pass a stream on as it arrives: the first for nginx, the second by the draft "Incremental HTTP
 * Messages".
 */
const STREAM_HEADERS = {
  'Content-Type': STREAM_MEDIA_TYPE,
  ...NO_STORE,
  'X-Accel-Buffering': 'no',
  Incremental: '?1',
};

/**
 * A longer response leaves in frames, even if it is complete: this needs no base64 and no copy. Up to one full frame, the
 * second key of a stream costs more than base64, as measured (docs/performance.md).
 */
export const FRAMES_FROM_BYTES = MAX_FRAME_BYTES;

/** A longer message is written as bytes: as one string, it would be copied on the heap to be joined, and to be written. */
const BYTES_FROM = 16_384;

export interface SealingOptions {
  readonly padding: boolean;
  /** Whether the last frame of the request's body is not opened yet. */
  readonly isEarly: boolean;
  /** Names of response headers that travel inside, in lower case. */
  readonly sealedHeaders: readonly string[];
  /** For a request in fields (PROTOCOL §10): how many values of the response are sealed. */
  readonly fields?: number | undefined;
}

export interface SealedAnswer {
  readonly wire: Sealed;
  /** Why the application's response could not be sealed. `wire` is then a sealed error in its place. */
  readonly flaw?: string | undefined;
}

/**
 * Seals the application's response (PROTOCOL §4, §6). Its status, media type and location are inside, and nothing outside
 * reveals them. A complete response is one message, a response in pieces is a stream. A response that cannot be sealed
 * becomes a sealed error that says what to do.
 */
export function sealAnswer(message: OpenedMessage, answer: PlainAnswer, options: SealingOptions): SealedAnswer {
  const flaw = responseFlawOf(answer);
  if (flaw) return sealError(message, flaw, options);
  try {
    if (isInFields(answer, options)) {
      return { wire: answer.isPartial ? undefined : besideTicket(message, answer, options) };
    }
    if (goesInFrames(message, answer, options)) return { wire: sealedStream(message, answer, options) };
    const mustCollect = answer.isPartial && allowsBody(answer.status);
    return { wire: mustCollect ? undefined : sealedMessage(message, answer, options) };
  } catch (error) {
    if (error instanceof RangeError) return sealError(message, { status: 500, message: HEADERS }, options);
    throw error;
  }
}

function sealError(message: OpenedMessage, flaw: Flaw, options: SealingOptions): SealedAnswer {
  const { status } = flaw;
  const body = utf8(JSON.stringify({ statusCode: status, error: STATUS_CODES[status], message: flaw.message }));
  return {
    wire: sealedMessage(message, { status, headers: { 'content-type': JSON_MEDIA_TYPE }, body }, options),
    flaw: flaw.message,
  };
}

/** The plain way has no frames. Padded JSON stays in one message, where padding hides its length. */
function goesInFrames(
  { header }: OpenedMessage,
  { status, headers, body, isPartial = false }: PlainAnswer,
  { padding }: SealingOptions,
): boolean {
  if (header.alg !== 'dir' || !allowsBody(status)) return false;
  if (isPartial) return true;
  return body.length > FRAMES_FROM_BYTES && !(padding && isJson(headerText(headers['content-type']) ?? ''));
}

function sealedMessage(message: OpenedMessage, answer: PlainAnswer, options: SealingOptions): WireAnswer {
  const { status, headers, body } = answer;
  const plaintext = allowsBody(status) ? body : EMPTY;
  const { iat, early, headers: inside } = factsOf(answer, options);
  // Written out: for objects of many shapes, a spread takes as long as the cipher.
  const jwe = message.sealParts({
    status,
    iat,
    early,
    headers: inside,
    cty: plaintext.length > 0 ? mediaTypeOf(headers) : undefined,
    plaintext,
    padding: options.padding,
  });
  const onWire = wireStatus(status);
  if (jwe.ciphertext.length > BYTES_FROM) return { status: onWire, headers: MESSAGE_HEADERS, body: bytesOf(jwe) };
  return { status: onWire, headers: MESSAGE_HEADERS, body: joinJwe(jwe), encoding: 'latin1' };
}

/** A message's bytes, of which only the ciphertext is long. */
function bytesOf({ protected: header, encryptedKey, iv, ciphertext, tag }: CompactJwe): Buffer {
  const start = `${header}.${encryptedKey}.${iv}.`;
  const end = start.length + ciphertext.length;
  const bytes = Buffer.allocUnsafe(end + 1 + tag.length);
  bytes.write(start, 'latin1');
  bytes.write(ciphertext, start.length, 'latin1');
  bytes.write(`.${tag}`, end, 'latin1');
  return bytes;
}

function sealedStream(message: OpenedMessage, answer: PlainAnswer, options: SealingOptions): WireStream {
  const { status, headers, body, isPartial } = answer;
  const cty = mediaTypeOf(headers);
  const fillsEvents = options.padding && essence(cty) === EVENTS_MEDIA_TYPE;
  const said = isPartial ? contentLengthOf(headers) : body.length;
  const length = fillsEvents ? undefined : said;
  // Then every frame but the last can be full without holding anything back.
  const isFull = length !== undefined && body.length >= Math.min(length, MAX_FRAME_BYTES);
  const { head, frames } = message.sealHead({ ...factsOf(answer, options), cty, length, padding: options.padding });
  const start = Buffer.from(`${head}\n`, 'latin1');
  return {
    status: wireStatus(status),
    headers: STREAM_HEADERS,
    length: isFull ? start.length + framesLength(length) : undefined,
    start,
    writer: new FrameWriter(frames, { length, isFull, fillsEvents }),
  };
}

/** Whether the application's body is sent as it is. An error may quote what it rejects, so it is sealed as a whole. */
function isInFields({ status }: PlainAnswer, { fields }: SealingOptions): boolean {
  return fields !== undefined && status >= 200 && status < 300 && allowsBody(status);
}

/** A response in fields: its values are already sealed. Its ticket authenticates its status and their number. */
function besideTicket(message: OpenedMessage, answer: PlainAnswer, options: SealingOptions): WireAnswer {
  const { status, headers, body } = answer;
  const { fields, padding } = options;
  const ticket = message.seal({ ...factsOf(answer, options), fields, plaintext: EMPTY, padding });
  if (ticket.length > MAX_REQUEST_HEADER_BYTES) throw new RangeError('the ticket of the response is too long');
  const type = body.length > 0 && { 'Content-Type': mediaTypeOf(headers) };
  return { status, headers: { ...type, [FIELDS_HEADER]: ticket, ...NO_STORE }, body };
}

/** The facts about a response, without its body. */
function factsOf({ status, headers }: PlainAnswer, { sealedHeaders, isEarly }: SealingOptions) {
  return {
    status,
    headers: sealedHeaders.filter((name) => headers[name] !== undefined).map((name) => fieldOf(name, headers[name]!)),
    iat: nowInSeconds(),
    early: isEarly ? (true as const) : undefined,
  };
}

interface Flaw {
  readonly status: 500 | 501;
  readonly message: string;
}

/** Why a response cannot be sealed, in a sentence for the author of the route; `undefined` if it can. */
function responseFlawOf({ headers, body, status, isTooLong, isPartial }: PlainAnswer): Flaw | undefined {
  if (isTooLong) return { status: 501, message: TOO_LONG };
  const encoding = headerText(headers['content-encoding']);
  const contentType = headerText(headers['content-type']);
  if (encoding !== undefined && encoding !== 'identity') return { status: 500, message: COMPRESSED };
  if ((isPartial || body.length > 0) && contentType !== undefined && !isMediaType(contentType)) {
    return { status: 500, message: NO_MEDIA_TYPE };
  }
  return status < 200 || status > 599 ? { status: 500, message: NO_STATUS } : undefined;
}

const TOO_LONG =
  'This route writes its response in pieces that together are longer than maxBodySize, but plain messages ' +
  '(RSA-OAEP-256) have no frames. Send less, or call the route with "dir" messages.';
const COMPRESSED = 'This route compressed its response, which cannot be sealed. Return it uncompressed.';
const NO_MEDIA_TYPE =
  'This Content-Type cannot be sealed: it must be a full media type without repeated parameters, and its charset can only ' +
  'be UTF-8.';
const HEADERS =
  'The sealed header fields of this response are too long together, or one has a character that header fields must not ' +
  'have.';
const NO_STATUS = 'This status cannot be sealed: it must be between 200 and 599.';

/** Statuses without a body are sent as 200, and so are redirects, which an intermediary could follow. */
function wireStatus(status: number): number {
  return status === 204 || status === 205 || (status >= 300 && status < 400) ? 200 : status;
}

/** Node sends no body either, even if the application gave one. */
function allowsBody(status: number): boolean {
  return status !== 204 && status !== 205 && status !== 304;
}

function mediaTypeOf(headers: PlainAnswer['headers']): string {
  return headerText(headers['content-type']) ?? OCTETS_MEDIA_TYPE;
}

/** The length that the application announced; `undefined` if there is none, or if it is invalid. */
function contentLengthOf(headers: PlainAnswer['headers']): number | undefined {
  const text = headerText(headers['content-length']);
  const length = text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  return length !== undefined && headers['transfer-encoding'] === undefined ? length : undefined;
}

/** Whether a response announces a body that fits into one message. */
export function isShort({ headers }: PlainAnswer): boolean {
  return (contentLengthOf(headers) ?? Infinity) <= FRAMES_FROM_BYTES;
}

/** A header field in the form in which it travels inside. */
function fieldOf(name: string, value: OutgoingHttpHeader): HeaderField {
  return [name, headerText(value)];
}

/** Several fields of one name are one value (RFC 9110 §5.3). */
function headerText(value: OutgoingHttpHeader): string;
function headerText(value: OutgoingHttpHeader | undefined): string | undefined;
function headerText(value: OutgoingHttpHeader | undefined): string | undefined {
  if (value === undefined) return undefined;
  return (Array.isArray(value) ? value.join(', ') : String(value)).trim();
}
