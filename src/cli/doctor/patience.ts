import { setImmediate, setTimeout } from 'node:timers/promises';

/**
 * More than a response that has arrived needs: one, or a few with TLS or where a proxy is in the same process. A turn
 * without work takes no time.
 */
const TURNS = 50;

/** After a busy process has slept, timers run before it reads what has arrived: it gets some turns for that. */
export async function pause(milliseconds: number, over: AbortSignal): Promise<void> {
  await setTimeout(milliseconds, undefined, { signal: over }).catch(() => undefined);
  for (let turn = 0; turn < TURNS && !over.aborted; turn++) await setImmediate();
}

/** Calls `act` with a signal that is aborted after so many milliseconds, and after such a pause. */
export async function within<T>(milliseconds: number, act: (late: AbortSignal) => Promise<T>): Promise<T> {
  const [late, over] = [new AbortController(), new AbortController()];
  void pause(milliseconds, over.signal).then(() => late.abort(new DOMException('It took too long', 'TimeoutError')));
  try {
    return await act(late.signal);
  } finally {
    over.abort();
  }
}
