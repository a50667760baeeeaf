import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fromUtf8, parseJsonObject, utf8 } from '../../../src/protocol/json.js';

describe('a JSON object', () => {
  it('is read in any spelling', () => {
    expect(parseJsonObject('{"a":1,"b":[{"a":2},{"a":3}],"c":{"a":{"a":null}}}')).toEqual({
      a: 1,
      b: [{ a: 2 }, { a: 3 }],
      c: { a: { a: null } },
    });
    expect(parseJsonObject(' {\n"\\u0061" : 1 ,\t"b": "a\\"\\\\" , "\\\\":"\\\\"} ')).toEqual({
      a: 1,
      b: 'a"\\',
      '\\': '\\',
    });
    expect(parseJsonObject('{}')).toEqual({});
  });

  it('is whatever JSON.stringify made of an object, with or without spaces', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        expect(parseJsonObject(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  it('is rejected with any member twice, at any depth and in any spelling', () => {
    const escaped = (name: string) =>
      `"${[...name].map((_, index) => `\\u${name.charCodeAt(index).toString(16).padStart(4, '0')}`).join('')}"`;
    const name = fc.string({ unit: fc.constantFrom(...'abc"\\{}[]:,/ é'), maxLength: 5 });
    fc.assert(
      fc.property(
        name,
        fc.jsonValue(),
        fc.array(fc.constantFrom('array', 'object'), { maxLength: 4 }),
        fc.boolean(),
        (member, value, nesting, spelledOut) => {
          const again = spelledOut ? escaped(member) : JSON.stringify(member);
          let json = `{${JSON.stringify(member)}:${JSON.stringify(value)}, ${again} :0}`;
          for (const kind of nesting) json = kind === 'array' ? `[{"a":1},${json}]` : `{"x":[{}],"y":${json}}`;
          expect(parseJsonObject(`{"deep":${json}}`)).toBeUndefined();
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    ['a member twice', '{"a":1,"a":1}'],
    ['a member twice by an escape', '{"a":1,"\\u0061":1}'],
    ['a member twice after a nested object', '{"a":{"b":1},"a":1}'],
    ['a member twice in an array', '{"a":[1,{"b":1,"b":2}]}'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
    ['an array', '[{"a":1}]'],
    ['a string', '"{}"'],
    ['null', 'null'],
    ['nothing', ''],
    ['what is not JSON', '{a:1}'],
    ['a trailing comma', '{"a":1,}'],
    ['two objects', '{}{}'],
    ['a byte order mark', '\ufeff{}'],
  ])('refuses %s', (_, text) => {
    expect(parseJsonObject(text)).toBeUndefined();
  });

  it('keeps __proto__ a member like any other', () => {
    const object = parseJsonObject('{"__proto__":{"admin":true}}')!;
    expect(Object.hasOwn(object, '__proto__')).toBe(true);
    expect(object.admin).toBeUndefined();
  });
});

describe('UTF-8', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(fromUtf8(utf8(text))).toBe(text);
      }),
    );
  });

  it.each([
    ['a stray continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a cut character', [0xf0, 0x9f, 0x94]],
  ])('is refused with %s', (_, bytes) => {
    expect(() => fromUtf8(new Uint8Array(bytes))).toThrow();
  });
});
