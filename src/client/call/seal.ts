import { throwIfAborted } from '../abort.js';
import { utf8 } from '../../protocol/json.js';
import {
  FIELDS_HEADER,
  isJson,
  MAX_REQUEST_HEADER_BYTES,
  MESSAGE_MEDIA_TYPE,
  REQUEST_HEADER,
} from '../../protocol/media-type.js';
import { META_BYTES, renderMeta, type HeaderField, type Meta } from '../../protocol/meta.js';
import type { Claim, MessageBinding } from '../channel/channel.js';
import { failure, need, type E2eClientError } from '../errors.js';
import type { Settings } from '../options.js';
import type { BodySource } from '../upload/source.js';
import { MAX_MESSAGE_BODY } from './draft.js';
import { namesOutside } from './inside.js';
import type { OutgoingRequest, PreparedRequest, WireRequest } from './outgoing.js';
import type * as FieldsPart from '../fields/fields.js';
import type * as PaddingPart from '../../protocol/padding.js';
import type * as UploadsPart from '../upload/uploads.js';

/**
 * @param first for a resent request: the channel and number of its first copy.
 * @throws E2eClientError `request-unsupported` if the message does not fit; `invalid-option` for a header field that
 *   never travels inside one.
 */
export async function sealRequest(
  request: OutgoingRequest,
  claim: Claim,
  first: Claim | undefined,
  settings: Settings,
): Promise<WireRequest> {
  const { sealQuery, sealHeaders, sealedResponseHeaders, padding } = settings;
  const [outside] = await namesOutside([...sealHeaders, ...sealedResponseHeaders]);
  if (outside !== undefined) throw await failure('invalid-option', 'outside', { name: outside });
  const { method, mediaType, sealed, signal, onProgress, e2e } = request;
  const { channel, seq } = claim;
  const { bytes, source } = await shapeBody(request, settings);
  const url = new URL(request.url);
  const headers = new Headers(request.headers);
  // Of the plain body, if a caller set it: `fetch` would send it, or wait for so many bytes.
  headers.delete('content-length');
  const meta = moveInside(url, headers, sealQuery, sealHeaders);
  url.hash = '';
  // An empty query: not every platform sends its question mark, but the target is compared byte for byte.
  if (!url.search) url.search = '';

  const binding: MessageBinding = {
    method,
    target: url.pathname + url.search,
    idem: headers.get('idempotency-key') ?? undefined,
    again: first && (await first.channel.proveAgain(first.seq, claim)),
  };
  const { pad, padJson } = padding ? await need<typeof PaddingPart>('padding') : UNPADDED;
  const json = renderMeta(meta, 'client');
  if (json === undefined) throw await tooLong();
  const metaBytes = padJson(utf8(json), json !== '');
  if (metaBytes.length > META_BYTES.max) throw await tooLong();

  headers.delete(REQUEST_HEADER);
  headers.delete(FIELDS_HEADER);
  const init = { ...request.init, method, headers, body: bytes ?? null, signal: signal ?? null };
  const progress = (loaded: number, total: number | undefined) => onProgress?.({ direction: 'upload', loaded, total });
  const prepared: PreparedRequest = { request, claim, url, init, binding, meta: metaBytes, progress };
  if (source) return (await need<typeof UploadsPart>('uploads')).sealUpload(prepared, source, settings);
  if (e2e.fields) return (await need<typeof FieldsPart>('fields')).sealFields(prepared, bytes, e2e.fields);
  const body = sealed ? bytes : undefined;
  const plaintext = body ? pad(body, mediaType) : NO_BYTES;
  const message = await channel.seal(seq, { ...binding, cty: body && mediaType }, metaBytes, plaintext);
  throwIfAborted(signal);
  if (message !== undefined && body) {
    progress(body.length, body.length);
    headers.set('content-type', MESSAGE_MEDIA_TYPE);
    const isOver = message.length > MAX_KEEPALIVE_BYTES;
    return { url, init: { ...init, body: message, ...(isOver && init.keepalive && { keepalive: false }) } };
  }
  if (message === undefined || message.length > MAX_REQUEST_HEADER_BYTES) throw await tooLong();
  headers.set(REQUEST_HEADER, message);
  if (!bytes) headers.delete('content-type');
  return { url, init };
}

/**
 * The body as it travels: `bytes` if it is short, `source` in frames. Padded JSON stays in one message, because frames
 * reveal their length.
 */
async function shapeBody(
  { body, sealed, mediaType = '' }: OutgoingRequest,
  { padding }: Settings,
): Promise<{ bytes?: Uint8Array<ArrayBuffer>; source?: BodySource }> {
  if (!body) return {};
  const isSource = 'read' in body;
  if (!isSource && (!sealed || body.length <= MAX_MESSAGE_BODY || (padding && isJson(mediaType)))) {
    return { bytes: body };
  }
  const { bytesSource, readWhole } = await need<typeof UploadsPart>('uploads');
  if (!isSource) return { source: bytesSource(body) };
  return body.length !== undefined && body.length <= MAX_MESSAGE_BODY
    ? { bytes: await readWhole(body) }
    : { source: body };
}

function tooLong(): Promise<E2eClientError> {
  return failure('request-unsupported', 'long');
}

/** Browsers fail at a longer body with `keepalive`. A sealed one is a third longer than the caller's. */
const MAX_KEEPALIVE_BYTES = 65_536;

const NO_BYTES = new Uint8Array(0);
const UNPADDED = { pad: (body: Uint8Array) => body, padJson: (json: Uint8Array) => json };

/** Removes what must not be visible outside the message (PROTOCOL §4): the query, and configured header fields. */
function moveInside(url: URL, headers: Headers, sealQuery: boolean, names: readonly string[]): Meta {
  const fields = names.flatMap((name): HeaderField[] => {
    const value = headers.get(name);
    headers.delete(name);
    return value === null ? [] : [[name, value]];
  });
  const query = sealQuery && url.search ? url.search.slice(1) : undefined;
  if (query !== undefined) url.search = '';
  return { query, headers: fields };
}
