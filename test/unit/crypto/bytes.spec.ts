import { describe, expect, it } from '@jest/globals';
import { equal, isZero } from '../../../src/crypto/bytes.js';

describe('comparing bytes', () => {
  it('sees any one bit, wherever it is', () => {
    const zeros = new Uint8Array(32);
    expect(isZero(zeros)).toBe(true);
    expect(equal(zeros, new Uint8Array(32))).toBe(true);
    for (let bit = 0; bit < 256; bit++) {
      const turned = new Uint8Array(32);
      turned[bit >> 3] = 1 << (bit & 7);
      expect(isZero(turned)).toBe(false);
      expect(equal(zeros, turned)).toBe(false);
    }
  });

  it('finds bytes of another length different', () => {
    expect(equal(new Uint8Array(16), new Uint8Array(15))).toBe(false);
    expect(equal(new Uint8Array(15), new Uint8Array(16))).toBe(false);
    expect(equal(new Uint8Array(16), new Uint8Array())).toBe(false);
  });
});
