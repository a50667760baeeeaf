/** What describes or caches the plain body, or is made of it, and so never stands outside a sealed answer (PROTOCOL §4). */
const BODY_HEADERS: ReadonlySet<string> = new Set([
  'accept-ranges',
  'content-digest',
  'content-encoding',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'digest',
  'etag',
  'expect',
  'expires',
  'last-modified',
  'repr-digest',
  'trailer',
  'transfer-encoding',
]);

/** @param name in lower case. */
export function describesBody(name: string): boolean {
  return BODY_HEADERS.has(name) || (name.startsWith('want-') && /^want-(.*-)?digest$/.test(name));
}
