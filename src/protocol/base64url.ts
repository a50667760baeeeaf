/**
 * Base64url without padding (RFC 4648 §5), canonical form only: every byte string has exactly one spelling, so that a
 * message cannot be changed without changing its bytes.
 */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const INVALID = 255;

const VALUES = new Uint8Array(128).fill(INVALID);
const CODES = new Uint8Array(64);
for (let value = 0; value < 64; value++) {
  CODES[value] = ALPHABET.charCodeAt(value);
  VALUES[CODES[value]!] = value;
}

let ascii: TextDecoder | undefined;

/** Bytes → base64url. It writes bytes first, which is ten times as fast as joining characters. */
export function encodeBase64url(bytes: Uint8Array): string {
  const text = new Uint8Array(Math.ceil((bytes.length * 4) / 3));
  let written = 0;
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    for (held += 8; held >= 6;) {
      held -= 6;
      text[written++] = CODES[(bits >> held) & 63]!;
    }
  }
  if (held > 0) text[written] = CODES[(bits << (6 - held)) & 63]!;
  return (ascii ??= new TextDecoder()).decode(text);
}

/**
 * Base64url → bytes, or `undefined` if the text is not the canonical form: a character outside the alphabet (including
 * padding and white space), a length of 1 mod 4, or unused bits that are not zero.
 */
export function decodeBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(base64urlByteLength(text));
  let written = 0;
  let bits = 0;
  let held = 0;
  for (let index = 0; index < text.length; index++) {
    const value = VALUES[text.charCodeAt(index)] ?? INVALID;
    if (value === INVALID) return undefined;
    bits = (bits << 6) | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[written++] = bits >> held;
    }
  }
  return held < 6 && (bits & ((1 << held) - 1)) === 0 ? bytes : undefined;
}

/** How many bytes a base64url string of this length decodes to. */
export function base64urlByteLength(text: string): number {
  return Math.floor((text.length * 3) / 4);
}

/** Whether the bits of the last character that belong to no byte are zero. */
export function hasZeroTail(text: string): boolean {
  const tail = text.length % 4;
  if (tail === 0) return true;
  const code = text.charCodeAt(text.length - 1);
  const value = code < 128 ? VALUES[code]! : INVALID;
  return value !== INVALID && (value & (tail === 2 ? 15 : 3)) === 0;
}
