/** Media types as `cty` carries them: in full, compared without case, `charset=utf-8` their only parameter. */
const MEDIA_TYPE = /^([!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+)(?:[ \t]*;[ \t]*charset=(?:utf-8|"utf-8"))?$/i;

/** How a message travels (PROTOCOL §4): in a body, or in this header of a request without one, where so much fits. */
export const MESSAGE_MEDIA_TYPE = 'application/jose';
export const REQUEST_HEADER = 'e2e-request';
export const MAX_REQUEST_HEADER_BYTES = 6144;

export const JSON_MEDIA_TYPE = 'application/json';
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';
export const FORM_MEDIA_TYPE = 'application/x-www-form-urlencoded';
export const OCTETS_MEDIA_TYPE = 'application/octet-stream';

/** Whether the text may stand as a message's `cty`. */
export function isMediaType(text: string): boolean {
  return text.length <= 255 && MEDIA_TYPE.test(text);
}

/** `type/subtype` in lower case, whatever parameters follow. */
export function essence(mediaType: string): string {
  const end = mediaType.indexOf(';');
  return (end < 0 ? mediaType : mediaType.slice(0, end)).trim().toLowerCase();
}

/** `application/json`, and whatever is JSON by its suffix (RFC 6839 §3.1). */
export function isJson(mediaType: string): boolean {
  const type = essence(mediaType);
  return type === JSON_MEDIA_TYPE || type.endsWith('+json');
}
