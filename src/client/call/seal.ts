import { utf8 } from '../../protocol/json.js';
import { MAX_REQUEST_HEADER_BYTES, MESSAGE_MEDIA_TYPE, REQUEST_HEADER } from '../../protocol/media-type.js';
import { META_BYTES, renderMeta, type HeaderField, type Meta } from '../../protocol/meta.js';
import { mayTravelInside } from '../../protocol/sealed-headers.js';
import type { Claim, MessageBinding } from '../channel/channel.js';
import { failure, need } from '../errors.js';
import type { Settings } from '../options.js';
import type { OutgoingRequest } from './request.js';

/** Where the request goes on the wire, and as what: one message, in the body or in its header (PROTOCOL §4). */
export interface WireRequest {
  readonly url: URL;
  readonly init: RequestInit & { headers: Headers };
}

/**
 * @param first of a request that is sent again: what its first copy was sealed as.
 * @throws E2eClientError `request-unsupported` where the message does not fit; `invalid-option` for a header field that
 *   never travels inside one.
 */
export async function sealRequest(
  request: OutgoingRequest,
  claim: Claim,
  first: Claim | undefined,
  { sealQuery, sealHeaders, sealedResponseHeaders, padding }: Settings,
): Promise<WireRequest> {
  const outside = [...sealHeaders, ...sealedResponseHeaders].find((name) => !mayTravelInside(name));
  if (outside !== undefined) throw await failure('invalid-option', 'outside', { name: outside });
  const { method, body, mediaType, sealed, signal } = request;
  const { channel, seq } = claim;
  const inBody = body && sealed;
  const url = new URL(request.url);
  const headers = new Headers(request.headers);
  const meta = moveInside(url, headers, sealQuery, sealHeaders);
  url.hash = '';
  // An empty query: some send its question mark, some do not, and the target is compared byte for byte.
  if (!url.search) url.search = '';

  const binding: MessageBinding = {
    method,
    target: url.pathname + url.search,
    idem: headers.get('idempotency-key') ?? undefined,
    again: first && (await first.channel.proveAgain(first.seq, claim)),
    cty: inBody ? mediaType : undefined,
  };
  const { pad, padJson } = padding ? await need('padding', () => import('../../protocol/padding.js')) : UNPADDED;
  const json = renderMeta(meta, 'client');
  const metaBytes = json === undefined ? undefined : padJson(utf8(json), json !== '');
  const plaintext = inBody ? pad(body, mediaType) : NO_BYTES;
  const message =
    metaBytes && metaBytes.length <= META_BYTES.max
      ? await channel.seal(seq, binding, metaBytes, plaintext)
      : undefined;
  signal?.throwIfAborted();

  headers.delete(REQUEST_HEADER);
  const init = { ...request.init, method, headers, body: body ?? null, signal: signal ?? null };
  if (message !== undefined && inBody) {
    headers.set('content-type', MESSAGE_MEDIA_TYPE);
    return { url, init: { ...init, body: message } };
  }
  if (message === undefined || message.length > MAX_REQUEST_HEADER_BYTES) {
    throw await failure('request-unsupported', 'long');
  }
  headers.set(REQUEST_HEADER, message);
  if (!body) headers.delete('content-type');
  return { url, init };
}

const NO_BYTES = new Uint8Array(0);
const UNPADDED = { pad: (body: Uint8Array) => body, padJson: (json: Uint8Array) => json };

/** Takes off a request what must not be seen outside its message (PROTOCOL §4): its query, and configured header fields. */
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
