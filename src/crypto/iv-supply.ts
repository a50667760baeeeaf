import { randomFillSync } from 'node:crypto';
import { IV_BYTES } from '../protocol/jwe.js';

const IVS = 256;

/** Random IVs, fetched many at a time. Each is returned once, and none is kept: a new supply has its own memory. */
export class IvSupply {
  #bytes = Buffer.alloc(0);
  #used = 0;

  next(): Buffer {
    if (this.#used === this.#bytes.length) {
      this.#bytes = randomFillSync(Buffer.alloc(IVS * IV_BYTES));
      this.#used = 0;
    }
    return this.#bytes.subarray(this.#used, (this.#used += IV_BYTES));
  }
}
