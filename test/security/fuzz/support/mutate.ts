import fc, { type Arbitrary } from 'fast-check';

/** A change to a text. Places are fractions of its length, so that one change fits every text, and shrinks. */
export type Change = (text: string) => string;

/** Any text at all, lone surrogates too. (fast-check's own `binary` unit takes seconds to set up.) */
export const anyText: Arbitrary<string> = fc.string({
  unit: fc.oneof(fc.nat(127), fc.nat(0xffff)).map((code) => String.fromCharCode(code)),
  maxLength: 400,
});

const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const at = (text: string, fraction: number): number => Math.floor(fraction * text.length);

/** What parsers trip over: separators, escapes, other alphabets, numbers at the edges, names with a meaning. */
const TOKENS = [
  ...[
    '.',
    '..',
    '=',
    '+',
    '/',
    '-',
    '_',
    '%',
    '?',
    '#',
    '\0',
    ' ',
    '\n',
    '"',
    '\\',
    '\\u0000',
    '{',
    '}',
    '[',
    ']',
    ',',
  ],
  ...['ſ', 'K', 'é', '\u{1d7d9}', '\ud800', '\ufeff', 'A', 'AA', 'AAA', 'AAAA', '0', '-0', '1e3', '9007199254740993'],
  ...[
    'null',
    'true',
    '[]',
    '{}',
    '"dir"',
    '"zip":"DEF",',
    '"crit":["b64"],',
    '"alg":"none",',
    '"__proto__":{},',
    '"d":"AA",',
  ],
];

const edit: Arbitrary<Change> = fc.oneof(
  fc.tuple(place, fc.nat(7)).map(([where, bit]): Change => {
    return (text) => {
      const index = at(text, where);
      return text.slice(0, index) + String.fromCharCode(text.charCodeAt(index) ^ (1 << bit)) + text.slice(index + 1);
    };
  }),
  place.map(
    (where): Change =>
      (text) =>
        text.slice(0, at(text, where)),
  ),
  place.map(
    (where): Change =>
      (text) =>
        text.slice(at(text, where)),
  ),
  fc.tuple(place, fc.constantFrom(...TOKENS)).map(([where, token]): Change => {
    return (text) => text.slice(0, at(text, where)) + token + text.slice(at(text, where));
  }),
  fc.tuple(place, place, place).map(([a, b, to]): Change => {
    return (text) => {
      const [start, end] = [at(text, Math.min(a, b)), at(text, Math.max(a, b))];
      return text.slice(0, at(text, to)) + text.slice(start, end) + text.slice(at(text, to));
    };
  }),
  fc.tuple(place, place).map(([a, b]): Change => {
    return (text) => text.slice(0, at(text, Math.min(a, b))) + text.slice(at(text, Math.max(a, b)));
  }),
);

function severally(changes: Arbitrary<Change>, maxLength: number): Arbitrary<Change> {
  return fc.array(changes, { minLength: 1, maxLength }).map(
    (all): Change =>
      (text) =>
        all.reduce((so, change) => change(so), text),
  );
}

/** One to four edits anywhere in a text. */
export const edited: Arbitrary<Change> = severally(edit, 4);

/** A value that a member may suddenly have. */
export const memberValue: Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    'dir',
    'RSA-OAEP-256',
    'none',
    'A256GCM',
    'A128GCM',
    'e2e-req+jwe',
    'e2e-res+jwe',
    'JWT',
    '/',
    '*',
    'GET',
  ),
  fc.constantFrom(0, -1, 1, 1.5, 2 ** 32, 2 ** 32 + 1, 2 ** 53, Number.MAX_VALUE),
);

/** JSON whose members were set, dropped, added or named twice; everything that is no JSON object is edited as text. */
export function jsonChange(names: readonly string[]): Arbitrary<Change> {
  const name = fc.oneof(fc.constantFrom(...names), fc.constantFrom('zip', 'crit', '__proto__', 'd', 'k'), fc.string());
  const member = fc.oneof(
    fc.tuple(name, memberValue).map(([key, value]) => (object: object) => ({ ...object, [key]: value })),
    name.map((key) => (object: object) => Object.fromEntries(Object.entries(object).filter(([own]) => own !== key))),
    fc.tuple(name, edited).map(([key, change]) => (object: object) => {
      const value = (object as Record<string, unknown>)[key];
      return typeof value === 'string' ? { ...object, [key]: change(value) } : object;
    }),
  );
  const members = fc.array(member, { minLength: 1, maxLength: 3 }).map((all): Change => {
    return (text) => {
      const object = readObject(text);
      return object ? JSON.stringify(all.reduce((so, change) => change(so), object)) : text;
    };
  });
  const twice = fc.tuple(name, memberValue).map(([key, value]): Change => {
    return (text) => text.replace('{', () => `{${JSON.stringify(key)}:${JSON.stringify(value)},`);
  });
  return fc.oneof(members, twice, edited);
}

/** A change to one part of a text of base64url parts joined by dots, or to the order and number of the parts. */
export function compactChange(headerNames: readonly string[]): Arbitrary<Change> {
  const part = (which: number, change: Change): Change => {
    return (text) => {
      const parts = text.split('.');
      const index = which % parts.length;
      parts[index] = change(parts[index]!);
      return parts.join('.');
    };
  };
  const decoded = (change: Change): Change => {
    return (text) =>
      Buffer.from(change(Buffer.from(text, 'base64url').toString('latin1')), 'latin1').toString('base64url');
  };
  const changes = fc.oneof(
    edited,
    fc.tuple(fc.nat(4), edited).map(([which, change]) => part(which, change)),
    fc.tuple(fc.nat(4), edited).map(([which, change]) => part(which, decoded(change))),
    jsonChange(headerNames).map((change) => part(0, decoded(change))),
    fc.tuple(fc.nat(4), fc.uint8Array({ maxLength: 40 })).map(([which, bytes]) => {
      return part(which, () => Buffer.from(bytes).toString('base64url'));
    }),
    fc.tuple(fc.nat(4), fc.nat(4)).map(([a, b]): Change => {
      return (text) => {
        const parts = text.split('.');
        const [first, second] = [a % parts.length, b % parts.length];
        [parts[first], parts[second]] = [parts[second]!, parts[first]!];
        return parts.join('.');
      };
    }),
  );
  return severally(changes, 3);
}

function readObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
