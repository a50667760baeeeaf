/**
 * Calls a function once its time has passed. If the process was busy meanwhile, Node runs timers before it reads what has
 * arrived. So another turn of the event loop follows first: what is there by then has come in time.
 */
export class Expiry {
  readonly #timer: NodeJS.Timeout;
  #turn: NodeJS.Immediate | undefined;

  constructor(milliseconds: number, expire: () => void) {
    this.#timer = setTimeout(() => (this.#turn = setImmediate(expire)), milliseconds);
  }

  /** From zero. */
  restart(): void {
    clearImmediate(this.#turn);
    this.#timer.refresh();
  }

  cancel(): void {
    clearImmediate(this.#turn);
    clearTimeout(this.#timer);
  }
}

/** Rejects if the promise has not settled in time. */
export function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const expiry = new Expiry(milliseconds, () => reject(new Error('no response in time')));
    promise.then(resolve, reject).finally(() => expiry.cancel());
  });
}
