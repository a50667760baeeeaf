/**
 * The ways in which bytes can turn up in a text: as they are, in hexadecimal, in base64 of either alphabet whatever
 * stands before them, as an array of numbers, as JavaScript prints and serializes a Buffer.
 */
function formsOf(bytes: Uint8Array): Map<string, string> {
  const buffer = Buffer.from(bytes);
  const hex = buffer.toString('hex');
  const forms = new Map([
    ['latin1', buffer.toString('latin1')],
    ['JSON', JSON.stringify(buffer.toString('utf8')).slice(1, -1)],
    ['URL', encodeURIComponent(buffer.toString('latin1'))],
    ['hex', hex],
    ['HEX', hex.toUpperCase()],
    ['Buffer', hex.replace(/(..)(?=.)/g, '$1 ')],
    ['numbers', bytes.join(',')],
    ['members', JSON.stringify({ ...bytes }).slice(1, -1)],
  ]);
  for (let before = 0; before < 3; before++) {
    // With so many bytes before them, and without the characters that their neighbours have a part in.
    const base64 = Buffer.concat([Buffer.alloc(before), buffer]).toString('base64url');
    const own = base64.slice(before === 0 ? 0 : before + 1, Math.floor(((before + bytes.length) * 4) / 3));
    forms.set(`base64url, ${before}`, own);
    forms.set(`base64, ${before}`, own.replaceAll('-', '+').replaceAll('_', '/'));
  }
  return forms;
}

/** A text that is searched for many secrets. */
export class Haystack {
  readonly #text: string;
  /** Node prints long arrays in columns. */
  readonly #compact: string;

  constructor(text: string) {
    this.#text = text;
    this.#compact = text.replace(/\s+/g, '');
  }

  /** The forms in which these bytes are in the text. */
  find(bytes: Uint8Array): string[] {
    return [...formsOf(bytes)]
      .filter(([, form]) => this.#text.includes(form) || this.#compact.includes(form))
      .map(([name]) => name);
  }
}

export function formsFound(bytes: Uint8Array, text: string): string[] {
  return new Haystack(text).find(bytes);
}
