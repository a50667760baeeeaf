type Taken<Value> = IteratorResult<Value, undefined>;

/** Passes values to an iteration one by one. The sender waits until each was taken. */
export class Handoff<Value> implements AsyncIterableIterator<Value, undefined> {
  readonly #onLeft: () => void;
  readonly #takers: { readonly resolve: (taken: Taken<Value>) => void; readonly reject: (error: unknown) => void }[] =
    [];
  readonly #held: { readonly value: Value; readonly taken: () => void }[] = [];
  #isOver = false;
  #error: unknown;

  /** @param onLeft called when the iteration is left. */
  constructor(onLeft: () => void) {
    this.#onLeft = onLeft;
  }

  /** Settles when the value was taken, or can no longer be. */
  put(value: Value): Promise<void> {
    const taker = this.#takers.shift();
    taker?.resolve({ done: false, value });
    if (taker || this.#isOver) return Promise.resolve();
    return new Promise((taken) => this.#held.push({ value, taken }));
  }

  /** Values that were put before are still delivered. Then the iteration ends, with this error if there is one. */
  end(error?: unknown): void {
    this.#isOver = true;
    this.#error = error;
    for (const taker of this.#takers.splice(0)) this.next().then(taker.resolve, taker.reject);
  }

  next(): Promise<Taken<Value>> {
    const held = this.#held.shift();
    held?.taken();
    if (held) return Promise.resolve({ done: false, value: held.value });
    if (!this.#isOver) return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
    const error = this.#error;
    this.#error = undefined;
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the reason of an AbortSignal may be any value
    return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
  }

  return(): Promise<Taken<Value>> {
    for (const { taken } of this.#held.splice(0)) taken();
    this.#onLeft();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
