import { parseJsonObject, utf8 } from './json.js';
import { ENC } from './message.js';

/** Single fields of a plain JSON body (PROTOCOL §10). */
export const FIELD_TYP = 'e2e-field+jwe';
/** The `info` of HKDF, as for a channel's keys (schedule.ts). */
export const REQUEST_FIELDS_INFO = utf8('e2e/1 request fields');
export const RESPONSE_FIELDS_INFO = utf8('e2e/1 response fields');
/** The `info` for the key of a request's or a response's fields; the salt is the SHA-256 of the request's ticket. */
export const FIELD_INFO = utf8('e2e/1 field');
/** The plaintext of a field is padded to a multiple of this many bytes. */
const FIELD_STEP = 32;

/** The protected header of the field at this JSON pointer. */
export function renderFieldHeader(path: string): string {
  return JSON.stringify({ alg: 'dir', enc: ENC, typ: FIELD_TYP, path });
}

/** The JSON pointer in a field's header, or `undefined` if a member is missing, of a wrong type or not allowed. */
export function parseFieldHeader(json: string): string | undefined {
  const header = parseJsonObject(json);
  if (!header || Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'zip')) return undefined;
  const { alg, enc, typ, path } = header;
  const isField = alg === 'dir' && enc === ENC && typ === FIELD_TYP;
  return isField && typeof path === 'string' ? path : undefined;
}

/** A value's JSON as the plaintext of a field. Only the padded length is visible. */
export function fieldPlaintext(json: string): Uint8Array<ArrayBuffer> {
  const bytes = utf8(json);
  const padded = new Uint8Array(Math.ceil(bytes.length / FIELD_STEP) * FIELD_STEP).fill(0x20);
  padded.set(bytes);
  return padded;
}

/** The JSON pointer (RFC 6901) of a member or an element of the value at `parent`. */
export function pointerTo(parent: string, name: string | number): string {
  return `${parent}/${String(name).replace(/~/g, '~0').replace(/\//g, '~1')}`;
}

/** The names that a JSON pointer consists of. */
export function stepsOf(pointer: string): string[] {
  const steps = pointer.split('/').slice(1);
  return steps.map((step) => step.replace(/~1/g, '/').replace(/~0/g, '~'));
}
