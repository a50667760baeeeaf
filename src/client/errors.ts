import type { ProblemName } from '../protocol/problem-name.js';
import type { MESSAGES } from './messages.js';
import { load, type PartName } from './parts.js';
import type * as MessagesPart from './messages.js';

/**
 * What went wrong in the client:
 * - `invalid-option`: an option of `createE2eClient` or of one call has a wrong value;
 * - `runtime-unsupported`: this runtime lacks something that the call needs; the message names it;
 * - `engine-unsupported`: the crypto engine does not support this kind of key or signature;
 * - `request-unsupported`: the request cannot be sealed (its body, media type, method, size or origin);
 * - `body-failed`: the request's body could not be read to its end; `cause` is the error of its source;
 * - `handshake-failed`: the server rejected the handshake; see `problem` and `status`;
 * - `handshake-rejected`: the server's response to the handshake breaks a rule of PROTOCOL §2; nothing of it was kept;
 * - `identity-rejected`: the server did not prove that it has a pinned identity key; nothing was kept;
 * - `refused`: the module at the server rejected the request, in a sealed response; `problem` says why;
 * - `plain-answer`: the response is not sealed, so it may not be the server's; it is never data;
 * - `answer-rejected`: a sealed response does not open, or does not belong to its request;
 * - `stream-broken`: a response in frames was cut off or changed on the way, and what was read before is genuine; or the
 *   server responded with success although it has not read the request's body to its end;
 * - `stream-failed`: the server gave up in the middle of a body;
 * - `no-event-stream`: an event source got a response other than 200 with `text/event-stream`; see `status`;
 * - `answer-too-large`: a response, one event or one message of a socket is larger than `maxResponseSize`;
 * - `redirect-refused`: a redirect to another origin, the 21st redirect in a row, or any redirect if the call forbids them;
 * - `session-changed`: with a device key, the server put the client on another session. The client seals nothing on it
 *   until the caller continues with `client.handshake()`;
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

/** What is known about the response that led to an error. */
export interface AnswerFacts {
  readonly problem?: ProblemName | undefined;
  readonly status?: number | undefined;
  readonly retryAfter?: number | undefined;
}

/**
 * Every error of the client, except those that `fetch` itself throws (no connection, an aborted signal).
 *
 * @example
 * try {
 *   await client.fetch('notes');
 * } catch (error) {
 *   if (error instanceof E2eClientError && error.code === 'session-changed') location.reload();
 *   else throw error;
 * }
 */
export class E2eClientError extends Error {
  override readonly name = 'E2eClientError';
  readonly code: E2eClientErrorCode;
  /** The protocol's problem (PROTOCOL §8). It is authenticated only with the code `refused`. */
  readonly problem: ProblemName | undefined;
  /** The HTTP status of the response. It is authenticated only with the code `refused`. */
  readonly status: number | undefined;
  /** Seconds after which to try again, from the response's `Retry-After`. It is not authenticated. */
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

/** Creates an error and loads its message. If that fails, the message is the code and the reason. */
export async function failure<Reason extends keyof typeof MESSAGES>(
  code: E2eClientErrorCode,
  reason: Reason,
  ...facts: Facts<Reason> extends [infer Given] ? [Given & AnswerFacts] : []
): Promise<E2eClientError> {
  const message = await load<typeof MessagesPart>('messages').then(
    ({ MESSAGES }) => (MESSAGES[reason] as (...given: unknown[]) => string)(...facts),
    () => `${code}: ${reason}`,
  );
  return new E2eClientError(code, message, facts[0]);
}

/**
 * Loads a part of the client.
 *
 * @throws E2eClientError `runtime-unsupported` if it cannot be loaded.
 */
export async function need<Module>(name: PartName): Promise<Module> {
  try {
    return await load<Module>(name);
  } catch (cause) {
    const message =
      `A file of the client could not be loaded (${name}). Is it still on the server? ` +
      'Service workers have no import(): in one, import nestjs-e2e-encryption/client/static.';
    throw Object.assign(new E2eClientError('runtime-unsupported', message), { cause });
  }
}
