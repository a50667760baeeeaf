import type { ServerResponse } from 'node:http';

/** The head of a response as it leaves. */
export interface WireHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  /** Of the body, in bytes, where it is known before the body is. */
  readonly length?: number | undefined;
}

/**
 * What describes or caches the plain body, or is made of it, and so never stands outside a sealed response (PROTOCOL
 * §4).
 */
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

/**
 * Has a response leave with this head: nothing that describes the plain body, or travels inside, is left of its own.
 *
 * @param isSealed whether a header, by its name in lower case, travels inside.
 */
export function imposeHead(
  response: ServerResponse,
  { status, headers, length }: WireHead,
  isSealed: (name: string) => boolean,
): void {
  const isHttp2 = (response as { stream?: unknown }).stream !== undefined;
  for (const name of response.getHeaderNames()) {
    if (describesBody(name) || isSealed(name)) response.removeHeader(name);
  }
  response.statusCode = status;
  if (!isHttp2 && response.statusMessage) response.statusMessage = '';
  for (const name in headers) {
    // HTTP/2 has no such field: Node would leave it out, and warn.
    if (!(isHttp2 && name === 'Connection')) response.setHeader(name, headers[name]!);
  }
  if (length !== undefined) response.setHeader('Content-Length', length);
}
