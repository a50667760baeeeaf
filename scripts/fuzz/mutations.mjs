/** Random changes to texts, from a seed: bytes, tokens, pieces of other inputs, base64url parts, JSON members. */
const TOKENS = [
  ...[
    '.',
    '..',
    '=',
    '+',
    '/',
    '-',
    '_',
    '%2f',
    '?',
    '#',
    '\0',
    ' ',
    '\n',
    '"',
    '\\',
    '\\u0061',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
  ],
  ...[
    'ſ',
    'K',
    'é',
    '\u{1d7d9}',
    '\ud800',
    '\ufeff',
    'A',
    'AA',
    'AAA',
    'AAAA',
    '0',
    '-0',
    '1e3',
    '4294967297',
    '9007199254740993',
  ],
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
  ...[
    '"constructor":{"prototype":1},',
    'RSA-OAEP-256',
    'application/json',
    '; charset=utf-8',
    '-----BEGIN PUBLIC KEY-----',
  ],
];
/** Names with a meaning, somewhere. */
const NAMES =
  'd k pub priv crit zip alg enc typ kid n e crv x y cty ek dev idem secret device __proto__ constructor prototype'.split(
    ' ',
  );
const VALUES = [
  '',
  'dir',
  'none',
  'GET',
  '/',
  '*',
  'AQAB',
  'P-256',
  'X25519',
  'MLKEM768-X25519',
  'Ed25519',
  'OKP',
  'AKP',
  'EC',
  'RSA',
  0,
  -1,
  1.5,
  2 ** 32 + 1,
  null,
  true,
  [],
  {},
];
const MAX_LENGTH = 20_000;

/** mulberry32 */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Mutator {
  #random;

  constructor(seed) {
    this.#random = random(seed);
  }

  below(limit) {
    return Math.floor(this.#random() * limit);
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** One to four changes to a text; `corpus` lends pieces. */
  mutate(text, corpus) {
    let changed = text;
    for (let left = 1 + this.below(4); left > 0; left--) changed = this.#change(changed, corpus);
    return changed.slice(0, MAX_LENGTH);
  }

  #change(text, corpus) {
    switch (this.below(5)) {
      case 0:
        return this.#part(text, corpus);
      case 1:
        return this.#members(text, corpus);
      default:
        return this.#edit(text, corpus);
    }
  }

  #edit(text, corpus) {
    const at = this.below(text.length + 1);
    const to = at + this.below(Math.min(text.length - at, 64) + 1);
    const other = this.pick(corpus);
    const from = this.below(other.length + 1);
    switch (this.below(7)) {
      case 0:
        return (
          text.slice(0, at) +
          String.fromCharCode((text.charCodeAt(at) || 0) ^ (1 << this.below(8))) +
          text.slice(at + 1)
        );
      case 1:
        return text.slice(0, at) + text.slice(to);
      case 2:
        return text.slice(0, at) + this.pick(TOKENS) + text.slice(at);
      case 3:
        return text.slice(0, to) + text.slice(at, to) + text.slice(to);
      case 4:
        return text.slice(0, at) + other.slice(from, from + this.below(128)) + text.slice(to);
      case 5:
        return text.slice(0, at) + this.pick(TOKENS).repeat(1 << this.below(9)) + text.slice(to);
      default:
        return this.below(2) ? text.slice(0, at) : text.slice(at);
    }
  }

  /** One of the dotted parts: as it stands, or as the bytes that it is the base64url of; or two of them swapped. */
  #part(text, corpus) {
    const parts = text.split('.');
    const index = this.below(parts.length);
    const others = this.pick(corpus).split('.');
    switch (this.below(4)) {
      case 0:
        parts[index] = others[index % others.length];
        break;
      case 1:
        parts[index] = this.#edit(parts[index], corpus);
        break;
      default: {
        const inside = Buffer.from(parts[index], 'base64url').toString('latin1');
        const changed = this.below(2) ? this.#members(inside, corpus) : this.#edit(inside, corpus);
        parts[index] = Buffer.from(changed, 'latin1').toString('base64url');
      }
    }
    return parts.join('.');
  }

  #members(text, corpus) {
    let object;
    try {
      object = JSON.parse(text);
    } catch {
      return this.#edit(text, corpus);
    }
    if (typeof object !== 'object' || object === null) return this.#edit(text, corpus);
    const names = Object.keys(object);
    const name = this.pick(this.below(3) && names.length > 0 ? names : NAMES);
    const value = this.below(2) ? this.pick(VALUES) : object[this.pick(names)];
    switch (this.below(4)) {
      case 0:
        return JSON.stringify({ ...object, [name]: value });
      case 1:
        return JSON.stringify({ ...object, [name]: undefined });
      case 2:
        return text.replace('{', () => `{${JSON.stringify(name)}:${JSON.stringify(value) ?? null},`);
      default:
        if (typeof object[name] === 'string') {
          return JSON.stringify({ ...object, [name]: this.#edit(object[name], corpus) });
        }
        return JSON.stringify({ ...object, [name]: { [name]: object[name] } });
    }
  }
}
