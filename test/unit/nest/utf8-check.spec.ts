import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Utf8Check } from '../../../src/nest/request/utf8-check.js';

/** Node's own decoder, over everything at once. */
function isText(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function checkInPieces(pieces: readonly Buffer[]): boolean {
  const check = new Utf8Check();
  for (const piece of pieces) {
    check.push(piece);
    // What it keeps is its own: a reader may write into what it was given.
    piece.fill(0xff);
  }
  check.end();
  return check.isValid;
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, at) => Buffer.from(bytes.subarray(ends[at - 1] ?? 0, end)));
}

/** Bytes at which the forms of UTF-8 change (RFC 3629 §4): surrogates, overlong forms, the last code point. */
const EDGES = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4];
const edgy = fc.array(fc.constantFrom(...EDGES, 0xf5, 0xff), { maxLength: 8 }).map((bytes) => Buffer.from(bytes));
const text = fc.string({ unit: 'binary' }).map((string) => Buffer.from(string));
const bytes = fc.oneof(
  edgy,
  text,
  fc.tuple(text, edgy, text).map((parts) => Buffer.concat(parts)),
);

describe('Text that comes in pieces', () => {
  it('is UTF-8 just where it is as a whole, wherever it is cut', () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(), { maxLength: 6 }), (whole, places) => {
        expect(checkInPieces(cut(whole, places))).toBe(isText(whole));
      }),
      { numRuns: 3000 },
    );
  });

  it('is UTF-8 where every byte comes by itself', () => {
    const whole = Buffer.from('aé€😀\u{10ffff}\u{fffd}');
    expect(checkInPieces([...whole].map((byte) => Buffer.of(byte)))).toBe(true);
    expect(checkInPieces([...whole.subarray(0, -1)].map((byte) => Buffer.of(byte)))).toBe(false);
  });

  it('is said to be none as soon as that is known', () => {
    const check = new Utf8Check();
    check.push(Buffer.of(0xe2, 0x82));
    expect(check.isValid).toBe(true);
    check.push(Buffer.of(0x41));
    expect(check.isValid).toBe(false);
    check.push(Buffer.from('text'));
    expect(check.isValid).toBe(false);
  });
});
