import { utf8 } from '../../protocol/json.js';
import { PROBLEM_MEDIA_TYPE, type E2eProblem } from '../../protocol/problem.js';
import type { PlainAnswer } from '../request/response-capture.js';
import type { WireAnswer } from '../request/response-door.js';

export const NO_STORE = { 'Cache-Control': 'no-store, no-transform' } as const;

/** A problem in the clear: the same bytes and headers for the same problem, whatever its cause. */
export function problemAnswer(problem: E2eProblem): WireAnswer {
  return {
    status: problem.status,
    headers: { 'Content-Type': PROBLEM_MEDIA_TYPE, ...NO_STORE, ...extraHeaders(problem) },
    body: JSON.stringify(problem),
  };
}

/** `Retry-After`; and for a body over its limit, that the server will not read the rest. */
export function extraHeaders({ code, retryAfter }: E2eProblem): Record<string, string> {
  if (code === 'too-large') return { Connection: 'close' };
  return retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) };
}

/** A plain response in the application's place, to be sealed like any other. */
export function asPlainAnswer({ status, headers, body }: WireAnswer): PlainAnswer {
  const lowered = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return { status, headers: lowered, body: typeof body === 'string' ? utf8(body) : body };
}

/**
 * Replaces a response to a sealed request whose message was not opened, such as one from middleware or a hook. Only an
 * error status is sent.
 */
export function withheldAnswer(status: number): WireAnswer {
  return { status: status >= 400 && status <= 599 ? status : 500, headers: NO_STORE, body: '' };
}

/** A response that is sent as the application wrote it. */
export function unchangedAnswer({ status, headers, body }: PlainAnswer): WireAnswer {
  const isOne = (value: unknown) => typeof value === 'string' || typeof value === 'number';
  const kept = Object.entries(headers).filter(([, value]) => isOne(value)) as [string, string | number][];
  return { status, headers: Object.fromEntries(kept), body };
}

/** The response to HEAD on a sealed route, which has no body to seal. */
export const HEAD_REFUSED: WireAnswer = { status: 405, headers: { Allow: 'GET', ...NO_STORE }, body: '' };

export const WITHHELD =
  'The response to a sealed request was withheld, except for its status: middleware or a hook sent it before the message ' +
  'could be opened, so it could not be sealed.';
export const BROKEN =
  'The connection of a sealed request was closed before its response was sent: middleware or a hook threw while the ' +
  'sealed response was written, or changed or replaced it.';
