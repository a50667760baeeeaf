import type { ProblemName } from '../protocol/problem-name.js';
import type { MESSAGES } from './messages.js';
import { load, type PartName } from './parts.js';

/**
 * What went wrong at the client's end:
 * - `invalid-option`: an option of `createE2eClient`, or of one call, is not what it must be;
 * - `runtime-unsupported`: this runtime does not have what the call needs; the message names it;
 * - `engine-unsupported`: the crypto engine here has no such kind of key, or no such signature;
 * - `request-unsupported`: a request that cannot be sealed (its body, media type, method, size or origin);
 * - `body-failed`: a body that is read as it is sent could not be read to its end; `cause` is the error of its source;
 * - `handshake-failed`: the server answered the handshake with a refusal; `problem` and `status` say which;
 * - `handshake-rejected`: the server's answer to the handshake breaks a rule of PROTOCOL §2; nothing of it was kept;
 * - `identity-rejected`: the server did not prove that it holds a pinned identity key; nothing was kept;
 * - `refused`: the server's module refused the request, in a sealed answer; `problem` says why;
 * - `plain-answer`: an answer that is not sealed, and so not known to be the server's; never data;
 * - `answer-rejected`: a sealed answer that does not open, or does not belong to its request;
 * - `stream-broken`: an answer that came in pieces was cut off or changed on the way, and what was read before is
 *   genuine; or the server answered as if it had a body that it has not read to its end;
 * - `stream-failed`: the server gave up in the middle of a body;
 * - `no-event-stream`: an event source was answered with something else than 200 and `text/event-stream`; `status` says
 *   with what;
 * - `answer-too-large`: an answer, or one event, over `maxResponseSize`;
 * - `redirect-refused`: a redirect to another origin, the 21st in a row, or any where the call refuses them;
 * - `session-changed`: with a device key, the server put the client on another session. Nothing is sealed on it before
 *   the caller goes on by `client.handshake()`;
 * - `closed`: the client was closed while the call waited for its channel, or the socket before it was open.
 */
export type E2eClientErrorCode =
  | 'invalid-option'
  | 'runtime-unsupported'
  | 'engine-unsupported'
  | 'request-unsupported'
  | 'body-failed'
  | 'handshake-failed'
  | 'handshake-rejected'
  | 'identity-rejected'
  | 'refused'
  | 'plain-answer'
  | 'answer-rejected'
  | 'stream-broken'
  | 'stream-failed'
  | 'no-event-stream'
  | 'answer-too-large'
  | 'redirect-refused'
  | 'session-changed'
  | 'closed';

/** What is known of the answer that led to an error. */
export interface AnswerFacts {
  readonly problem?: ProblemName | undefined;
  readonly status?: number | undefined;
  readonly retryAfter?: number | undefined;
}

/** Every error of the client but those that `fetch` itself throws (no connection, an aborted signal). */
export class E2eClientError extends Error {
  override readonly name = 'E2eClientError';
  readonly code: E2eClientErrorCode;
  /** The protocol's problem (PROTOCOL §8). With the code `refused` it came sealed; else nobody vouches for it. */
  readonly problem: ProblemName | undefined;
  /** The HTTP status of the answer. But for the code `refused`, nobody vouches for it. */
  readonly status: number | undefined;
  /** Seconds after which to try again, as the answer's headers say. Nobody vouches for it. */
  readonly retryAfter: number | undefined;

  constructor(code: E2eClientErrorCode, message: string, { problem, status, retryAfter }: AnswerFacts = {}) {
    super(message);
    this.code = code;
    this.problem = problem;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

type Facts<Reason extends keyof typeof MESSAGES> = Parameters<(typeof MESSAGES)[Reason]>;

/** An error with its sentence, which is loaded only now; where it is not to be had, the code and the reason say it. */
export async function failure<Reason extends keyof typeof MESSAGES>(
  code: E2eClientErrorCode,
  reason: Reason,
  ...facts: Facts<Reason> extends [infer Given] ? [Given & AnswerFacts] : []
): Promise<E2eClientError> {
  const message = await load('messages', () => import('./messages.js')).then(
    ({ MESSAGES }) => (MESSAGES[reason] as (...given: unknown[]) => string)(...facts),
    () => `${code}: ${reason}`,
  );
  return new E2eClientError(code, message, facts[0]);
}

/**
 * A part of the client that may have to be loaded first.
 *
 * @throws E2eClientError `runtime-unsupported` where it cannot be loaded.
 */
export async function need<Module>(name: PartName, importIt: () => Promise<Module>): Promise<Module> {
  try {
    return await load(name, importIt);
  } catch (cause) {
    const message =
      `A file of the client could not be loaded (${name}). Is it still on the server? ` +
      'Service workers have no import(): in one, import nestjs-e2e-encryption/client/static.';
    throw Object.assign(new E2eClientError('runtime-unsupported', message), { cause });
  }
}
