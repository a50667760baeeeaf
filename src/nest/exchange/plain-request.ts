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
  /** Names of header fields that are taken from inside a message, and never from outside. */
  readonly sealedHeaders: readonly string[];
  /** The tag in the URL for a sealed query: different for different queries, and revealing none. */
  readonly queryTag: (query: string) => string;
  /** Gives the request the body that it would have if these bytes had come plain. */
  readonly putBody: (request: object, response: object, body: Buffer) => Promise<void>;
  /** The same for a body in frames: the request is already a stream of its plaintext. */
  readonly putStream: (request: object, response: object) => Promise<void>;
}

/** The query parameter in the URL that replaces a sealed query. */
const QUERY_TAG = 'e2e-query';

/** Whether a request's own URL poses as that of a sealed query: what a cache keeps for that one is not for it. */
export function posesAsSealedQuery({ url = '' }: IncomingMessage): boolean {
  return url.includes(`?${QUERY_TAG}=`) || url.includes(`&${QUERY_TAG}=`);
}

/** Headers that would have the platform answer from the plaintext in ways that a sealed response cannot have. */
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
 * What a request may ask of its response's form, taken away before anyone reads it: what answers before the message is
 * opened is sealed, too.
 */
export function ignoreConditions({ headers }: IncomingMessage): void {
  for (const name of CONDITIONS) if (headers[name] !== undefined) delete headers[name];
}

/** What describes a body, or asks for a hash of one: it says nothing about the plaintext, and nobody signed it. */
const DESCRIPTIONS: ReadonlySet<string> = new Set([
  ...BODY_DESCRIPTIONS,
  'content-type',
  'content-length',
  'content-language',
  'transfer-encoding',
]);

/**
 * Puts an opened message before the application as if it had come plain: query, headers and body.
 *
 * @throws what the platform answers to a body that is not what its media type says; BadRequestException for a body or a
 * query of an unsafe shape. It leaves sealed.
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
  const isDropped = (name: string): boolean => CONDITIONS.has(name) || how.sealedHeaders.includes(name);
  dropHeaders(raw, found.besideBody ? isDropped : (name) => isDropped(name) || DESCRIPTIONS.has(name));
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
    // As a POST without a body has it.
    if (hadEmptyBody) addHeader(raw, 'content-length', '0');
    return;
  }
  addHeader(raw, 'content-type', header.cty);
  addHeader(raw, 'content-length', String(plaintext.length));
  await how.putBody(request, response, asBuffer(plaintext));
  rejectUnsafeBody(request, how.maxBodyDepth);
}

/**
 * Looks at a body that was parsed from JSON or from a form.
 *
 * @throws BadRequestException
 */
export function rejectUnsafeBody(request: object, maxDepth: number): void {
  const type = rawRequest(request).headers['content-type'] ?? '';
  const { body } = request as { body?: unknown };
  // Not parsed yet, or not at all: a parser of the application may hand on bytes, or the stream of them.
  if (body === undefined || ArrayBuffer.isView(body) || body instanceof Readable) return;
  if (!isJson(type) && essence(type) !== FORM_MEDIA_TYPE) return;
  // The protocol's text is UTF-8. Parsers put another character in place of what is not.
  const plaintext = openedMessageOf(request)?.plaintext;
  const { framed } = stateOf(rawRequest(request));
  if (essence(type) === JSON_MEDIA_TYPE && plaintext && !(framed ? framed.isUtf8 : isUtf8(plaintext))) {
    throw new BadRequestException('The sealed request was rejected: its body is not UTF-8.');
  }
  rejectUnsafeShape(body, maxDepth);
}

/** Takes headers away from every place where Node shows them. */
function dropHeaders(raw: IncomingMessage, isDropped: (name: string) => boolean): void {
  const { headers, rawHeaders } = raw;
  let kept = 0;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (isDropped(name)) {
      delete headers[name];
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

/** Express and Fastify both read the query when they route; what handlers, pipes and caches read comes after. */
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
  // Loggers and caches read the original URL. What answers under a sealed path reads its query off the other one.
  if (isSealedPath) raw.originalUrl ??= raw.url ?? '';
  if (raw.originalUrl !== undefined) raw.originalUrl += tag;
  raw.url = (raw.url ?? '') + (isSealedPath ? `?${query}` : tag);
}
