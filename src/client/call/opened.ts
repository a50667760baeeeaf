import { FIELDS_HEADER } from '../../protocol/media-type.js';
import { isBodiless, type ResponseHeader } from '../../protocol/message.js';
import { BODY_DESCRIPTIONS, DEFAULT_RESPONSE_HEADERS, LOCATION } from '../../protocol/sealed-headers.js';
import type { OpenedAnswer } from '../channel/channel.js';
import { failure } from '../errors.js';
import type { CallResult } from './answer.js';
import { namesOutside } from './inside.js';
import { REDIRECTS } from './plain.js';
import { nameFailure, responseOf, type Readable } from './readable.js';
import type { OutgoingRequest } from './outgoing.js';

const FIRST_REFUSAL = 400;
/**
 * Fields that belong to the wire, or would contradict the message's header. Fields that describe a body are dropped
 * too.
 */
const WIRE_HEADERS = [
  'accept-ranges',
  'connection',
  'content-length',
  'content-type',
  FIELDS_HEADER,
  'etag',
  'keep-alive',
  'last-modified',
  'transfer-encoding',
];

/** A sealed response as its caller gets it. */
export async function toResult(
  wire: Response,
  opened: OpenedAnswer,
  body: Uint8Array<ArrayBuffer> | Readable,
  length: number | undefined,
  sealedResponseHeaders: readonly string[],
): Promise<CallResult> {
  const { status } = opened.header;
  const headers = await readHeaders(wire, opened, sealedResponseHeaders);
  if (length !== undefined && !isBodiless(status)) headers.set('content-length', String(length));
  const init = { status, statusText: wire.status === status ? wire.statusText : '', headers };
  return {
    response: 'stream' in body ? nameFailure(responseOf(body.stream, init), body.failure) : responseOf(body, init),
    type: wire.type,
    sealed: true,
    location: REDIRECTS.includes(status) ? (headers.get(LOCATION) ?? undefined) : undefined,
  };
}

export async function unopened({ method, url }: OutgoingRequest): Promise<CallResult> {
  return { error: await failure('answer-rejected', 'unopened', { method, url: url.href }) };
}

export async function tooLarge(limit: number): Promise<CallResult> {
  return { error: await failure('answer-too-large', 'large', { limit }) };
}

/** A success before the server has read the whole body of the request: it may only reject it (PROTOCOL §6). */
export async function tooEarly({ early, status }: ResponseHeader): Promise<CallResult | undefined> {
  if (!early || status >= FIRST_REFUSAL) return undefined;
  return { sealed: true, error: await failure('stream-broken', 'early') };
}

/** The response's own header fields (PROTOCOL §4): some only from inside, the rest from outside. */
async function readHeaders(
  wire: Response,
  { header: { cty }, meta: { headers: fields = [] } }: OpenedAnswer,
  sealed: readonly string[],
): Promise<Headers> {
  const headers = new Headers(wire.headers);
  const inside = [LOCATION, ...DEFAULT_RESPONSE_HEADERS, ...sealed];
  for (const name of [...WIRE_HEADERS, ...BODY_DESCRIPTIONS, ...inside]) headers.delete(name);
  const ignored = await namesOutside(fields.map(([name]) => name));
  for (const [name, value] of fields) if (!ignored.includes(name)) headers.set(name, value);
  if (cty !== undefined) headers.set('content-type', cty);
  return headers;
}
