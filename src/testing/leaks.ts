import { fold, foldAscii, MIN_LENGTH, toByteString, type Secret } from './secrets.js';
import { readingsOf, type Reading } from './spellings.js';

/** Something visible on the wire: its place and its content, as a byte string. */
export interface Place {
  readonly name: string;
  readonly text: string;
  /** Its visible content. */
  readonly known?: string;
  /** Whether it should be random bytes, in which short runs of a secret occur by chance. */
  readonly isCiphertext?: boolean;
}

/** Windows of fewer different characters occur by chance: `000000`, `------`. */
const MIN_DIFFERENT = 4;
/** Digits and hex are a leak only in longer runs; of what is nothing else, such as a UUID, in still longer ones. */
const HEX = /^[\da-f-]+$/;
const HEX_WINDOW = 8;
const UUID_WINDOW = 12;

/**
 * The places that show a secret or a part of one, described without quoting the secret. Content of `known` is public
 * anyway, such as the route's path.
 */
export function findLeaks(
  secrets: readonly Secret[],
  places: readonly Place[],
  known: readonly string[] = [],
): string[] {
  const leaks = places.flatMap(({ name, text, known: own = '', isCiphertext = false }) => {
    if (isCiphertext) return findInCiphertext(secrets, name, text);
    const folded = [...known, own].map((each) => fold(toByteString(each)));
    const isPublic = (part: string) => folded.some((each) => each.includes(part));
    const readings = readingsOf(text);
    const windows = new Windows(readings);
    const whole = secrets.filter(
      (secret) => readings.some((reading) => isIn(secret, reading)) && !isPublic(secret.text),
    );
    const said = new Set(whole.map(({ what }) => what));
    const parts = secrets.filter((secret) => !said.has(secret.what) && windows.overlap(secret, isPublic));
    // A body as a whole is named only where none of its members is.
    const isMember = ({ isWhole }: Secret) => !isWhole;
    const relevant = [...whole, ...parts].some(isMember) ? isMember : () => true;
    return [
      ...whole.filter(relevant).map(({ what }) => `${what} can be read in ${name}`),
      ...parts.filter(relevant).map(({ what }) => `part of ${what} can be read in ${name}`),
    ];
  });
  return [...new Set(leaks)];
}

/** A run of this many bytes of a secret does not occur in ciphertext by chance. */
const CIPHERTEXT_WINDOW = 12;

/** Long secrets in long ciphertexts: a run of twice the window holds one whole piece of the secret, wherever it begins. */
function findInCiphertext(secrets: readonly Secret[], name: string, text: string): string[] {
  const wire = foldAscii(text);
  const pieces = new Map<string, string>();
  const whole: string[] = [];
  for (const { text: secret, what, window, isWord } of secrets) {
    // A few letters occur in random bytes by chance.
    if (isWord || secret.length < MIN_LENGTH) continue;
    if (secret.length <= 2 * CIPHERTEXT_WINDOW || window === undefined) {
      if (wire.includes(foldAscii(secret))) whole.push(what);
      continue;
    }
    for (let at = 0; at + CIPHERTEXT_WINDOW <= secret.length; at += CIPHERTEXT_WINDOW) {
      const piece = foldAscii(secret.slice(at, at + CIPHERTEXT_WINDOW));
      if (new Set(piece).size >= MIN_DIFFERENT) pieces.set(piece, what);
    }
  }
  const parts = new Set<string>();
  for (let at = 0; pieces.size > 0 && at + CIPHERTEXT_WINDOW <= wire.length; at++) {
    const what = pieces.get(wire.slice(at, at + CIPHERTEXT_WINDOW));
    if (what !== undefined) parts.add(what);
  }
  return [
    ...whole.map((what) => `${what} can be read in ${name}`),
    ...[...parts].map((what) => `part of ${what} can be read in ${name}`),
  ];
}

function isIn({ text, isWord }: Secret, reading: Reading): boolean {
  if (!isWord) return reading.text.includes(text);
  return reading.isText && reading.words.has(text);
}

/** Every run of so many characters that a place's readings have. */
class Windows {
  readonly #readings: readonly Reading[];
  readonly #bySize = new Map<number, Set<string>>();

  constructor(readings: readonly Reading[]) {
    this.#readings = readings;
  }

  overlap({ text, window, mustHave, isWhole }: Secret, isPublic: (text: string) => boolean): boolean {
    if (window === undefined || text.length < window) return false;
    const seen = this.#of(window);
    const hexWindow = isWhole || HEX.test(text) ? UUID_WINDOW : HEX_WINDOW;
    for (let at = 0; at + window <= text.length; at++) {
      let part = text.slice(at, at + window);
      if (!seen.has(part)) continue;
      if (HEX.test(part)) {
        part = text.slice(at, at + hexWindow);
        if (part.length < hexWindow || !this.#of(hexWindow).has(part)) continue;
      }
      if (new Set(part).size < MIN_DIFFERENT || mustHave?.test(part) === false) continue;
      if (!isPublic(part)) return true;
    }
    return false;
  }

  #of(size: number): Set<string> {
    let windows = this.#bySize.get(size);
    if (!windows) {
      windows = new Set();
      for (const { text } of this.#readings) {
        for (let at = 0; at + size <= text.length; at++) windows.add(text.slice(at, at + size));
      }
      this.#bySize.set(size, windows);
    }
    return windows;
  }
}
