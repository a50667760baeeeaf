import { isJsonObject, parseJsonObject, type JsonObject } from './json.js';
import { isMediaType } from './media-type.js';
import { META_BYTES } from './meta.js';

export {
  FIELDS_HEADER,
  MAX_REQUEST_HEADER_BYTES,
  MESSAGE_MEDIA_TYPE,
  REQUEST_HEADER,
  STREAM_MEDIA_TYPE,
} from './media-type.js';

/** What the protected header of a message says, and its checks (PROTOCOL §4). */
export const REQUEST_TYP = 'e2e-req+jwe';
export const RESPONSE_TYP = 'e2e-res+jwe';
export const ENC = 'A256GCM';

/** How a receiver gets a message's content key: it is the channel's, or it is encrypted to the receiver's RSA key. */
export const KEY_MANAGEMENT = ['dir', 'RSA-OAEP-256'] as const;
export type KeyManagement = (typeof KEY_MANAGEMENT)[number];

export const MAX_SEQ = 2 ** 32;
/** The highest number of messages that a client sends on one channel. */
export const MAX_MESSAGES_PER_CHANNEL = 2 ** 20;

/** The highest number of fields in a ticket (PROTOCOL §10). */
const MAX_FIELDS = 65_536;

/** How old, and how far ahead, `iat` may be, in seconds, both inclusive (PROTOCOL §5). */
export const MAX_AGE_SECONDS = 300;
export const MAX_AHEAD_SECONDS = 30;
/** Within how many seconds after the head of its request a message must be whole (PROTOCOL §5). */
export const MAX_TRANSIT_SECONDS = 300;

/** What follows a message (PROTOCOL §6, §7): the body in frames, or a socket. */
export type Frames = 'body' | 'socket';

/** The channel and number of a resent request's first copy (PROTOCOL §4), and the proof that its own client says so. */
export interface Again {
  readonly kid: string;
  readonly seq: number;
  readonly tag: string;
}

interface CommonHeader {
  readonly alg: KeyManagement;
  readonly enc: typeof ENC;
  readonly kid: string;
  readonly seq: number;
  readonly iat: number;
  readonly cty?: string;
  /** How many bytes of the plaintext are the meta object. */
  readonly meta?: number;
  readonly frames?: Frames;
  /** The body's length in bytes, if it follows in frames and is known. */
  readonly length?: number;
  /** In a ticket: how many values of the plain body are fields (PROTOCOL §10). */
  readonly fields?: number;
}

export interface RequestHeader extends CommonHeader {
  readonly typ: typeof REQUEST_TYP;
  readonly method: string;
  readonly target: string;
  readonly idem?: string;
  readonly again?: Again;
  readonly ek?: string;
  readonly dev?: string;
}

export interface ResponseHeader extends CommonHeader {
  readonly typ: typeof RESPONSE_TYP;
  readonly status: number;
  /** Sealed before the last frame of a request in frames was opened. */
  readonly early?: true;
  /** The server has stored the channel's keys: requests may leave `ek` out (PROTOCOL §3). */
  readonly kept?: true;
}

/** A request's header from its JSON, or `undefined` if a member is missing, of a wrong type or not allowed. */
export function parseRequestHeader(json: string): RequestHeader | undefined {
  const header = parseCommonHeader(json, REQUEST_TYP);
  if (!header) return undefined;
  const { method, target, idem, again, ek, dev } = header;
  const fits =
    isString(method) &&
    /^[A-Z]+(-[A-Z]+)*$/.test(method) &&
    isString(target) &&
    /^(\/|\*$)/.test(target) &&
    (idem === undefined || (isString(idem) && /^[ -~]{1,255}$/.test(idem))) &&
    (again === undefined || (header.alg === 'dir' && isAgain(again))) &&
    isOptionalString(ek) &&
    isOptionalString(dev);
  return fits ? (header as unknown as RequestHeader) : undefined;
}

/** A response's header from its JSON, or `undefined` if a member is missing, of a wrong type or not allowed. */
export function parseResponseHeader(json: string): ResponseHeader | undefined {
  const header = parseCommonHeader(json, RESPONSE_TYP);
  if (!header) return undefined;
  const { status, frames, early, kept } = header;
  const isStatus = frames === 'socket' ? status === 101 : isWhole(status, 200, 599);
  const areFlags = [early, kept].every((flag) => flag === undefined || flag === true);
  const fits = isStatus && areFlags && !(frames && isBodiless(status as number));
  return fits ? (header as unknown as ResponseHeader) : undefined;
}

/** Whether a response of this status has neither body nor frames (RFC 9110 §6.4.1). */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

function parseCommonHeader(json: string, typ: string): JsonObject | undefined {
  const header = parseJsonObject(json);
  if (!header) return undefined;
  // Unknown members are ignored, but these two would change how the message must be read (RFC 7516 §4.1.3, §4.1.13).
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'zip')) return undefined;
  const { alg, cty, meta } = header;
  const fits =
    KEY_MANAGEMENT.includes(alg as KeyManagement) &&
    header.enc === ENC &&
    header.typ === typ &&
    isString(header.kid) &&
    isWhole(header.seq, 1, MAX_SEQ) &&
    isWhole(header.iat, 0, Number.MAX_SAFE_INTEGER) &&
    (cty === undefined || (isString(cty) && isMediaType(cty))) &&
    (meta === undefined || isWhole(meta, META_BYTES.min, META_BYTES.max)) &&
    areFrames(header) &&
    areFields(header);
  return fits ? header : undefined;
}

/** Frames follow only with `dir`. Those of a body have its media type, and only they may have a length. */
function areFrames({ alg, frames, cty, length }: JsonObject): boolean {
  if (frames === undefined) return length === undefined;
  if (alg !== 'dir') return false;
  if (frames === 'socket') return cty === undefined && length === undefined;
  return (
    frames === 'body' && cty !== undefined && (length === undefined || isWhole(length, 0, Number.MAX_SAFE_INTEGER))
  );
}

function areFields({ alg, frames, fields }: JsonObject): boolean {
  return fields === undefined || (alg === 'dir' && frames === undefined && isWhole(fields, 0, MAX_FIELDS));
}

function isAgain(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const { kid, seq, tag } = value;
  return isEncoded(kid, 43) && isWhole(seq, 1, MAX_SEQ) && isEncoded(tag, 22);
}

function isEncoded(value: unknown, length: number): boolean {
  return isString(value) && value.length === length && /^[\w-]+$/.test(value);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isOptionalString(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}
