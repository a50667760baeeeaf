import { describe, expect, it } from '@jest/globals';
import fc, { type Arbitrary } from 'fast-check';
import { shapeFlaw } from '../../../src/nest/exchange/body-shape.js';
import { parseJsonObject } from '../../../src/protocol/json.js';
import { edited } from './support/mutate.js';

/** JSON as it is written: members in a list, so that a name may stand twice, and every text in a spelling of its own. */
interface Written {
  readonly text: string;
  readonly isTwice: boolean;
}

const space = fc.constantFrom('', '', ' ', '\n\t');
const name = fc.constantFrom('a', 'b', 'a"', '\\', 'A', '__proto__', '', 'é', '\u{1f600}', '{', '",', 'x\u0000');

/** A string in any of the spellings that JSON has for it. */
function spelled(text: string, escape: readonly boolean[]): string {
  const units = text.split('').map((unit, index) => {
    return escape[index % escape.length]
      ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
      : JSON.stringify(unit).slice(1, -1);
  });
  return `"${units.join('')}"`;
}
const escapes = fc.array(fc.boolean(), { minLength: 1, maxLength: 3 });
const text = fc.tuple(name, escapes).map(([value, escape]) => ({ value, text: spelled(value, escape) }));

const { object: written } = fc.letrec<{ object: Written; value: Written }>((tie) => {
  const object = fc.array(fc.tuple(space, text, space, tie('value')), { maxLength: 4 }).map((members): Written => {
    const names = members.map(([, { value }]) => value);
    return {
      text: `{${members.map(([a, key, b, value]) => `${a}${key.text}${b}:${a}${value.text}${b}`).join(',')}}`,
      isTwice: new Set(names).size < names.length || members.some(([, , , { isTwice }]) => isTwice),
    };
  });
  const array: Arbitrary<Written> = fc.array(tie('value'), { maxLength: 3 }).map((values) => ({
    text: `[${values.map((value) => value.text).join(' , ')}]`,
    isTwice: values.some(({ isTwice }) => isTwice),
  }));
  const scalar: Arbitrary<Written> = fc.oneof(
    text.map((string) => ({ text: string.text, isTwice: false })),
    fc.constantFrom('0', '-1.5e3', 'true', 'null').map((literal) => ({ text: literal, isTwice: false })),
  );
  return {
    object,
    value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, object, array),
  };
});

describe('an object of JSON', () => {
  it('is read where no object in it names a member twice, and refused where one does', () => {
    const seen = { once: 0, twice: 0 };
    fc.assert(
      fc.property(written, ({ text: json, isTwice }) => {
        seen[isTwice ? 'twice' : 'once']++;
        const value = parseJsonObject(json);
        if (isTwice) expect(value).toBeUndefined();
        else expect(value).toEqual(JSON.parse(json));
      }),
      { numRuns: 2000 },
    );
    expect(Math.min(seen.once, seen.twice)).toBeGreaterThan(100);
  });

  it('is never more than JSON.parse takes, however it was changed, and no exception either', () => {
    fc.assert(
      fc.property(written, edited, ({ text: json }, change) => {
        const changed = change(json);
        const value = parseJsonObject(changed);
        if (value) expect(value).toEqual(JSON.parse(changed));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a sealed body of JSON', () => {
  const MAX_DEPTH = 5;

  it('reaches the handler without __proto__, without constructor.prototype, and no deeper than it may', () => {
    const key = fc.constantFrom('a', '__proto__', 'constructor', 'prototype', 'toString');
    const { value: any } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 8, depthIdentifier: 'body' },
        fc.constantFrom(1, null, 'x'),
        fc.array(tie('value'), { maxLength: 2, depthIdentifier: 'body' }),
        // Entries, since a literal's __proto__ is no member.
        fc.array(fc.tuple(key, tie('value')), { maxLength: 3, depthIdentifier: 'body' }).map(asObject),
      ),
    }));
    fc.assert(
      fc.property(any, (value) => {
        const json = JSON.stringify(value);
        const parsed: unknown = JSON.parse(json);
        const { depth, isForbidden } = shape(parsed);
        expect(shapeFlaw(parsed, MAX_DEPTH) !== undefined).toBe(depth > MAX_DEPTH || isForbidden);
        expect(({} as Record<string, unknown>).polluted).toBeUndefined();
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['half a million levels', `${'['.repeat(1 << 19)}${']'.repeat(1 << 19)}`],
    ['a hundred thousand objects in each other', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
  ])('is refused without an exception and without delay: %s', (_, json) => {
    const parsed: unknown = JSON.parse(json);
    const before = process.cpuUsage();
    expect(shapeFlaw(parsed, 32)).toBeDefined();
    expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
  });
});

function asObject(entries: readonly (readonly [string, unknown])[]): object {
  const object = {};
  for (const [key, value] of entries) {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return object;
}

/** How deep a value is, and whether an object in it would change everyone's prototype when it is merged. */
function shape(value: unknown): { depth: number; isForbidden: boolean } {
  if (typeof value !== 'object' || value === null) return { depth: 0, isForbidden: false };
  const own = Object.getOwnPropertyNames(value);
  const made: unknown = own.includes('constructor') ? (value as Record<string, unknown>).constructor : undefined;
  const parts = Object.values(value).map(shape);
  return {
    depth: 1 + Math.max(0, ...parts.map(({ depth }) => depth)),
    isForbidden:
      (!Array.isArray(value) && own.includes('__proto__')) ||
      (typeof made === 'object' && made !== null && Object.getOwnPropertyNames(made).includes('prototype')) ||
      parts.some(({ isForbidden }) => isForbidden),
  };
}
