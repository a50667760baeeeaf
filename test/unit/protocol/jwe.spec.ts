import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { joinJwe, splitJwe } from '../../../src/protocol/jwe.js';

const parts = {
  protected: 'e30',
  encryptedKey: '',
  iv: 'A'.repeat(16),
  ciphertext: 'QUJD',
  tag: 'B'.repeat(22),
};

describe('a compact JWE', () => {
  it('is split into the parts it was joined from', () => {
    const text = (lengths: object) => fc.base64String(lengths).map((value) => value.replace(/[+/=]/g, '_'));
    fc.assert(
      fc.property(text({ minLength: 4, maxLength: 400 }), text({}), text({}), (header, encryptedKey, ciphertext) => {
        const whole = { ...parts, protected: header, encryptedKey, ciphertext };
        expect(splitJwe(joinJwe(whole))).toEqual(whole);
      }),
    );
  });

  it('may have neither encrypted key nor ciphertext', () => {
    const empty = { ...parts, encryptedKey: '', ciphertext: '' };
    expect(splitJwe(joinJwe(empty))).toEqual(empty);
  });

  it.each([
    ['nothing', ''],
    ['no dot', 'e30'],
    ['dots alone', '....'],
    ['one part less', joinJwe(parts).replace('.', '')],
    ['three parts, a JWS', 'e30.e30.AAAA'],
    ['no header', joinJwe({ ...parts, protected: '' })],
    ['an IV of 11 bytes', joinJwe({ ...parts, iv: 'A'.repeat(15) })],
    ['an IV of 16 bytes', joinJwe({ ...parts, iv: 'A'.repeat(22) })],
    ['no IV', joinJwe({ ...parts, iv: '' })],
    ['a tag of 15 bytes', joinJwe({ ...parts, tag: 'B'.repeat(20) })],
    ['a tag of 4 bytes', joinJwe({ ...parts, tag: 'BBBBBB' })],
    ['no tag', joinJwe({ ...parts, tag: '' })],
    ['a part more at the end', `${joinJwe(parts)}.QUJD`],
    ['a part more at the start', `e30.${joinJwe(parts)}`],
  ])('is none with %s', (_, text) => {
    expect(splitJwe(text)).toBeUndefined();
  });

  it('leaves a dot too many in the ciphertext, which then does not decode', () => {
    const { ciphertext } = splitJwe(joinJwe({ ...parts, ciphertext: 'QUJD.QUJD' }))!;
    expect(ciphertext).toBe('QUJD.QUJD');
  });

  it('has a header of at most 4,096 bytes', () => {
    const header = (bytes: number) => Buffer.alloc(bytes, ' ').toString('base64url');
    expect(splitJwe(joinJwe({ ...parts, protected: header(4096) }))).toBeDefined();
    expect(splitJwe(joinJwe({ ...parts, protected: header(4097) }))).toBeUndefined();
  });
});
