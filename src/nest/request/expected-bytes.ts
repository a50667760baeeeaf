/** The bytes of a sealed response that were not written yet, each once and in order. */
export class ExpectedBytes {
  /** As they were given: a piece each. */
  readonly #pieces: Uint8Array[] = [];

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#pieces.push(bytes);
  }

  /** Whether these are the next bytes; if so, they are removed. Middleware may split them differently. */
  admit(bytes: Uint8Array): boolean {
    let rest = bytes;
    while (rest.length > 0) {
      const next = this.#pieces[0];
      if (next === undefined) return false;
      const length = Math.min(next.length, rest.length);
      if (next !== rest && Buffer.compare(next.subarray(0, length), rest.subarray(0, length)) !== 0) return false;
      if (length === next.length) this.#pieces.shift();
      else this.#pieces[0] = next.subarray(length);
      rest = rest.subarray(length);
    }
    return true;
  }
}
