import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { base64urlByteLength, decodeBase64url, encodeBase64url } from '../../../src/protocol/base64url.js';

const bytes = fc.uint8Array({ maxLength: 200 });

describe('base64url', () => {
  it('spells bytes as Node does', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(encodeBase64url(value)).toBe(Buffer.from(value).toString('base64url'));
      }),
    );
  });

  it('gives back what it spelled, and knows its length before', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const text = encodeBase64url(value);
        expect(decodeBase64url(text)).toEqual(value);
        expect(base64urlByteLength(text)).toBe(value.length);
      }),
    );
  });

  it('takes a text only where it is how its bytes are spelled', () => {
    const text = fc.string({ unit: fc.constantFrom(...'AQgw019_-+/=. \nÁŁ😀'), maxLength: 12 });
    fc.assert(
      fc.property(text, (value) => {
        const decoded = decodeBase64url(value);
        if (decoded) expect(encodeBase64url(decoded)).toBe(value);
        else expect(encodeBase64url(Buffer.from(value, 'base64url'))).not.toBe(value);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['a character outside the alphabet', 'QU!J'],
    ['one after which Node stops', 'QU!JD='],
    ['padding', 'QQ=='],
    ['padding alone', '===='],
    ['the other alphabet', 'QU+/'],
    ['white space', 'QU JD'],
    ['a newline at the end', 'QUJD\n'],
    ['a length of 1 mod 4', 'QUJDQ'],
    ['unused bits of two characters', 'QR'],
    ['unused bits of three characters', 'QUJ'],
    ['a code point that ends in a good byte', '\u0141UJD'],
    ['one in the last place', 'QU\u0149'],
    ['a NUL', 'QUJ\0'],
    ['half a surrogate pair', 'QUJ\ud83d'],
  ])('refuses %s', (_, text) => {
    expect(decodeBase64url(text)).toBeUndefined();
  });

  it('takes every last character whose unused bits are zero, and no other', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const taken = (prefix: string) => [...alphabet].filter((last) => decodeBase64url(prefix + last)).join('');
    expect(taken('Q')).toBe('AQgw');
    expect(taken('QU')).toBe('AEIMQUYcgkosw048');
    expect(taken('QUJ')).toBe(alphabet);
  });

  it('spells and reads four mebibytes', () => {
    const large = new Uint8Array(4 * 1024 * 1024 + 1).map((_, index) => index * 31);
    const text = encodeBase64url(large);
    expect(text).toHaveLength(5592407);
    expect(Buffer.compare(decodeBase64url(text)!, large)).toBe(0);
  });
});
