import { parseJsonObject, type JsonObject } from './json.js';
import { isMediaType } from './media-type.js';

export { MAX_REQUEST_HEADER_BYTES, MESSAGE_MEDIA_TYPE, REQUEST_HEADER } from './media-type.js';

/** What the protected header of a message says, and its checks (PROTOCOL §4). */
export const REQUEST_TYP = 'e2e-req+jwe';
export const RESPONSE_TYP = 'e2e-res+jwe';
export const ENC = 'A256GCM';

/** The two ways to a message's content key: the channel's own, or one of its own under the receiver's RSA key. */
export const KEY_MANAGEMENT = ['dir', 'RSA-OAEP-256'] as const;
export type KeyManagement = (typeof KEY_MANAGEMENT)[number];

export const MAX_SEQ = 2 ** 32;
/** How many messages a client sends on one channel at most. */
export const MAX_MESSAGES_PER_CHANNEL = 2 ** 20;

/** How old, and how far ahead, `iat` may be, in seconds, both inclusive (PROTOCOL §5). */
export const MAX_AGE_SECONDS = 300;
export const MAX_AHEAD_SECONDS = 30;

export interface RequestHeader {
  readonly alg: KeyManagement;
  readonly enc: typeof ENC;
  readonly typ: typeof REQUEST_TYP;
  readonly kid: string;
  readonly seq: number;
  readonly iat: number;
  readonly method: string;
  readonly target: string;
  readonly idem?: string;
  readonly cty?: string;
  readonly ek?: string;
  readonly dev?: string;
  /**
   * Where the message travels. Not in the protocol's table, and so ignored by other implementations: it keeps a sealed
   * query and a sealed form apart, which are both of the form media type. Checked where it is there.
   */
  readonly in?: Place;
}

/** Where a request's message stands: in its body, or in the header of a request without one. */
export type Place = 'body' | 'header';

export interface ResponseHeader {
  readonly alg: KeyManagement;
  readonly enc: typeof ENC;
  readonly typ: typeof RESPONSE_TYP;
  readonly kid: string;
  readonly seq: number;
  readonly iat: number;
  readonly status: number;
  readonly cty?: string;
  readonly location?: string;
}

/** A request's header from its JSON, or `undefined` where a member is missing, of a wrong type or not allowed. */
export function parseRequestHeader(json: string): RequestHeader | undefined {
  const header = parseCommonHeader(json, REQUEST_TYP);
  if (!header) return undefined;
  const fits =
    isString(header.method) &&
    /^[A-Z]+(-[A-Z]+)*$/.test(header.method) &&
    isString(header.target) &&
    /^(\/|\*$)/.test(header.target) &&
    isOptionalString(header.idem) &&
    isOptionalString(header.ek) &&
    isOptionalString(header.dev);
  return fits ? (header as unknown as RequestHeader) : undefined;
}

/** A response's header from its JSON, or `undefined` where a member is missing, of a wrong type or not allowed. */
export function parseResponseHeader(json: string): ResponseHeader | undefined {
  const header = parseCommonHeader(json, RESPONSE_TYP);
  if (!header) return undefined;
  const fits = isWhole(header.status, 200, 599) && isOptionalString(header.location);
  return fits ? (header as unknown as ResponseHeader) : undefined;
}

function parseCommonHeader(json: string, typ: string): JsonObject | undefined {
  const header = parseJsonObject(json);
  if (!header) return undefined;
  // Unknown members are ignored, but these two would change how the message is to be read (RFC 7516 §4.1.3, §4.1.13).
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'zip')) return undefined;
  const fits =
    KEY_MANAGEMENT.includes(header.alg as KeyManagement) &&
    header.enc === ENC &&
    header.typ === typ &&
    isString(header.kid) &&
    isWhole(header.seq, 1, MAX_SEQ) &&
    isWhole(header.iat, 0, Number.MAX_SAFE_INTEGER) &&
    isOptionalString(header.cty) &&
    (header.cty === undefined || isMediaType(header.cty));
  return fits ? header : undefined;
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
