import { STATUS_CODES } from 'node:http';
import type { OpenedMessage } from '../../channel/message.js';
import { nowInSeconds } from '../../channel/channels.js';
import { utf8 } from '../../protocol/json.js';
import { isMediaType, JSON_MEDIA_TYPE, OCTETS_MEDIA_TYPE } from '../../protocol/media-type.js';
import { MESSAGE_MEDIA_TYPE } from '../../protocol/message.js';
import { PROBLEM_MEDIA_TYPE, type E2eProblem } from '../../protocol/problem.js';
import type { PlainAnswer, WireAnswer } from '../request/response-capture.js';

export const NO_STORE = { 'Cache-Control': 'no-store, no-transform' } as const;
const SEALED_HEADERS = { 'Content-Type': MESSAGE_MEDIA_TYPE, ...NO_STORE };

/** A problem in the clear: the same bytes and headers for the same problem, whatever its cause. */
export function problemAnswer(problem: E2eProblem): WireAnswer {
  return {
    status: problem.status,
    headers: { 'Content-Type': PROBLEM_MEDIA_TYPE, ...NO_STORE, ...extraHeaders(problem) },
    body: JSON.stringify(problem),
  };
}

/** A problem as the application's own answer, to be sealed like any other. */
export function plainProblem(problem: E2eProblem): PlainAnswer {
  return plainJson(problem.status, PROBLEM_MEDIA_TYPE, problem);
}

/**
 * The application's answer, sealed (PROTOCOL §4): its status, media type and location inside, and outside nothing that
 * tells of them. What cannot be sealed becomes a sealed 500 that says what to do.
 */
export function sealAnswer(message: OpenedMessage, answer: PlainAnswer, padding: boolean): WireAnswer {
  const flaw = flawOf(answer);
  const sealable = flaw === undefined ? answer : serverError(flaw);
  try {
    return sealed(message, sealable, padding);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return sealed(message, serverError(TOO_LONG_HEADERS), padding);
  }
}

const TOO_LONG_HEADERS =
  'The header fields of this answer that travel inside cannot be sealed: together they are too long, or one has a ' +
  'character that no header field may have.';

function sealed(
  message: OpenedMessage,
  { status, contentType, headers, body }: PlainAnswer,
  padding: boolean,
): WireAnswer {
  const cty = body.length > 0 ? (contentType ?? OCTETS_MEDIA_TYPE) : undefined;
  const text = message.seal({ status, cty, headers, iat: nowInSeconds(), plaintext: body, padding });
  // As bytes, since a compact JWE is ASCII: whoever takes it for text measures and encodes it as UTF-8, twice.
  return { status: wireStatus(status), headers: SEALED_HEADERS, body: Buffer.from(text, 'latin1') };
}

/** Why an answer cannot be sealed, in a sentence for whoever wrote the route; `undefined` where it can. */
export function flawOf({ streamed, contentType, contentEncoding, body, status }: PlainAnswer): string | undefined {
  if (streamed) {
    return 'This route streams its answer, which cannot be sealed: send the whole of it (the Buffer of a file by @Res()), or mark the route @Plain() and call it by plain fetch.';
  }
  if (contentEncoding !== undefined && contentEncoding !== 'identity') {
    return 'This route compressed its answer, which cannot be sealed: return it uncompressed.';
  }
  if (body.length > 0 && contentType !== undefined && !isMediaType(contentType)) {
    return 'This Content-Type cannot be sealed: it must be a full media type, without a parameter twice, and with no charset but UTF-8.';
  }
  return status < 200 || status > 599 ? 'This status cannot be sealed: it lies between 200 and 599.' : undefined;
}

/** Statuses that allow no body, or that would send an intermediary elsewhere, leave as 200. */
function wireStatus(status: number): number {
  return status === 204 || status === 205 || (status >= 300 && status < 400) ? 200 : status;
}

function serverError(message: string): PlainAnswer {
  return plainJson(500, JSON_MEDIA_TYPE, { statusCode: 500, error: STATUS_CODES[500], message });
}

function plainJson(status: number, contentType: string, value: unknown): PlainAnswer {
  const body = utf8(JSON.stringify(value));
  return { status, contentType, contentEncoding: undefined, headers: [], body, streamed: false };
}

/** When to try again; and of a body over its limit, that the rest of it will not be read. */
function extraHeaders({ code, retryAfter }: E2eProblem): Record<string, string> {
  if (code === 'too-large') return { Connection: 'close' };
  return retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) };
}
