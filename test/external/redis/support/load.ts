import { randomUUID } from 'node:crypto';
import { E2eClientError, type E2eClient } from '../../../../src/client/index.js';
import type { Passed } from './balancer.js';
import type { Cluster, Mark } from './cluster.js';

/** What became of the calls. */
export interface Tally {
  calls: number;
  writes: number;
  /** Answered with a sealed 2xx. */
  answered: number;
  /** Writes of which nobody can say whether they were carried out: the connection broke, or a 502 came. Not repeated. */
  uncertain: number;
  /** How often a call was made anew after a refusal, or a read after a broken connection. */
  again: number;
  /** What the client threw, by what it says. */
  errors: Record<string, number>;
  /** By what they were: never answered, though tried for long. */
  unanswered: string[];
  /** The ids of the writes, by what became of them. */
  readonly confirmed: string[];
  readonly uncertainIds: string[];
  /** The longest that one try took, in milliseconds. */
  slowest: number;
}

export interface LoadOptions {
  readonly clients: readonly E2eClient[];
  /** Of all clients together. */
  readonly calls: number;
  /** Goes on, with however many calls more, until this is so. */
  readonly until?: () => boolean;
  /** How many calls each client has under way. */
  readonly atOnce?: number;
  /** How long a call is tried, in milliseconds. */
  readonly patience?: number;
}

const JSON_TYPE = { 'content-type': 'application/json' };

/**
 * Calls from all clients at once, every third of them a write without an Idempotency-Key. What was refused is made anew,
 * as an application would: if a refused write were ever carried out, it would be there twice.
 */
export async function load({
  clients,
  calls,
  until = () => true,
  atOnce = 3,
  patience = 30_000,
}: LoadOptions): Promise<Tally> {
  const tally: Tally = {
    calls: 0,
    writes: 0,
    answered: 0,
    uncertain: 0,
    again: 0,
    errors: {},
    unanswered: [],
    confirmed: [],
    uncertainIds: [],
    slowest: 0,
  };
  const worker = async (client: E2eClient): Promise<void> => {
    while (tally.calls < calls || !until()) {
      const isWrite = tally.calls++ % 3 === 0;
      if (isWrite) tally.writes++;
      await oneCall(client, isWrite, tally, patience);
    }
  };
  await Promise.all(clients.flatMap((client) => Array.from({ length: atOnce }, () => worker(client))));
  return tally;
}

async function oneCall(client: E2eClient, isWrite: boolean, tally: Tally, patience: number): Promise<void> {
  const id = randomUUID();
  for (const end = Date.now() + patience; ; tally.again++) {
    const from = performance.now();
    const failure = await attempt(client, isWrite, id).finally(
      () => (tally.slowest = Math.max(tally.slowest, performance.now() - from)),
    );
    if (failure === undefined) {
      tally.answered++;
      if (isWrite) tally.confirmed.push(id);
      return;
    }
    tally.errors[failure.what] = (tally.errors[failure.what] ?? 0) + 1;
    if (isWrite && !failure.isRefusal) {
      tally.uncertain++;
      tally.uncertainIds.push(id);
      return;
    }
    if (Date.now() > end) {
      tally.unanswered.push(`${isWrite ? 'write' : 'read'}: ${failure.what}`);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 60));
  }
}

interface Failure {
  readonly what: string;
  /** It was one of the protocol's problems: this copy was not processed. */
  readonly isRefusal: boolean;
}

async function attempt(client: E2eClient, isWrite: boolean, id: string): Promise<Failure | undefined> {
  try {
    const response = isWrite
      ? await client.fetch('/writes', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ id }) })
      : await client.fetch(`/reads/${id}`);
    const body = (await response.json()) as { id?: string; type?: string };
    if (response.ok && body.id === id) return undefined;
    const problem = body.type?.replace('urn:e2e:problem:', '');
    return { what: `sealed ${problem ?? response.status}`, isRefusal: problem !== undefined };
  } catch (error) {
    if (!(error instanceof E2eClientError)) return { what: 'no connection', isRefusal: false };
    const isHandshake = error.code === 'handshake-failed';
    return {
      what: `${isHandshake ? 'handshake ' : ''}${error.problem ?? error.status ?? error.code}`,
      isRefusal: error.problem !== undefined || isHandshake,
    };
  }
}

/** Of a cluster and its load: what must be zero, and what is told. */
export function verdict(cluster: Cluster, tally: Tally, mark: Mark): Record<string, unknown> {
  const passed = cluster.passedSince(mark);
  const journal = cluster.journal.slice(mark.journal);
  const times = new Map<string, number>();
  for (const id of journal) times.set(id, (times.get(id) ?? 0) + 1);
  const known = new Set([...tally.confirmed, ...tally.uncertainIds]);
  return {
    doubles: [...times.values()].filter((count) => count > 1).length,
    lost: tally.confirmed.filter((id) => !times.has(id)).length,
    /** Carried out, though the caller was told that they were not. */
    unasked: journal.filter((id) => !known.has(id)).length,
    unprotected: passed.filter(isUnprotected).length,
    unanswered: tally.unanswered,
  };
}

export const FLAWLESS = { doubles: 0, lost: 0, unasked: 0, unprotected: 0, unanswered: [] };

/** A success that came in the clear. */
function isUnprotected({ target, status = 0, type = '', answer = '' }: Passed): boolean {
  if (target === '/e2e/handshake' || status >= 300) return false;
  return type !== 'application/jose' || !/^[\w-]+\.[\w-]*\.[\w-]{16}\.[\w-]*\.[\w-]{22}$/.test(answer);
}

/** How many refusals of each kind passed in the clear. */
export function refusals(passed: readonly Passed[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { target, status = 0, answer = '' } of passed) {
    if (status < 300) continue;
    const problem = /urn:e2e:problem:([\w-]+)/.exec(answer)?.[1] ?? 'other';
    const name = `${target === '/e2e/handshake' ? 'handshake ' : ''}${status} ${problem}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** The figures, on the test's output. */
export function report(title: string, tally: Tally, passed: readonly Passed[]): void {
  const { calls, writes, answered, again, uncertain, errors, slowest } = tally;
  const handshakes = passed.filter(({ target, status }) => target === '/e2e/handshake' && status === 201).length;
  const facts = { calls, writes, answered, again, uncertain, handshakes, slowest: `${Math.round(slowest)} ms` };
  process.stdout.write(
    `${title}: ${JSON.stringify({ ...facts, refused: refusals(passed), callers: errors }).replaceAll('"', '')}\n`,
  );
}
