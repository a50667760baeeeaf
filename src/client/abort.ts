/** Of signals of a platform that keeps no reasons. */
const reasons = new WeakMap<AbortSignal, Error>();

/** Aborts for a reason, which the signal has also where its platform keeps none. */
export function abort(controller: AbortController, reason: Error): void {
  reasons.set(controller.signal, reason);
  controller.abort(reason);
}

/** Why it was aborted. React Native's signals have no `reason`. */
export function reasonOf(signal: AbortSignal): Error {
  const reason = (signal.reason ?? reasons.get(signal)) as Error | undefined;
  return reason ?? Object.assign(new Error('The operation was aborted.'), { name: 'AbortError' });
}

/** `signal.throwIfAborted()`, which React Native's signals do not have. */
export function throwIfAborted(signal: AbortSignal | null | undefined): void {
  if (signal?.aborted) throw reasonOf(signal);
}

/**
 * The promise, or a rejection with the signal's reason.
 *
 * @param onLeft called if the signal aborts before the promise is settled.
 */
export function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  onLeft?: () => void,
): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const leave = () => {
      reject(reasonOf(signal));
      onLeft?.();
    };
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
    promise.finally(() => signal.removeEventListener('abort', leave)).then(resolve, reject);
  });
}
