import { randomUUID } from 'node:crypto';
import { createReadStream, type ReadStream } from 'node:fs';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import { mediaTypeOfFile, OCTETS_TYPE } from './media-types.js';

/** A field's value, or a file: bytes, a stream of them, or a path. */
export type MultipartValue = Blob | Uint8Array | ReadStream | Readable | string | boolean | number;

export interface PartOptions {
  readonly filename?: string | undefined;
  readonly contentType?: string | undefined;
}

/** One part of a `multipart/form-data` body (RFC 7578). */
export interface Part {
  readonly name: string;
  readonly value: MultipartValue;
  readonly options: PartOptions;
}

/** A file: a text is its path. */
export function filePart(name: string, file: MultipartValue, options: string | PartOptions = {}): Part {
  const given = typeof options === 'string' ? { filename: options } : options;
  if (typeof file !== 'string') return { name, value: file, options: given };
  return { name, value: createReadStream(file), options: { filename: file, ...given } };
}

/** Written as the package form-data writes it, which superagent takes. */
export async function encodeMultipart(parts: readonly Part[]): Promise<{ type: string; body: Buffer }> {
  const boundary = `--------------------------${randomUUID().replaceAll('-', '').slice(0, 24)}`;
  const chunks: (string | Uint8Array)[] = [];
  for (const part of parts) chunks.push(`--${boundary}\r\n${headOf(part)}\r\n\r\n`, await bytesOf(part.value), '\r\n');
  chunks.push(`--${boundary}--\r\n`);
  const body = Buffer.concat(chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk)));
  return { type: `multipart/form-data; boundary=${boundary}`, body };
}

function headOf({ name, value, options }: Part): string {
  const filename = options.filename ?? nameOf(value);
  const file = filename === undefined ? '' : `; filename="${escape(basename(filename))}"`;
  const type = options.contentType ?? typeOf(value, filename);
  return `Content-Disposition: form-data; name="${escape(name)}"${file}${type ? `\r\nContent-Type: ${type}` : ''}`;
}

function nameOf(value: MultipartValue): string | undefined {
  if (typeof value !== 'object') return undefined;
  if (value instanceof Blob) return 'name' in value ? String(value.name) : 'blob';
  return 'path' in value ? String(value.path) : undefined;
}

function typeOf(value: MultipartValue, filename: string | undefined): string {
  if (value instanceof Blob && value.type) return value.type;
  if (filename !== undefined) return mediaTypeOfFile(filename);
  return typeof value === 'object' ? OCTETS_TYPE : '';
}

/** As browsers write names (HTML, multipart/form-data encoding algorithm). */
function escape(name: string): string {
  return name.replace(/[\r\n"]/g, (character) => encodeURIComponent(character));
}

async function bytesOf(value: MultipartValue): Promise<Uint8Array> {
  if (typeof value !== 'object') return Buffer.from(String(value));
  if (value instanceof Uint8Array) return value;
  if (value instanceof Blob) return new Uint8Array(await value.arrayBuffer());
  const chunks: Uint8Array[] = [];
  for await (const chunk of value) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}
