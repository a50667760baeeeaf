import { Duplex } from 'node:stream';

type Done = () => void;

/** One end of a connection within the process: what is written to it, the other end reads, and backpressure holds. */
class End extends Duplex {
  #other: End | undefined;
  #waiting: Done | undefined;

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
    if (this.#other?.push(chunk)) done();
    else this.#waiting = done;
  }

  override _final(done: Done): void {
    this.#other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const other = this.#other;
    if (other && !other.destroyed) process.nextTick(() => other.destroy());
    done(error);
  }

  /** As sockets have it. */
  destroySoon(): void {
    if (this.writableFinished) this.destroy();
    else this.end(() => this.destroy());
  }
}

/** Both ends of a connection within the process. Node has `duplexPair()` from version 22 on. */
export function createDuplexPair(): readonly [Duplex, Duplex] {
  const [one, other] = [new End(), new End()];
  one.join(other);
  other.join(one);
  return [one, other];
}
