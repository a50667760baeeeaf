import { E2eProblem } from '../protocol/problem.js';
import type { Awaitable } from '../protocol/crypto.js';
import type { E2eEvents } from './events.js';
import type { ClaimResult, ReplayGuard } from './replay.js';

const CLAIM_RESULTS: readonly unknown[] = ['new', 'replayed', 'stale', 'lost'] satisfies ClaimResult[];

/**
 * The same windows, with an event for each claim. Any error of the application's own guard becomes `busy`, and so does an
 * answer that is no result.
 */
export function observed(guard: ReplayGuard, events: E2eEvents): ReplayGuard {
  return {
    open: (kid, expiresAt) => orBusy(() => guard.open(kid, expiresAt)),
    close: (kid) => orBusy(() => guard.close(kid)),
    claim(kid, alg, seq): Awaitable<ClaimResult> {
      const from = performance.now();
      const note = (claim: ClaimResult | 'failed') =>
        events.emit({ type: 'window', claim, ms: performance.now() - from });
      const fail = (): never => {
        note('failed');
        throw new E2eProblem('busy');
      };
      const take = (claim: ClaimResult): ClaimResult => {
        if (!CLAIM_RESULTS.includes(claim)) return fail();
        note(claim);
        return claim;
      };
      let claiming: Awaitable<ClaimResult>;
      try {
        claiming = guard.claim(kid, alg, seq);
      } catch {
        return fail();
      }
      // Windows in memory answer at once.
      return typeof claiming === 'object' ? Promise.resolve(claiming).then(take, fail) : take(claiming);
    },
    ...(guard.time && { time: () => orBusy(() => guard.time!()) }),
    ...(guard.check && { check: () => guard.check!() }),
  };
}

async function orBusy<T>(ask: () => Awaitable<T>): Promise<T> {
  try {
    return await ask();
  } catch {
    throw new E2eProblem('busy');
  }
}
