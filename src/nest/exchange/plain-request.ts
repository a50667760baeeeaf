import { BadRequestException } from '@nestjs/common';
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { OpenedMessage } from '../../channel/message.js';
import { essence, FORM_MEDIA_TYPE, isJson, JSON_MEDIA_TYPE } from '../../protocol/media-type.js';
import { openedMessageOf, rawRequest, stateOf } from '../request/exchange-state.js';
import { BODY_DESCRIPTIONS } from '../../protocol/sealed-headers.js';
import { rejectUnsafeShape } from './body-shape.js';
import type { FoundMessage } from './incoming.js';

/** How a platform takes over an opened message. */
export interface DecodingOptions {
  readonly maxBodyDepth: number;
  /** The application's own query parser. */
  readonly parseQuery: (query: string) => unknown;
  /** Names of header fields that are read only from inside a message. */
  readonly sealedHeaders: readonly string[];
  /** The tag in the URL for a sealed query: different for different queries, without revealing them. */
  readonly queryTag: (query: string) => string;
  /** Gives the request the body that it would have if these bytes had come plain. */
  readonly putBody: (request: object, response: object, body: Buffer) => Promise<void>;
  /** The same for a body in frames: the request is already a stream of its plaintext. */
  readonly putStream: (request: object, response: object) => Promise<void>;
}

/** The query parameter in the URL that replaces a sealed query. */
const QUERY_TAG = 'e2e-query';

/** Whether a request's own URL imitates that of a sealed query, whose cached response it must not get. */
export function posesAsSealedQuery({ url = '' }: IncomingMessage): boolean {
  return url.includes(`?${QUERY_TAG}=`) || url.includes(`&${QUERY_TAG}=`);
}

/** Headers that would make the platform respond in ways that a sealed response does not support. */
const CONDITIONS: ReadonlySet<string> = new Set([
  'if-none-match',
  'if-modified-since',
  'if-match',
  'if-unmodified-since',
  'if-range',
  'range',
  'accept-encoding',
]);

/**
 * Removes headers about the form of the response before anyone reads them, because an early response is sealed, too.
 */
export function ignoreConditions({ headers }: IncomingMessage): void {
  for (const name of CONDITIONS) if (headers[name] !== undefined) delete headers[name];
}

/** Headers that describe a body, or ask for its hash: they are not about the plaintext, and not authenticated. */
const DESCRIPTIONS: ReadonlySet<string> = new Set([
  ...BODY_DESCRIPTIONS,
  'content-type',
  'content-length',
  'content-language',
  'transfer-encoding',
]);

/** What a body that comes from a message says of itself, in place of what the message said. */
const BODY_FACTS = ['content-type', 'content-length'] as const;

/**
 * Presents an opened message to the application as if it had arrived plain: query, headers and body.
 *
 * @throws the platform's error for a body that does not match its media type; BadRequestException for a body or a query
 * of an unsafe shape. It is sent sealed.
 */
export async function putPlainRequest(
  request: object,
  response: object,
  found: FoundMessage,
  { header, meta, plaintext }: OpenedMessage,
  how: DecodingOptions,
  openStream: () => void,
): Promise<void> {
  const raw = rawRequest(request);
  const hadEmptyBody = found.place === 'body' || raw.headers['content-length'] !== undefined;
  const isBody = found.place === 'body' && plaintext.length > 0 && header.cty !== undefined;
  const isDropped = (name: string): boolean => CONDITIONS.has(name) || how.sealedHeaders.includes(name);
  const describesBody = (name: string): boolean => !found.besideBody && DESCRIPTIONS.has(name);
  dropHeaders(raw, (name) => isDropped(name) || describesBody(name), isBody ? BODY_FACTS : []);
  for (const [name, value] of meta.headers ?? []) addHeader(raw, name, value);
  if (meta.query !== undefined) setQuery(request, raw, meta.query, how);
  if (found.besideBody) return;
  dropTrailers(raw);
  (request as { body: unknown }).body = undefined;
  if (found.place === 'stream' && header.cty !== undefined) {
    addHeader(raw, 'content-type', header.cty);
    if (header.length === undefined) addHeader(raw, 'transfer-encoding', 'chunked');
    else addHeader(raw, 'content-length', String(header.length));
    openStream();
    await how.putStream(request, response);
    rejectUnsafeBody(request, how.maxBodyDepth);
    return;
  }
  if (plaintext.length === 0 || header.cty === undefined) {
    // As for a POST without a body.
    if (hadEmptyBody) addHeader(raw, 'content-length', '0');
    return;
  }
  addHeader(raw, 'content-type', header.cty);
  addHeader(raw, 'content-length', String(plaintext.length));
  await how.putBody(request, response, asBuffer(plaintext));
  rejectUnsafeBody(request, how.maxBodyDepth);
}

/**
 * Checks a body that was parsed from JSON or from a form.
 *
 * @throws BadRequestException
 */
export function rejectUnsafeBody(request: object, maxDepth: number): void {
  const type = rawRequest(request).headers['content-type'] ?? '';
  const { body } = request as { body?: unknown };
  // Not parsed yet, or not at all: a parser of the application may pass on bytes, or a stream of them.
  if (body === undefined || ArrayBuffer.isView(body) || body instanceof Readable) return;
  if (!isJson(type) && essence(type) !== FORM_MEDIA_TYPE) return;
  // The protocol requires UTF-8. Parsers would replace invalid bytes.
  const plaintext = openedMessageOf(request)?.plaintext;
  const { framed } = stateOf(rawRequest(request));
  if (essence(type) === JSON_MEDIA_TYPE && plaintext && !(framed ? framed.isUtf8 : isUtf8(plaintext))) {
    throw new BadRequestException('The sealed request was rejected: its body is not UTF-8.');
  }
  rejectUnsafeShape(body, maxDepth);
}

/**
 * Removes headers from every place where Node shows them.
 *
 * @param replaced those that get another value at once. They stay in the object: an object that loses a member is slower
 * from then on, for everybody who reads it.
 */
function dropHeaders(raw: IncomingMessage, isDropped: (name: string) => boolean, replaced: readonly string[]): void {
  const { headers, rawHeaders } = raw;
  let kept = 0;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (isDropped(name)) {
      if (!replaced.includes(name)) delete headers[name];
      continue;
    }
    rawHeaders[kept] = rawHeaders[index]!;
    rawHeaders[kept + 1] = rawHeaders[index + 1]!;
    kept += 2;
  }
  rawHeaders.length = kept;
}

function addHeader({ headers, rawHeaders }: IncomingMessage, name: string, value: string): void {
  headers[name] = value;
  rawHeaders.push(name, value);
}

/** Trailers came after the message, outside of it. The requests of serverless adapters and of `inject()` have none. */
function dropTrailers({ rawTrailers, trailers }: Partial<IncomingMessage>): void {
  if (!rawTrailers?.length) return;
  rawTrailers.length = 0;
  for (const name of Object.keys(trailers ?? {})) delete trailers?.[name];
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Express and Fastify read the query when they route. Handlers, pipes and caches read it later. */
function setQuery(
  request: object,
  raw: IncomingMessage & { originalUrl?: string },
  query: string,
  how: DecodingOptions,
): void {
  const { isSealedPath } = stateOf(raw);
  const value = how.parseQuery(query);
  rejectUnsafeShape(value, how.maxBodyDepth);
  Object.defineProperty(request, 'query', { value, writable: true, configurable: true, enumerable: true });
  const tag = `?${QUERY_TAG}=${how.queryTag(query)}`;
  // Loggers and caches read the original URL. Handlers under a sealed path read the query from the other one.
  if (isSealedPath) raw.originalUrl ??= raw.url ?? '';
  if (raw.originalUrl !== undefined) raw.originalUrl += tag;
  raw.url = (raw.url ?? '') + (isSealedPath ? `?${query}` : tag);
}
