/** What the specs share: a sample for each file, and the assertions of PROTOCOL §8. */
import { afterAll, beforeAll, expect } from '@jest/globals';
import { type Channel, type Sealed, value, Visitor } from './channel.js';
import type { Members } from './peer.js';
import { type Sample, startSample } from './server.js';
import { type Reply, send } from './wire.js';

/** PROTOCOL §8. */
export const STATUS = {
  'handshake-required': 428,
  'message-required': 415,
  'message-rejected': 400,
  'message-stale': 400,
  'message-replayed': 409,
  'key-rejected': 422,
  'too-large': 413,
  busy: 503,
} as const;
export type Problem = keyof typeof STATUS;

/** Starts a sample before the file's tests; after them it must still be alive and well. */
export function testbed(env: Record<string, string> = {}): { visitor(): Visitor; sample(): Sample } {
  let sample: Sample | undefined;
  const running = (): Sample => {
    if (!sample) throw new Error('the sample is not running');
    return sample;
  };
  beforeAll(async () => {
    sample = await startSample(env);
  });
  afterAll(async () => {
    try {
      const { status } = await send(running().base, { target: '/health' });
      expect(status).toBe(200);
      const channel = await new Visitor(running().base).handshake('X25519');
      expect((await channel.request('GET', '/notes')).status).toBe(200);
    } finally {
      await sample?.stop();
    }
  });
  return { visitor: () => new Visitor(running().base), sample: running };
}

/** The answer is this problem, in the clear. */
export function expectProblem(reply: Reply, name: Problem): Members {
  const seen = `${reply.status} ${String(reply.headers['content-type'])} ${reply.body.slice(0, 300)}`;
  expect({ seen, status: reply.status }).toEqual({ seen, status: STATUS[name] });
  expect(reply.headers['content-type']).toMatch(/^application\/problem\+json(; *charset=utf-8)?$/i);
  expect(reply.headers['cache-control']).toBe('no-store, no-transform');
  const problem = JSON.parse(reply.body) as Members;
  expect(problem.type).toBe(`urn:e2e:problem:${name}`);
  if ('status' in problem) expect(problem.status).toBe(STATUS[name]);
  return problem;
}

/** The answer is this problem, sealed. */
export function expectSealedProblem(sealed: Sealed, name: Problem): void {
  expect(sealed.status).toBe(STATUS[name]);
  expect(sealed.cty).toMatch(/^application\/problem\+json(; *charset=utf-8)?$/i);
  expect(value(sealed)).toMatchObject({ type: `urn:e2e:problem:${name}` });
}

/** The answer is a sealed one of this status. */
export function expectStatus(sealed: Sealed, status: number): void {
  expect({ status: sealed.status, text: sealed.status === status ? '' : sealed.text }).toEqual({ status, text: '' });
}

/** The titles of the notes of a channel's session, sorted. */
export async function titles(channel: Channel): Promise<string[]> {
  const notes = value(await channel.request('GET', '/notes'));
  expect(Array.isArray(notes)).toBe(true);
  return (notes as { title: string }[]).map(({ title }) => title).sort();
}
