/**
 * JSON as the protocol accepts it: any spelling (order, white space, `\u` escapes), no member named twice
 * (RFC 8259 §4 leaves the meaning of such an object open, and two readers that differ are an attack).
 */
export type JsonObject = Readonly<Record<string, unknown>>;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text → UTF-8 bytes. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** UTF-8 bytes → text; throws a TypeError on malformed UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** The JSON object in this text, or `undefined` where it is not JSON, not an object, or names a member twice. */
export function parseJsonObject(text: string): JsonObject | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The cause quotes the input, which may be a secret: it ends here.
    return undefined;
  }
  return isJsonObject(value) && !namesAMemberTwice(text) ? value : undefined;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Walks a text that is known to be valid JSON: strings are skipped whole, and a string before a colon is a name. */
function namesAMemberTwice(json: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  let nameExpected = false;
  for (let index = 0; index < json.length; index++) {
    switch (json.charCodeAt(index)) {
      case 0x7b: // {
        open.push(new Set());
        nameExpected = true;
        break;
      case 0x5b: // [
        open.push(undefined);
        nameExpected = false;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        nameExpected = false;
        break;
      case 0x2c: // ,
        nameExpected = open[open.length - 1] !== undefined;
        break;
      case 0x22: {
        // "
        const end = endOfString(json, index);
        if (nameExpected) {
          const names = open[open.length - 1]!;
          const name = JSON.parse(json.slice(index, end + 1)) as string;
          if (names.has(name)) return true;
          names.add(name);
          nameExpected = false;
        }
        index = end;
      }
    }
  }
  return false;
}

function endOfString(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  while (isEscaped(json, end)) end = json.indexOf('"', end + 1);
  return end;
}

function isEscaped(json: string, index: number): boolean {
  let backslashes = 0;
  while (json.charCodeAt(index - 1 - backslashes) === 0x5c) backslashes++;
  return backslashes % 2 === 1;
}
