/** How a message travels (PROTOCOL §4): in a body, or in this header of a request without one, up to this size. */
export const MESSAGE_MEDIA_TYPE = 'application/jose';
/** The media type of a body whose message is followed by frames (PROTOCOL §6). */
export const STREAM_MEDIA_TYPE = 'application/vnd.e2e.stream';
export const REQUEST_HEADER = 'e2e-request';
/** The header field of the ticket of a request or a response in fields, which has a plain body (PROTOCOL §10). */
export const FIELDS_HEADER = 'e2e-fields';
export const MAX_REQUEST_HEADER_BYTES = 6144;

export const JSON_MEDIA_TYPE = 'application/json';
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';
export const FORM_MEDIA_TYPE = 'application/x-www-form-urlencoded';
export const OCTETS_MEDIA_TYPE = 'application/octet-stream';
export const EVENTS_MEDIA_TYPE = 'text/event-stream';

/** Written so, they need no parsing. */
const COMMON_MEDIA_TYPES: ReadonlySet<string> = new Set([JSON_MEDIA_TYPE, `${JSON_MEDIA_TYPE}; charset=utf-8`]);
const MAX_MEDIA_TYPE_LENGTH = 255;
const TOKEN = "[!#$%&'*+.^_`|~\\w-]+";
/** RFC 9110 §8.3.1: type and subtype, then parameters; a semicolon without a parameter is allowed. */
const ESSENCE = new RegExp(`^${TOKEN}/${TOKEN}`);
const PARAMETER = new RegExp(` *; *(?:(${TOKEN})=(${TOKEN}|"(?:[ !#-[\\]-~]|\\\\[ -~])*"))?`, 'y');

/**
 * Whether the string may be a message's `cty` (PROTOCOL §4): a media type with any parameters, none of them twice, and
 * `charset` only as UTF-8. The type of a message is not allowed.
 */
export function isMediaType(text: string): boolean {
  if (COMMON_MEDIA_TYPES.has(text)) return true;
  const [type] = ESSENCE.exec(text) ?? [];
  if (type === undefined || text.length > MAX_MEDIA_TYPE_LENGTH) return false;
  if ([MESSAGE_MEDIA_TYPE, STREAM_MEDIA_TYPE].includes(type.toLowerCase())) return false;
  const names = new Set<string>();
  let end = type.length;
  while (end < text.length) {
    PARAMETER.lastIndex = end;
    const [whole, given, value = ''] = PARAMETER.exec(text) ?? [];
    if (whole === undefined) return false;
    end += whole.length;
    if (given === undefined) continue;
    const name = given.toLowerCase();
    if (names.has(name) || (name === 'charset' && unquote(value).toLowerCase() !== 'utf-8')) return false;
    names.add(name);
  }
  return true;
}

function unquote(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
}

/** `type/subtype` in lower case, without parameters. */
export function essence(mediaType: string): string {
  if (mediaType === MESSAGE_MEDIA_TYPE || mediaType === JSON_MEDIA_TYPE) return mediaType;
  const end = mediaType.indexOf(';');
  return (end < 0 ? mediaType : mediaType.slice(0, end)).trim().toLowerCase();
}

/** `application/json`, and every type with a JSON suffix (RFC 6839 §3.1). */
export function isJson(mediaType: string): boolean {
  const type = essence(mediaType);
  return type === JSON_MEDIA_TYPE || type.endsWith('+json');
}
