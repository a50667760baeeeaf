import { utf8 } from '../../protocol/json.js';
import { OCTETS_MEDIA_TYPE } from '../../protocol/media-type.js';
import { generate, readBlob, type BodySource } from './source.js';

const BOUNDARY_BYTES = 16;
const CRLF = '\r\n';

/**
 * A form as `multipart/form-data` (RFC 7578), written as browsers write it (HTML §4.10.21.8); files are read while they
 * are sent.
 */
export function formSource(form: FormData): BodySource {
  const boundary = `----e2e-${randomHex(BOUNDARY_BYTES)}`;
  // The current entries: what is appended while the form is sent belongs to the next request.
  const parts = [...form].flatMap(([name, value]) => partOf(boundary, name, value));
  parts.push(utf8(`--${boundary}--${CRLF}`));
  return {
    length: parts.reduce((sum, part) => sum + (part instanceof Uint8Array ? part.length : part.size), 0),
    mediaType: `multipart/form-data; boundary=${boundary}`,
    isRepeatable: true,
    read: () => generate(() => readParts(parts)),
  };
}

async function* readParts(parts: readonly (Uint8Array | Blob)[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const part of parts) {
    if (part instanceof Uint8Array) yield part;
    else yield* readBlob(part);
  }
}

function partOf(boundary: string, name: string, value: File | string): (Uint8Array | Blob)[] {
  const start = `--${boundary}${CRLF}Content-Disposition: form-data; name="${escape(normalize(name))}"`;
  if (typeof value === 'string') return [utf8(`${start}${CRLF}${CRLF}${normalize(value)}${CRLF}`)];
  const type = value.type || OCTETS_MEDIA_TYPE;
  const head = `${start}; filename="${escape(value.name)}"${CRLF}Content-Type: ${type}${CRLF}${CRLF}`;
  return [utf8(head), value, utf8(CRLF)];
}

/** Names and values get MIME line ends. */
function normalize(text: string): string {
  return text.replace(/\r\n?|\n/g, CRLF);
}

function escape(name: string): string {
  return name.replace(/[\r\n"]/g, (character) => encodeURIComponent(character));
}

/** The boundary is random, so no part contains it. */
function randomHex(length: number): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(length));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
