import { fromAscii, parseJsonObject } from '../../protocol/json.js';
import { problemName, type ProblemName } from '../../protocol/problem-name.js';
import type { CallResult } from './answer.js';
import { discard } from './bytes.js';
import { failure, type E2eClientError } from '../errors.js';
import type { OutgoingRequest } from './request.js';
import type { CookieFacts } from './cookies.js';
import { responseOf } from './readable.js';

/**
 * Everything that is not the expected sealed response: plain responses, and the protocol's problems. Not loaded on
 * demand: a tab from before a deployment must recover from its lost channel without a file of the old version.
 */

const REDIRECTS = [301, 302, 303, 307, 308];
const BODILESS = [204, 205, 304];

/** The state of an exchange that got a plain response. */
export interface Standing {
  /** Whether the request was sent again, on a new channel. */
  readonly isCopy: boolean;
  /** Whether anything was ever opened on the channel. */
  readonly isChannelProven: boolean;
  readonly cookies: CookieFacts;
  /** Whether the request's body can be read again from its start. */
  readonly isRepeatable: boolean;
  /** For a request in fields: its message. */
  readonly ticket?: string | undefined;
}

/** @param body of a problem, if it was not too long; nothing else was read. */
export async function readPlainAnswer(
  wire: Response,
  isProblem: boolean,
  body: Uint8Array<ArrayBuffer> | undefined,
  { method, url, plainAnswer, redirect }: OutgoingRequest,
  standing: Standing,
): Promise<CallResult> {
  const isRedirect = wire.type === 'opaqueredirect' || REDIRECTS.includes(wire.status);
  if (plainAnswer && isRedirect && redirect !== 'manual') {
    return { error: await failure('redirect-refused', 'plainRedirect') };
  }
  if (plainAnswer && !isProblem) return { response: wire };
  const problem = body && readProblem(body);
  if (plainAnswer && body && !problem) {
    return { response: responseOf(BODILESS.includes(wire.status) ? null : body, wire) };
  }
  discard(wire);
  const facts = { ...answerFacts(wire, problem), method, url: url.href, ...whereTo(wire, url) };
  const isLost = problem === 'handshake-required' && !standing.isChannelProven;
  return {
    problem,
    error: isLost
      ? await failure('plain-answer', 'lostSession', { ...facts, ...standing })
      : await failure('plain-answer', 'plain', { ...facts, ...standing }),
  };
}

/** Why a handshake, or the request for identity keys, failed. */
export function refusal(
  wire: Response,
  body: Uint8Array | undefined,
  method: string,
  url: string,
): Promise<E2eClientError> {
  const facts = { ...answerFacts(wire, body && readProblem(body)), ...whereTo(wire, new URL(url)) };
  return failure('handshake-failed', 'refused', { ...facts, method, url });
}

/** The protocol's problem in a body, if it is one. */
export function readProblem(body: Uint8Array): ProblemName | undefined {
  return problemName(parseJsonObject(fromAscii(body)));
}

/** The origin that a plain redirect leads to, if this platform reports it. */
function whereTo({ type, status, headers }: Response, from: URL): { redirect?: string } {
  if (type === 'opaqueredirect') return { redirect: '' };
  if (!REDIRECTS.includes(status)) return {};
  try {
    return { redirect: new URL(headers.get('location') ?? '', from).origin };
  } catch {
    return { redirect: '' };
  }
}

/** The content of a plain response. It is not authenticated. */
export function answerFacts({ status, headers }: Response, problem: ProblemName | undefined) {
  const retryAfter = headers.get('retry-after') ?? '';
  return { problem, status, retryAfter: /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined };
}
