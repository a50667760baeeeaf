import { isUtf8 } from 'node:buffer';

/** The longest start of a character that can be missing its end. */
const MAX_REST_BYTES = 3;

const NONE = Buffer.alloc(0);

/**
 * Whether bytes that come in pieces are UTF-8 together: a character may lie in two of them. A `TextDecoder` would say so
 * too, but it makes a string of everything, of two bytes a character, only to discard it.
 */
export class Utf8Check {
  #rest = NONE;
  #isValid = true;

  /** Whether everything so far is UTF-8, but for a last character that is not whole yet. */
  get isValid(): boolean {
    return this.#isValid;
  }

  push(bytes: Buffer): void {
    if (!this.#isValid) return;
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    const end = all.length - unfinished(all);
    this.#isValid = isUtf8(all.subarray(0, end));
    // A copy: the reader of `bytes` may change them.
    this.#rest = end < all.length ? Buffer.from(all.subarray(end)) : NONE;
  }

  end(): void {
    this.#isValid &&= this.#rest.length === 0;
  }
}

/** How many bytes at the end begin a character that is not whole (RFC 3629 §3). */
function unfinished(bytes: Buffer): number {
  for (let count = 1; count <= Math.min(MAX_REST_BYTES, bytes.length); count++) {
    const byte = bytes[bytes.length - count]!;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > count ? count : 0;
  }
  return 0;
}
