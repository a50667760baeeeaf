import { fromAscii, parseJsonObject } from '../../protocol/json.js';
import { problemName, type ProblemName } from '../../protocol/problem-name.js';
import { PROBLEM_MEDIA_TYPE } from '../../protocol/media-type.js';
import { failure, type E2eClientError } from '../errors.js';
import type { Settings } from '../options.js';
import type { CallResult, SentRequest } from './answer.js';
import { discard, readBytes } from './bytes.js';
import { isRepeatable } from './request.js';
import { responseOf } from './readable.js';

/**
 * Everything that is not the expected sealed response: plain responses, and the protocol's problems. Not loaded on
 * demand: a tab from before a deployment must recover from its lost channel without a file of the old version.
 */

export const REDIRECTS = [301, 302, 303, 307, 308];

/** @param type the response's media type. */
export async function readPlainAnswer(
  wire: Response,
  type: string,
  sent: SentRequest,
  { maxResponseSize }: Settings,
): Promise<CallResult> {
  const { request, claim, cookies } = sent;
  const { plainAnswer, redirect, init } = request;
  const isRedirect = wire.type === 'opaqueredirect' || REDIRECTS.includes(wire.status);
  if (plainAnswer && isRedirect && redirect !== 'manual') {
    return { error: await failure('redirect-refused', 'plainRedirect') };
  }
  const isProblem = type === PROBLEM_MEDIA_TYPE;
  if (plainAnswer && !isProblem) return { response: wire };
  // Nothing else is read.
  const body = isProblem ? await readBytes(wire, maxResponseSize) : undefined;
  const problem = body && readProblem(body);
  if (plainAnswer && body && !problem) {
    return { response: responseOf(body, wire) };
  }
  discard(wire);
  const isLost = problem === 'handshake-required' && !claim.channel.isProven;
  const facts = { ...answerFacts(wire, problem), ...requestFacts(sent), cookies, credentials: init.credentials };
  return { problem, error: await failure('plain-answer', isLost ? 'lostSession' : 'plain', facts) };
}

/** What errors say about a request. */
export function requestFacts({ request, isCopy }: SentRequest) {
  return { method: request.method, url: request.url.href, isCopy, isRepeatable: isRepeatable(request) };
}

/** Why a handshake, or the request for identity keys, failed. */
export function refusal(
  wire: Response,
  body: Uint8Array | undefined,
  method: string,
  url: string,
): Promise<E2eClientError> {
  return failure('handshake-failed', 'refused', { ...answerFacts(wire, body && readProblem(body)), method, url });
}

/** The protocol's problem in a body, if it is one. */
export function readProblem(body: Uint8Array): ProblemName | undefined {
  return problemName(parseJsonObject(fromAscii(body)));
}

/** The content of a plain response. It is not authenticated. */
export function answerFacts(wire: Response, problem: ProblemName | undefined) {
  const retryAfter = wire.headers.get('retry-after') ?? '';
  const seconds = /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined;
  return { problem, status: wire.status, retryAfter: seconds, wire };
}
