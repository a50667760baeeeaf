/** A holder of buffered bytes, which can be cut. */
interface Holder {
  break(): void;
}

/** How many bytes one response may buffer. */
const MAX_EACH = 16 * 2 ** 20;

/**
 * Bytes of responses that have begun before their requests' bodies in frames have ended, and wait for that: they cannot
 * be paused, since what is paused reads no further. Together they are bounded for the whole server, so that slow
 * uploads that are echoed do not fill its memory. Over the bound the largest goes: whoever holds little is not cut for
 * whoever holds much. It is cut and not refused as `busy`, since its handler has run.
 */
export class HeldBytes {
  readonly #holders = new Map<Holder, number>();
  #total = 0;

  constructor(private readonly max: number) {}

  /** Notes how many bytes it holds now. */
  hold(holder: Holder, bytes: number): void {
    this.#set(holder, bytes);
    if (bytes > MAX_EACH) this.#cut(holder);
    while (this.#total > this.max) this.#cut(this.#largest);
  }

  release(holder: Holder): void {
    this.#set(holder, 0);
  }

  get #largest(): Holder {
    return [...this.#holders].reduce((most, each) => (each[1] > most[1] ? each : most))[0];
  }

  #cut(holder: Holder): void {
    this.release(holder);
    holder.break();
  }

  #set(holder: Holder, bytes: number): void {
    this.#total += bytes - (this.#holders.get(holder) ?? 0);
    if (bytes > 0) this.#holders.set(holder, bytes);
    else this.#holders.delete(holder);
  }
}
