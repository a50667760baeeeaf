import { STATUS_CODES, type OutgoingHttpHeader } from 'node:http';
import type { OpenedMessage } from '../../channel/message.js';
import { nowInSeconds } from '../../channel/channels.js';
import { utf8 } from '../../protocol/json.js';
import { isMediaType, JSON_MEDIA_TYPE, OCTETS_MEDIA_TYPE } from '../../protocol/media-type.js';
import { MESSAGE_MEDIA_TYPE } from '../../protocol/message.js';
import type { HeaderField } from '../../protocol/meta.js';
import { PROBLEM_MEDIA_TYPE, type E2eProblem } from '../../protocol/problem.js';
import type { PlainAnswer } from '../request/response-capture.js';
import type { WireAnswer } from '../request/response-door.js';

export const NO_STORE = { 'Cache-Control': 'no-store, no-transform' } as const;
const EMPTY = new Uint8Array(0);
const SEALED_HEADERS = { 'Content-Type': MESSAGE_MEDIA_TYPE, ...NO_STORE };

/** A problem in the clear: the same bytes and headers for the same problem, whatever its cause. */
export function problemAnswer(problem: E2eProblem): WireAnswer {
  return {
    status: problem.status,
    headers: { 'Content-Type': PROBLEM_MEDIA_TYPE, ...NO_STORE, ...extraHeaders(problem) },
    body: JSON.stringify(problem),
  };
}

/** What leaves in the clear as the application's own answer would, to be sealed like any other. */
export function asPlainAnswer({ status, headers, body }: WireAnswer): PlainAnswer {
  const lowered = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return { status, headers: lowered, body: typeof body === 'string' ? utf8(body) : body };
}

/**
 * What leaves in place of an answer to a sealed request whose message was not opened, as middleware and hooks give it:
 * the status of an error, and no word of it.
 */
export function withheldAnswer(status: number): WireAnswer {
  return { status: status >= 400 && status <= 599 ? status : 500, headers: NO_STORE, body: '' };
}

export interface SealingOptions {
  readonly padding: boolean;
  /** Whether the last frame of the request's body was not opened yet. */
  readonly isEarly: boolean;
  /** Names of response headers that travel inside, in lower case. */
  readonly sealedHeaders: readonly string[];
}

export interface SealedAnswer {
  readonly wire: WireAnswer;
  /** Why the application's answer could not be sealed, and this is a sealed error in its place. */
  readonly flaw?: string | undefined;
}

/**
 * The application's answer, sealed (PROTOCOL §4): its status, media type and location inside, and outside nothing that
 * tells of them. What cannot be sealed becomes a sealed error that says what to do.
 */
export function sealAnswer(message: OpenedMessage, answer: PlainAnswer, options: SealingOptions): SealedAnswer {
  const flaw = flawOf(answer);
  if (flaw) return sealError(message, flaw, options);
  try {
    return { wire: sealed(message, answer, options) };
  } catch (error) {
    if (error instanceof RangeError) return sealError(message, { status: 500, message: HEADERS }, options);
    throw error;
  }
}

function sealError(message: OpenedMessage, flaw: Flaw, options: SealingOptions): SealedAnswer {
  const { status } = flaw;
  const body = utf8(JSON.stringify({ statusCode: status, error: STATUS_CODES[status], message: flaw.message }));
  return {
    wire: sealed(message, { status, headers: { 'content-type': JSON_MEDIA_TYPE }, body }, options),
    flaw: flaw.message,
  };
}

function sealed(
  message: OpenedMessage,
  { status, headers, body }: PlainAnswer,
  { padding, sealedHeaders, isEarly }: SealingOptions,
): WireAnswer {
  const plaintext = allowsBody(status) ? body : EMPTY;
  const text = message.seal({
    status,
    cty: plaintext.length > 0 ? (headerText(headers['content-type']) ?? OCTETS_MEDIA_TYPE) : undefined,
    headers: sealedHeaders.flatMap((name) => fieldOf(name, headers[name])),
    iat: nowInSeconds(),
    plaintext,
    padding,
    ...(isEarly && { early: true as const }),
  });
  // As bytes, since a compact JWE is ASCII: whoever takes it for a string measures and encodes it as UTF-8, twice.
  return { status: wireStatus(status), headers: SEALED_HEADERS, body: Buffer.from(text, 'latin1') };
}

interface Flaw {
  readonly status: 500 | 501;
  readonly message: string;
}

/** Why an answer cannot be sealed, in a sentence for whoever wrote the route; `undefined` where it can. */
function flawOf({ headers, body, status, isTooLong }: PlainAnswer): Flaw | undefined {
  if (isTooLong) return { status: 501, message: TOO_LONG };
  const encoding = headerText(headers['content-encoding']);
  const contentType = headerText(headers['content-type']);
  if (encoding !== undefined && encoding !== 'identity') return { status: 500, message: COMPRESSED };
  if (body.length > 0 && contentType !== undefined && !isMediaType(contentType)) {
    return { status: 500, message: NO_MEDIA_TYPE };
  }
  return status < 200 || status > 599 ? { status: 500, message: NO_STATUS } : undefined;
}

const TOO_LONG =
  'This route writes its answer in pieces, which are collected up to maxBodySize, and wrote more: send less at once, ' +
  'or mark the route @Plain() and call it by plain fetch.';
const COMPRESSED = 'This route compressed its answer, which cannot be sealed: return it uncompressed.';
const NO_MEDIA_TYPE =
  'This Content-Type cannot be sealed: it must be a full media type, without a parameter twice, and with no charset but ' +
  'UTF-8.';
const HEADERS =
  'The header fields of this answer that travel inside cannot be sealed: together they are too long, or one has a ' +
  'character that no header field may have.';
const NO_STATUS = 'This status cannot be sealed: give one between 200 and 599.';

/** Statuses that allow no body, or that would send an intermediary elsewhere, leave as 200. */
function wireStatus(status: number): number {
  return status === 204 || status === 205 || (status >= 300 && status < 400) ? 200 : status;
}

/** Node sends none either, whatever the application gave. */
function allowsBody(status: number): boolean {
  return status !== 204 && status !== 205 && status !== 304;
}

/** A field as it travels inside. */
function fieldOf(name: string, value: OutgoingHttpHeader | undefined): HeaderField[] {
  const text = headerText(value);
  return text === undefined ? [] : [[name, text]];
}

/** Several fields of one name are one value (RFC 9110 §5.3). */
function headerText(value: OutgoingHttpHeader | undefined): string | undefined {
  return value === undefined ? undefined : [value].flat().join(', ').trim();
}

/** When to try again; and of a body over its limit, that the rest of it will not be read. */
export function extraHeaders({ code, retryAfter }: E2eProblem): Record<string, string> {
  if (code === 'too-large') return { Connection: 'close' };
  return retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) };
}

/** An answer that leaves as the application meant it. */
export function unchangedAnswer({ status, headers, body }: PlainAnswer): WireAnswer {
  const isOne = (value: unknown) => typeof value === 'string' || typeof value === 'number';
  const kept = Object.entries(headers).filter(([, value]) => isOne(value)) as [string, string | number][];
  return { status, headers: Object.fromEntries(kept), body };
}

/** HEAD on a sealed route: its answer has no body to seal. */
export const HEAD_REFUSED: WireAnswer = { status: 405, headers: { Allow: 'GET', ...NO_STORE }, body: '' };

export const WITHHELD =
  'An answer to a sealed request was withheld, all but its status: it came from middleware or a hook that runs before the ' +
  'message can be opened, so it could not be sealed.';
export const BROKEN =
  'The connection of a sealed request was closed before its answer was sent: middleware or a hook threw while the sealed ' +
  'answer was written, or changed it, or wrote something else in its place.';
