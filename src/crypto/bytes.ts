import type { Bytes } from '../protocol/crypto.js';

/** Whether all bytes are zero, in a time that depends only on their number. */
export function isZero(bytes: Bytes): boolean {
  return bytes.reduce((seen, byte) => seen | byte, 0) === 0;
}

/** Whether two byte strings are equal, in a time that depends only on their lengths. */
export function equal(a: Bytes, b: Bytes): boolean {
  return a.length === b.length && a.reduce((difference, byte, index) => difference | (byte ^ b[index]!), 0) === 0;
}
