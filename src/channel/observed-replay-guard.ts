import { E2eProblem } from '../protocol/problem.js';
import type { Awaitable } from '../protocol/crypto.js';
import type { E2eEvents } from './events.js';
import type { ClaimResult, ReplayGuard } from './replay.js';

/** The same windows, with an event for each claim. Any error of the application's own guard becomes `busy`. */
export function observed(guard: ReplayGuard, events: E2eEvents): ReplayGuard {
  return {
    open: (kid, expiresAt) => orBusy(() => guard.open(kid, expiresAt)),
    close: (kid) => orBusy(() => guard.close(kid)),
    async claim(kid, alg, seq): Promise<ClaimResult> {
      const from = performance.now();
      let claim: ClaimResult | 'failed' = 'failed';
      try {
        return (claim = await guard.claim(kid, alg, seq));
      } catch {
        throw new E2eProblem('busy');
      } finally {
        events.emit({ type: 'window', claim, ms: performance.now() - from });
      }
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
