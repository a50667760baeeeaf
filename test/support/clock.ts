import { jest } from '@jest/globals';

/**
 * Lets so many seconds pass for both ends at once: they share this process's wall clock, which is moved on. Timers are
 * not touched: the protocol goes by wall time alone. The function that comes back undoes it.
 */
export function letTimePass(seconds: number): () => void {
  const { now } = Date;
  Date.now = () => now() + seconds * 1000;
  return () => {
    Date.now = now;
  };
}

/**
 * Stops the timers of this process, but not its clock nor what Node does inside: from here on they run only when the
 * function that comes back is called with milliseconds, so that a busy machine cannot make one run early.
 * `jest.useRealTimers()` undoes it.
 */
export function stopTimers(): (milliseconds: number) => void {
  jest.useFakeTimers({
    doNotFake: ['Date', 'hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'clearImmediate'],
  });
  return (milliseconds) => jest.advanceTimersByTime(milliseconds);
}

/** Only regular checks stop: they run when the function that comes back is called with milliseconds. */
export function stopIntervals(): (milliseconds: number) => void {
  const others = ['setImmediate', 'clearImmediate', 'setTimeout', 'clearTimeout'] as const;
  jest.useFakeTimers({ doNotFake: ['Date', 'hrtime', 'nextTick', 'performance', 'queueMicrotask', ...others] });
  return (milliseconds) => jest.advanceTimersByTime(milliseconds);
}

/** Longer than any test may take: a test's timeout does not stop what it waits for. */
const GIVE_UP_MS = 110_000;
// Not a test's own, which may have stopped it.
const next = setImmediate;

/**
 * Settles when `condition` holds: looked at whenever the process has dealt with what had come in.
 *
 * @throws Error where it never does.
 */
export async function until(condition: () => boolean): Promise<void> {
  // No test moves this clock.
  const end = process.uptime() + GIVE_UP_MS / 1000;
  while (!condition()) {
    if (process.uptime() > end) throw new Error(`timed out waiting for ${condition.toString()}`);
    await new Promise((resolve) => next(resolve));
  }
}
