/** One deadline for all that a command waits for, until it is cleared. */
export interface Deadline {
  /** Aborts with a `TimeoutError`. */
  readonly signal: AbortSignal;
  readonly clear: () => void;
}

export function deadlineIn(milliseconds: number): Deadline {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new DOMException('Timeout', 'TimeoutError')), milliseconds);
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}

/** What is said of it, in milliseconds as it was given. */
export function lateness(milliseconds: number): string {
  return `no response within ${milliseconds / 1000} s`;
}
