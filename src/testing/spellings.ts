import { fold, toByteString } from './secrets.js';

/** How often one encoding is taken off after another. */
const DEPTH = 2;
/** Fewer characters in a row are not taken for base64 or hex. */
const MIN_RUN = 8;
/** A text that is longer is read as it is, and decoded once. */
const MAX_NESTED = 20_000;

/**
 * Everything that a byte string says once the usual encodings are taken off, in lower case: percent and form encoding,
 * JSON and HTML escapes, quoted-printable, base64 and base64url at any offset, hex, UTF-8 read as Latin-1; and two of
 * them one upon the other.
 */
export function readingsOf(text: string): Reading[] {
  const readings = new Set([text]);
  let fresh = [text];
  for (let depth = 0; depth < DEPTH; depth++) {
    const sources: readonly string[] = depth === 0 ? fresh : fresh.filter(({ length }) => length <= MAX_NESTED);
    fresh = sources.flatMap((source) => DECODERS.flatMap((decode) => decode(source)));
    for (const each of fresh) readings.add(each);
  }
  return [...readings].map((each) => new Reading(each));
}

/** One way to read a place. */
export class Reading {
  /** In lower case. */
  readonly text: string;
  /** Whether it is text and not random bytes, in which short words occur by chance. */
  readonly isText: boolean;
  #words: ReadonlySet<string> | undefined;

  constructor(text: string) {
    this.text = fold(text);
    // eslint-disable-next-line no-control-regex -- what is not in a text
    this.isText = !/[\u0000-\u0008\u000e-\u001f\ufffd]/.test(Buffer.from(text, 'latin1').toString('utf8'));
  }

  get words(): ReadonlySet<string> {
    return (this.#words ??= new Set(this.text.split(/[^a-z\d\u0080-\u00ff]+/)));
  }
}

type Decoder = (text: string) => string[];

const DECODERS: readonly Decoder[] = [
  replacing(/%([\da-f]{2})/gi, (_, hex) => fromCode(hex, 16)),
  replacing(/\+/g, () => ' '),
  replacing(/%u([\da-f]{4})/gi, (_, hex) => toByteString(fromCode(hex, 16))),
  replacing(/\\(?:u([\da-f]{4})|u\{([\da-f]+)\}|x([\da-f]{2})|([^ux]))/gi, (_, four, braced, two, other) =>
    four || braced ? toByteString(fromCode(four || braced, 16)) : two ? fromCode(two, 16) : (ESCAPES[other] ?? other),
  ),
  replacing(/&(?:#x([\da-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) =>
    hex || decimal ? toByteString(fromCode(hex || decimal, hex ? 16 : 10)) : (ENTITIES[name.toLowerCase()] ?? whole),
  ),
  replacing(/=([\da-f]{2})/gi, (_, hex) => fromCode(hex, 16)),
  (text) =>
    runs(text, /[\w+/-]+/g).flatMap((run) => [0, 1, 2, 3].map((offset) => decode(run.slice(offset), 'base64url'))),
  (text) => runs(text, /[\da-f]+/gi).flatMap((run) => [0, 1].map((offset) => decode(run.slice(offset), 'hex'))),
  // Bytes with separators, as in AB:CD:EF and ab cd ef.
  (text) => runs(text, /[\da-f]{2}(?:[: -][\da-f]{2})+/gi).map((run) => decode(run.replace(/[: -]/g, ''), 'hex')),
];

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' };
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

function replacing(pattern: RegExp, by: (whole: string, ...groups: string[]) => string): Decoder {
  return (text) => {
    const decoded = text.replace(pattern, (whole, ...groups) => by(whole, ...(groups as string[])));
    return decoded === text ? [] : [decoded];
  };
}

function runs(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([run]) => run).filter(({ length }) => length >= MIN_RUN);
}

function decode(run: string, encoding: 'base64url' | 'hex'): string {
  return Buffer.from(run, encoding).toString('latin1');
}

function fromCode(digits: string, radix: number): string {
  const code = Number.parseInt(digits, radix);
  return code <= 0x10ffff ? String.fromCodePoint(code) : '';
}
