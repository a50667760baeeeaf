import { expect } from '@jest/globals';
import { E2eClientError } from '../../../../src/client/index.js';
import { PROBLEMS, type ProblemName } from '../../../../src/protocol/problem.js';
import type { Reply } from '../../../external/conformance/wire.js';

/** Not to be found where nobody may read along. */
export const CANARY = 'canary-7f3a91';

/** The answer is this problem in the clear: its status, its one constant body, its headers, and nothing more. */
export function expectPlainProblem(reply: Reply, name: ProblemName, detail?: string): void {
  const { title, status } = PROBLEMS[name];
  const body = JSON.stringify({ type: `urn:e2e:problem:${name}`, title, status, detail });
  expect({ status: reply.status, body: reply.body }).toEqual({ status, body });
  expect(reply.headers['content-type']).toBe('application/problem+json');
  expect(reply.headers['cache-control']).toBe('no-store, no-transform');
  expect(reply.headers).not.toHaveProperty('etag');
}

/** The client's error that this call ends in. */
export async function errorOf(call: Promise<unknown>): Promise<E2eClientError> {
  const outcome: unknown = await call.then(
    () => new Error('the call went through'),
    (error: unknown) => error,
  );
  if (outcome instanceof E2eClientError) return outcome;
  throw outcome;
}

export function postJson(value: unknown): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}
