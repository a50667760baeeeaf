import { BadRequestException } from '@nestjs/common';
import { isAscii, isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { OpenedMessage } from '../../channel/message.js';
import { essence, FORM_MEDIA_TYPE, isJson } from '../../protocol/media-type.js';
import { MAX_REQUEST_HEADER_BYTES, MESSAGE_MEDIA_TYPE, REQUEST_HEADER } from '../../protocol/message.js';
import { E2eProblem } from '../../protocol/problem.js';
import { tooLarge } from '../../channel/channels.js';
import { readBodyOf } from '../request/body-reader.js';
import { rawRequest } from '../request/exchange-state.js';
import { parseJsonBody } from './json-body.js';

/** Where a request's message stood: in its body, or in the header of a request that has none, or has a plain one. */
export interface FoundMessage {
  readonly text: string;
  readonly place: 'body' | 'header';
  /** A plain body beside the message. */
  readonly besideBody: boolean;
}

/**
 * The one message of a request, or `undefined` where it is plain.
 *
 * @throws E2eProblem `message-rejected` for two messages, `too-large` for a header over its limit.
 */
export function findMessage(request: IncomingMessage): FoundMessage | undefined {
  const header = request.headers[REQUEST_HEADER];
  const inBody = essence(request.headers['content-type'] ?? '') === MESSAGE_MEDIA_TYPE;
  if (header === undefined) {
    if (!inBody) return undefined;
    return { text: readBodyOf(request)?.toString('latin1') ?? '', place: 'body', besideBody: false };
  }
  const besideBody = hasBody(request);
  if (typeof header !== 'string' || inBody) throw new E2eProblem('message-rejected', { step: 'placement' });
  if (header.length > MAX_REQUEST_HEADER_BYTES) throw tooLarge(MAX_REQUEST_HEADER_BYTES);
  return { text: header, place: 'header', besideBody };
}

/** Whether a request says that it carries a message. */
export function isSealed({ headers }: IncomingMessage): boolean {
  return headers[REQUEST_HEADER] !== undefined || essence(headers['content-type'] ?? '') === MESSAGE_MEDIA_TYPE;
}

/**
 * Whether the header fields inside a message may stand there (PROTOCOL §4): of configured names alone, and none of them
 * outside as well. A client must not say, past a gateway that would have checked it, who it is.
 */
export function mayCarry({ meta }: OpenedMessage, { headers }: IncomingMessage, allowed: readonly string[]): boolean {
  return (meta.headers ?? []).every(([name]) => allowed.includes(name) && headers[name] === undefined);
}

/** How an opened message is put before the application. */
export interface DecodingOptions {
  readonly maxBodyDepth: number;
  /** The application's own query parser. */
  readonly parseQuery: (query: string) => unknown;
  /** Names of header fields that are taken from inside a message, and never from outside. */
  readonly sealedHeaders: readonly string[];
  /** What stands for a sealed query in the URL, so that two queries never look alike, and none is told. */
  readonly queryTag: (query: string) => string;
}

/** The query parameter that stands in the URL for a sealed query. */
const QUERY_TAG = 'e2e-query';

/** Whether a request's own URL poses as that of a sealed query: what a cache keeps for that one is not for it. */
export function posesAsSealedQuery({ url = '' }: IncomingMessage): boolean {
  return url.includes(`?${QUERY_TAG}=`) || url.includes(`&${QUERY_TAG}=`);
}

/** Headers that would have the platform answer from the plaintext in ways that a sealed answer cannot have. */
const IGNORED_HEADERS = [
  'if-none-match',
  'if-modified-since',
  'if-match',
  'if-unmodified-since',
  'if-range',
  'range',
  'accept-encoding',
];

/** What a request may ask of its answer's form, taken away before anyone reads it. */
export function ignoreConditions({ headers }: IncomingMessage): void {
  for (const name of IGNORED_HEADERS) if (headers[name] !== undefined) delete headers[name];
}

/**
 * Puts the opened message before the application: body, media type and query as if they had come plain.
 *
 * @throws BadRequestException where the body is not what its media type says. It leaves sealed.
 */
export function present(
  request: object,
  found: FoundMessage,
  { header, meta, plaintext }: OpenedMessage,
  how: DecodingOptions,
): void {
  const raw = rawRequest(request);
  const { headers } = raw;
  for (const name of how.sealedHeaders) delete headers[name];
  for (const [name, value] of meta.headers ?? []) headers[name] = value;
  if (meta.query !== undefined) setQuery(request, raw, meta.query, how);
  if (found.besideBody) return;
  if (headers['transfer-encoding'] !== undefined) delete headers['transfer-encoding'];
  if (found.place === 'header') {
    delete headers['content-type'];
    delete headers['content-length'];
    setBody(request, undefined);
    return;
  }
  if (header.cty === undefined) delete headers['content-type'];
  else headers['content-type'] = header.cty;
  headers['content-length'] = String(plaintext.length);
  setBody(request, plaintext.length === 0 ? undefined : parseBody(plaintext, header.cty ?? '', how));
}

function parseBody(plaintext: Uint8Array, cty: string, how: DecodingOptions): unknown {
  if (isJson(cty)) {
    const parsed = parseJsonBody(text(plaintext), how.maxBodyDepth);
    if ('flaw' in parsed) throw new BadRequestException(`The sealed body was refused: ${parsed.flaw}.`);
    return parsed.value;
  }
  const type = essence(cty);
  if (type === FORM_MEDIA_TYPE) return how.parseQuery(text(plaintext));
  if (type.startsWith('text/')) return text(plaintext);
  return asBuffer(plaintext);
}

function text(plaintext: Uint8Array): string {
  // ASCII needs no decoding: a fifth of the time.
  if (isAscii(plaintext)) return asBuffer(plaintext).toString('latin1');
  if (!isUtf8(plaintext)) throw new BadRequestException('The sealed body was refused: not UTF-8.');
  return asBuffer(plaintext).toString('utf8');
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function setBody(request: object, body: unknown): void {
  (request as { body: unknown }).body = body;
}

/** Express and Fastify both read the query when they route; what handlers, pipes and caches read comes after. */
function setQuery(
  request: object,
  raw: IncomingMessage & { originalUrl?: string },
  query: string,
  how: DecodingOptions,
): void {
  const value = how.parseQuery(query);
  Object.defineProperty(request, 'query', { value, writable: true, configurable: true, enumerable: true });
  const tag = `?${QUERY_TAG}=${how.queryTag(query)}`;
  if (raw.originalUrl !== undefined) raw.originalUrl += tag;
  raw.url = (raw.url ?? '') + tag;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
