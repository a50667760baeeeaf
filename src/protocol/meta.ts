import { isJsonObject, parseJsonObject } from './json.js';

/** What a message says that must not be seen outside (PROTOCOL §4): the JSON object before its body. */
export interface Meta {
  /** A request's query string, without `?`. */
  readonly query?: string | undefined;
  /**
   * Header fields, as pairs of name and value. They are not an object, because there a name such as `__proto__` would
   * have another meaning.
   */
  readonly headers?: readonly HeaderField[] | undefined;
  /** The application's own subprotocols that a socket asks for. */
  readonly protocols?: readonly string[] | undefined;
  /** The one that the server selected. */
  readonly protocol?: string | undefined;
}
export type HeaderField = readonly [name: string, value: string];

/** The object's length in bytes, including spaces after it. */
export const META_BYTES = { min: 2, max: 16_384 } as const;

const MAX_HEADERS = 64;
const MAX_PROTOCOLS = 16;
const QUERY = /^[!"$-~]{1,8192}$/;
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const TOKEN = /^[!#$%&'*+.^_`|~\w-]{1,128}$/;
/** Neither begins nor ends with white space. In a response, a character above ASCII is one byte (RFC 9110 §5.5). */
const REQUEST_VALUE = /^(?:[!-~](?:[\t -~]{0,8190}[!-~])?)?$/;
const RESPONSE_VALUE = /^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]{0,8190}[!-~\x80-\xff])?)?$/;

/** The meta object of a request, or `undefined` if it is not JSON, or a member breaks its rule. */
export function parseRequestMeta(json: string): Meta | undefined {
  const { query, headers, protocols } = parseJsonObject(json) ?? { headers: null };
  const fields = readHeaders(headers, REQUEST_VALUE);
  const fits = (query === undefined || isQuery(query)) && (protocols === undefined || areProtocols(protocols));
  return fields && fits ? { query, headers: fields, protocols } : undefined;
}

/** The same for the meta object of a response. */
export function parseResponseMeta(json: string): Meta | undefined {
  const { headers, protocol } = parseJsonObject(json) ?? { headers: null };
  const fields = readHeaders(headers, RESPONSE_VALUE);
  return fields && (protocol === undefined || isToken(protocol)) ? { headers: fields, protocol } : undefined;
}

/**
 * The JSON of a meta object; the empty string if it has no members, `undefined` if it would break a rule.
 *
 * @param from which end seals it.
 */
export function renderMeta(
  { query, headers = [], protocols, protocol }: Meta,
  from: 'client' | 'server',
): string | undefined {
  if (query === undefined && headers.length === 0 && !protocols && protocol === undefined) return '';
  // Built from entries, because an assignment to `__proto__` would set the prototype.
  const fields = headers.length > 0 ? Object.fromEntries(headers) : undefined;
  const json = JSON.stringify({ query, headers: fields, protocols, protocol });
  return (from === 'client' ? parseRequestMeta(json) : parseResponseMeta(json)) && json;
}

function readHeaders(headers: unknown, grammar: RegExp): readonly HeaderField[] | undefined {
  if (headers === undefined) return [];
  if (!isJsonObject(headers)) return undefined;
  const fields = Object.entries(headers) as HeaderField[];
  const fits = ([name, value]: HeaderField) => NAME.test(name) && typeof value === 'string' && grammar.test(value);
  return fields.length <= MAX_HEADERS && fields.every(fits) ? fields : undefined;
}

function isQuery(value: unknown): value is string {
  return typeof value === 'string' && QUERY.test(value);
}

function isToken(value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value);
}

function areProtocols(value: unknown): value is string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_PROTOCOLS) return false;
  return value.every(isToken) && new Set(value).size === value.length;
}
