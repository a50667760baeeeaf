import type { IncomingMessage } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { OpenedMessage } from '../../channel/message.js';
import { essence, STREAM_MEDIA_TYPE } from '../../protocol/media-type.js';
import { FIELDS_HEADER, MAX_REQUEST_HEADER_BYTES, MESSAGE_MEDIA_TYPE, REQUEST_HEADER } from '../../protocol/message.js';
import { E2eProblem } from '../../protocol/problem.js';
import { readBodyOf } from '../request/body-reader.js';

/** Where a request's message was: in its body, or in a header if the request has no body or a plain one. */
export interface FoundMessage {
  readonly text: string;
  readonly place: 'body' | 'header' | 'stream' | 'fields';
  /** A plain body next to the message. For a ticket always true, even without a body. */
  readonly besideBody: boolean;
}

/** What a body of our media types contains: a message, or a message followed by frames. */
const PLACES: ReadonlyMap<string, 'body' | 'stream'> = new Map([
  [MESSAGE_MEDIA_TYPE, 'body'],
  [STREAM_MEDIA_TYPE, 'stream'],
]);

/**
 * The message of a request, or `undefined` if the request is plain.
 *
 * @throws E2eProblem `message-rejected` for two messages, and for a header over the protocol's limit.
 */
export function findMessage(request: IncomingMessage): FoundMessage | undefined {
  const ticket = request.headers[FIELDS_HEADER];
  const header = request.headers[REQUEST_HEADER] ?? ticket;
  const place = PLACES.get(essence(request.headers['content-type'] ?? ''));
  if (header === undefined) {
    return place && { text: readBodyOf(request)?.toString('latin1') ?? '', place, besideBody: false };
  }
  const isTwice = ticket !== undefined && request.headers[REQUEST_HEADER] !== undefined;
  if (typeof header !== 'string' || place || isTwice) throw new E2eProblem('message-rejected', { step: 'placement' });
  if (header.length > MAX_REQUEST_HEADER_BYTES) throw new E2eProblem('message-rejected');
  if (ticket !== undefined) return { text: header, place: 'fields', besideBody: true };
  return { text: header, place: 'header', besideBody: hasBody(request) };
}

/** Whether a request claims to carry a message. */
export function isSealed({ headers }: IncomingMessage): boolean {
  return hasMessageHeader(headers) || PLACES.has(essence(headers['content-type'] ?? ''));
}

/** Whether a message is in a header field. */
export function hasMessageHeader(headers: IncomingMessage['headers']): boolean {
  return headers[REQUEST_HEADER] !== undefined || headers[FIELDS_HEADER] !== undefined;
}

/** Whether a plain body comes with a message in the header. Only the route knows whether that is allowed. */
export function hasBodyBeside(request: IncomingMessage): boolean {
  return request.headers[FIELDS_HEADER] !== undefined || (hasMessageHeader(request.headers) && hasBody(request));
}

/**
 * Whether the header fields inside a message are allowed (PROTOCOL §4): only configured names, and none of them also
 * outside. A client must not claim an identity past a gateway that would have checked it.
 */
export function mayCarry({ meta }: OpenedMessage, { headers }: IncomingMessage, allowed: readonly string[]): boolean {
  return (meta.headers ?? []).every(([name]) => allowed.includes(name) && headers[name] === undefined);
}

/**
 * Whether a body is announced (PROTOCOL §4). HTTP/2 has no `Transfer-Encoding`, and `Content-Length` is optional: there a
 * request without a body ends with its headers, or says that its length is 0, to which Node holds it. What a serverless
 * adapter calls HTTP/2 has no stream.
 */
export function hasBody(request: IncomingMessage & { readonly stream?: ServerHttp2Stream }): boolean {
  const { headers, httpVersionMajor, stream } = request;
  if (httpVersionMajor >= 2 && stream) return !stream.endAfterHeaders && Number(headers['content-length']) !== 0;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
