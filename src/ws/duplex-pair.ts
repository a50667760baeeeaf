import { Duplex } from 'node:stream';

type Done = () => void;

/**
 * One end of a connection within the process: what is written to it, the other end reads, and backpressure holds. Who takes
 * it for a `net.Socket` finds that class's methods; those about a network have nothing to do.
 */
class End extends Duplex {
  #other: End | undefined;
  #waiting: Done | undefined;
  #idle: NodeJS.Timeout | undefined;

  join(other: End): void {
    this.#other = other;
  }

  override _read(): void {
    const waiting = this.#other?.takeWaiting();
    // A writer that is called back at once would write within this call.
    if (waiting) process.nextTick(waiting);
  }

  takeWaiting(): Done | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.noteActivity();
    this.#other?.noteActivity();
    if (this.#other?.push(chunk)) done();
    else this.#waiting = done;
  }

  noteActivity(): void {
    this.#idle?.refresh();
  }

  override _final(done: Done): void {
    this.#other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#idle);
    const other = this.#other;
    if (other && !other.destroyed) process.nextTick(() => other.destroy());
    done(error);
  }

  destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else this.end(() => this.destroy());
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  /** Emits `timeout` when nothing has passed for so long; 0 for never. */
  setTimeout(milliseconds: number, listener?: () => void): this {
    clearTimeout(this.#idle);
    this.#idle = milliseconds > 0 ? setTimeout(() => this.emit('timeout'), milliseconds).unref() : undefined;
    if (listener) this[milliseconds > 0 ? 'once' : 'off']('timeout', listener);
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  address(): object {
    return {};
  }
}

/** Both ends of a connection within the process. Node has `duplexPair()` from version 22 on. */
export function createDuplexPair(): readonly [Duplex, Duplex] {
  const [one, other] = [new End(), new End()];
  one.join(other);
  other.join(one);
  return [one, other];
}
