import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fromUtf8, utf8 } from '../../../src/protocol/json.js';
import { pad, padmeLength } from '../../../src/protocol/padding.js';

describe('padding', () => {
  // Worked by hand from the paper's algorithm: the low E − S bits are rounded up, E = ⌊log₂ L⌋, S = ⌊log₂ E⌋ + 1.
  it.each([
    [0, 0],
    [1, 1],
    [2, 2],
    [8, 8],
    [9, 10],
    [47, 48],
    [100, 104],
    [1000, 1024],
    [1025, 1088],
    [65537, 67584],
    [1048577, 1081344],
  ])('makes a length of %i one of %i', (length, padded) => {
    expect(padmeLength(length)).toBe(padded);
  });

  it('makes a length never shorter, at most 12 % longer, and a padded length no longer at all', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (length) => {
        const padded = padmeLength(length);
        expect(padded).toBeGreaterThanOrEqual(length);
        expect(padded).toBeLessThanOrEqual(length * 1.12);
        expect(padmeLength(padded)).toBe(padded);
      }),
      { numRuns: 1000 },
    );
  });

  it.each(['application/json', 'Application/JSON; charset=utf-8', 'application/problem+json'])(
    'leaves what %s says as it was',
    (type) => {
      fc.assert(
        fc.property(fc.jsonValue(), (value) => {
          const json = utf8(JSON.stringify(value));
          const padded = pad(json, type);
          expect(padded).toHaveLength(padmeLength(json.length));
          expect(JSON.parse(fromUtf8(padded))).toEqual(JSON.parse(fromUtf8(json)));
          expect(fromUtf8(padded).trimEnd()).toBe(fromUtf8(json).trimEnd());
        }),
      );
    },
  );

  it.each(['text/plain', 'application/octet-stream', 'application/vnd.api+json', undefined])(
    'adds nothing to %s',
    (type) => {
      const plaintext = utf8('x'.repeat(47));
      expect(pad(plaintext, type)).toBe(plaintext);
    },
  );
});
