import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseRequestHeader, parseResponseHeader } from '../../../src/protocol/message.js';
import { anyText, jsonChange, memberValue } from './support/mutate.js';

/** The members of PROTOCOL §4 and what they may be, written once more as a table of predicates. */
const string = (value: unknown) => typeof value === 'string';
const optional = (is: (value: unknown) => boolean) => (value: unknown) => value === undefined || is(value);
const whole = (min: number, max: number) => (value: unknown) =>
  typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
const one =
  (...of: unknown[]) =>
  (value: unknown) =>
    of.includes(value);
const mediaType = (value: unknown) =>
  string(value) &&
  value.length <= 255 &&
  /^[!-~]+\/[!-~]+?( *;[ -~]*)?$/.test(value) &&
  !/^application\/jose/i.test(value);

type Table = Record<string, (value: unknown) => boolean>;
const COMMON: Table = {
  alg: one('dir', 'RSA-OAEP-256'),
  enc: one('A256GCM'),
  kid: string,
  seq: whole(1, 2 ** 32),
  iat: whole(0, Number.MAX_SAFE_INTEGER),
  cty: optional(mediaType),
  meta: optional(whole(2, 16_384)),
  // Beside the media type that both headers here have; a length only where frames follow.
  frames: one('body', undefined),
  length: one(undefined),
  crit: one(undefined),
  zip: one(undefined),
};
const REQUEST: Table = {
  ...COMMON,
  typ: one('e2e-req+jwe'),
  method: (value) => string(value) && /^[A-Z-]+$/.test(value),
  target: (value) => string(value) && (value.startsWith('/') || value === '*'),
  idem: optional((value) => string(value) && /^[ -~]{1,255}$/.test(value)),
  again: one(undefined),
  ek: optional(string),
  dev: optional(string),
};
const RESPONSE: Table = {
  ...COMMON,
  typ: one('e2e-res+jwe'),
  status: whole(200, 599),
  early: one(true, undefined),
};

const common = { alg: 'dir', enc: 'A256GCM', kid: 'k', seq: 7, iat: 1795392000, cty: 'application/json' };
const request = {
  ...common,
  typ: 'e2e-req+jwe',
  method: 'POST',
  target: '/a?b=c',
  idem: 'i',
  ek: 'AAAA',
  dev: 'a.b.c',
};
const response = { ...common, typ: 'e2e-res+jwe', status: 200, meta: 40, early: true };

describe.each([
  ['request', parseRequestHeader, REQUEST, request],
  ['response', parseResponseHeader, RESPONSE, response],
] as const)("a %s's header", (_, parse, table, valid) => {
  const text = JSON.stringify(valid);
  const names = Object.keys(table);

  it('is read whatever changed, or refused: never with a member that the protocol does not allow', () => {
    let read = 0;
    fc.assert(
      fc.property(jsonChange(names), (change) => {
        const changed = change(text);
        const header = parse(changed) as Record<string, unknown> | undefined;
        if (!header) return;
        read++;
        expect(header).toEqual(JSON.parse(changed));
        expect(names.filter((name) => !table[name]!(header[name]))).toEqual([]);
      }),
      { numRuns: 3000 },
    );
    // Some changes are allowed ones; were all refused, nothing would have been looked at.
    expect(read).toBeGreaterThan(20);
  });

  it('is read exactly where each of its members is as the protocol says', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.option(memberValue, { nil: undefined }), (name, value) => {
        const header = { ...valid, [name]: value };
        const fits = names.every((member) => table[member]!((header as Record<string, unknown>)[member]));
        // The table is laxer than the protocol in these alone.
        if (fits && ['method', 'cty'].includes(name)) return;
        expect(parse(JSON.stringify(header)) !== undefined).toBe(fits);
      }),
      { numRuns: 3000 },
    );
  });

  it('is no text of any other kind', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.json()), (random) => {
        expect(parse(random)).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });
});
