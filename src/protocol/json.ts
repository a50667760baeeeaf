/**
 * JSON as the protocol accepts it: any spelling (order, white space, `\u` escapes), no member named twice
 * (RFC 8259 §4 leaves the meaning of such an object open, and two readers that differ are an attack).
 */
export type JsonObject = Readonly<Record<string, unknown>>;

const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** After a string, where it is sought: that the string was a name. */
const COLON = /\s*:/y;

// Created when needed, so that a missing class is reported by the client's options, not by a failing import.
let encoder: TextEncoder | undefined;
let decoder: TextDecoder | undefined;
let lenient: TextDecoder | undefined;

/** Text → UTF-8 bytes. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return (encoder ??= new TextEncoder()).encode(text);
}

/** UTF-8 bytes → text; throws a TypeError on malformed UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  return (decoder ??= new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })).decode(bytes);
}

/**
 * Bytes that ought to be ASCII → text. Every other byte becomes a character that no base64url and no name has, so what
 * reads the text refuses it. (React Native decodes UTF-8 alone, not Latin-1.)
 */
export function fromAscii(bytes: Uint8Array): string {
  return (lenient ??= new TextDecoder('utf-8', { ignoreBOM: true })).decode(bytes);
}

/** The JSON object in this text, or `undefined` if it is not JSON, not an object, or names a member twice. */
export function parseJsonObject(text: string): JsonObject | undefined {
  const value = parseJson(text)?.value;
  return isJsonObject(value) ? value : undefined;
}

/** The value that this text is the JSON of, or `undefined` if it is not JSON, or names a member twice. */
export function parseJson(text: string): { readonly value: unknown } | undefined {
  let value: unknown;
  let again: string;
  try {
    value = JSON.parse(text);
    again = JSON.stringify(value);
  } catch {
    // The cause quotes the input, which may be a secret: it ends here.
    return undefined;
  }
  // Most are written as JavaScript writes them: what is the same when written again has lost no member.
  return again !== text && namesAMemberTwice(text) ? undefined : { value };
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Walks a text that is known to be valid JSON: strings are skipped whole, and one before a colon is a name. */
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

/** Where the string ends that begins at `start`: at a quotation mark with an even number of backslashes before it. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); ; end = json.indexOf('"', end + 1)) {
    let escapes = end;
    while (json.charCodeAt(escapes - 1) === BACKSLASH) escapes--;
    if ((end - escapes) % 2 === 0) return end;
  }
}
