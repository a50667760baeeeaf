/**
 * JSON as the protocol accepts it: any spelling (order, white space, `\u` escapes), no duplicate member names (RFC 8259
 * §4 leaves the meaning of such an object open, and two readers that disagree can be attacked).
 */
export type JsonObject = Readonly<Record<string, unknown>>;

const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Matches after a string that was a member's name. */
const COLON = /\s*:/y;

// Created when needed, so that a missing class is reported by the client's options, not by a failing import.
let encoder: TextEncoder | undefined;
let decoder: TextDecoder | undefined;
let lenient: TextDecoder | undefined;

/** String → UTF-8 bytes. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return (encoder ??= new TextEncoder()).encode(text);
}

/** UTF-8 bytes → string; throws a TypeError on malformed UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  return (decoder ??= new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })).decode(bytes);
}

/**
 * Bytes that should be ASCII → string. Every other byte becomes a character that base64url and names do not have, so
 * the reader rejects it. (React Native decodes only UTF-8, not Latin-1.)
 */
export function fromAscii(bytes: Uint8Array): string {
  return (lenient ??= new TextDecoder('utf-8', { ignoreBOM: true })).decode(bytes);
}

/** The JSON object in this string, or `undefined` if it is not JSON, not an object, or names a member twice. */
export function parseJsonObject(text: string): JsonObject | undefined {
  const value = parseJson(text)?.value;
  return isJsonObject(value) ? value : undefined;
}

/** The value of this JSON string, or `undefined` if it is not JSON or names a member twice. */
export function parseJson(text: string): { readonly value: unknown } | undefined {
  let value: unknown;
  let again: string;
  try {
    value = JSON.parse(text);
    again = JSON.stringify(value);
  } catch {
    // The error quotes the input, which may be a secret, so it is dropped here.
    return undefined;
  }
  // Most JSON is written as JavaScript writes it. If it is the same when written again, no member was lost.
  return again !== text && namesAMemberTwice(text) ? undefined : { value };
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Walks a string that is known to be valid JSON. It skips strings; one before a colon is a member's name. */
function namesAMemberTwice(json: string): boolean {
  const open: Set<string>[] = [];
  for (let index = 0; index < json.length; index++) {
    const code = json.charCodeAt(index);
    if (code === OPENING_BRACE) {
      open.push(new Set());
    } else if (code === CLOSING_BRACE) {
      open.pop();
    } else if (code === QUOTE) {
      const start = index;
      index = endOfString(json, start);
      COLON.lastIndex = index + 1;
      if (COLON.test(json)) {
        const names = open.at(-1)!;
        const text = json.slice(start, index + 1);
        const name = text.includes('\\') ? (JSON.parse(text) as string) : text.slice(1, -1);
        if (names.has(name)) return true;
        names.add(name);
      }
    }
  }
  return false;
}

/** The end of the string that begins at `start`: a quotation mark with an even number of backslashes before it. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); ; end = json.indexOf('"', end + 1)) {
    let escapes = end;
    while (json.charCodeAt(escapes - 1) === BACKSLASH) escapes--;
    if ((end - escapes) % 2 === 0) return end;
  }
}
