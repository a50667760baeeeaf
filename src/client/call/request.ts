import {
  isMediaType,
  MAX_REQUEST_HEADER_BYTES,
  MESSAGE_MEDIA_TYPE,
  OCTETS_MEDIA_TYPE,
  REQUEST_HEADER,
} from '../../protocol/media-type.js';
import { utf8 } from '../../protocol/json.js';
import { META_BYTES, renderMeta, type HeaderField, type Meta } from '../../protocol/meta.js';
import type { Claim, MessageBinding } from '../channel/channel.js';
import { failure, need, type E2eClientError } from '../errors.js';
import type { Settings } from '../options.js';
import { isA } from '../runtime.js';

/** What `client.fetch` takes beside `fetch`'s own `init`. */
export interface E2eRequestInit extends RequestInit {
  readonly e2e?: {
    /** `false`: the body goes in the clear, for routes that are `@Encrypted({ request: false })`. */
    readonly request?: boolean;
    /** `false`: the answer is expected in the clear, for routes that are `@Encrypted({ response: false })`. */
    readonly response?: boolean;
    /** Whether this request may be sent again on a new channel; else the client's `resend` decides. */
    readonly resend?: boolean;
  };
}

/** A request as its caller meant it, read once: whatever is sent for it is sealed anew from this. */
export interface OutgoingRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  /** `undefined` where it is empty, which to HTTP is the same as none. */
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  readonly mediaType: string | undefined;
  readonly sealed: boolean;
  readonly plainAnswer: boolean;
  /** What the call itself says about being sent again. */
  readonly resend: boolean | undefined;
  readonly redirect: RequestRedirect;
  readonly signal: AbortSignal | undefined;
  /** The rest of `init`, for `fetch` to make sense of. */
  readonly init: RequestInit;
}

const RESENDABLE_METHODS = ['GET', 'PUT', 'DELETE', 'OPTIONS'];

/** @throws E2eClientError `request-unsupported`, and what `new Request` throws. */
export async function readRequest(
  input: RequestInfo | URL,
  { e2e = {}, signal, ...init }: E2eRequestInit,
  settings: Settings,
): Promise<OutgoingRequest> {
  const sealed = e2e.request !== false;
  if (sealed && isA('ReadableStream', init.body)) throw await unsupported('stream');
  const given = typeof input === 'string' || input instanceof URL ? undefined : input;
  // Request does what fetch does: defaults of media type, forbidden headers, which methods take a body. The signal is
  // looked after here, so that a long-lived one does not gather a listener for each call.
  const request = new Request(given ?? new URL(input as string | URL, settings.base), { ...init, signal: null });
  const url = new URL(request.url);
  if (url.origin !== settings.base.origin) {
    throw await failure('request-unsupported', 'origin', { base: settings.base.origin, origin: url.origin });
  }
  if (url.href === settings.at('handshake')) throw await unsupported('twice');
  const method = request.method.toUpperCase();
  if (method === 'HEAD') throw await unsupported('head');

  const bytes = new Uint8Array(await request.arrayBuffer());
  const headers = new Headers(request.headers);
  const mediaType = headers.get('content-type') ?? (sealed ? OCTETS_MEDIA_TYPE : undefined);
  const body = bytes.length > 0 ? bytes : undefined;
  if (body && sealed && !isMediaType(mediaType!)) {
    throw await failure('request-unsupported', 'mediaType', { mediaType: mediaType! });
  }
  const credentials = init.credentials ?? (given?.credentials === 'same-origin' ? undefined : given?.credentials);
  return {
    url,
    method,
    headers,
    body,
    mediaType,
    sealed,
    plainAnswer: e2e.response === false,
    resend: e2e.resend,
    redirect: request.redirect,
    signal: (signal === undefined ? given?.signal : signal) ?? undefined,
    init: { ...init, credentials: credentials ?? settings.credentials },
  };
}

/** Whether it may be sent again on a new channel: the call's word, the client's, the protocol's (PROTOCOL §8). */
export function isResendable({ method, url, headers, resend }: OutgoingRequest, settings: Settings): boolean {
  const { resend: rule } = settings;
  const answer = resend ?? (typeof rule === 'function' ? rule({ method, url: url.href, headers }) : rule);
  return answer ?? (RESENDABLE_METHODS.includes(method) || headers.has('idempotency-key'));
}

/** Where the request goes on the wire, and as what: one message, in the body or in its header (PROTOCOL §4). */
export interface WireRequest {
  readonly url: URL;
  readonly init: RequestInit & { headers: Headers };
}

/**
 * @param first of a request that is sent again: what its first copy was sealed as.
 * @throws E2eClientError `request-unsupported` where the message does not fit.
 */
export async function sealRequest(
  request: OutgoingRequest,
  claim: Claim,
  first: Claim | undefined,
  { sealQuery, sealHeaders, padding }: Settings,
): Promise<WireRequest> {
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
    throw await unsupported('long');
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

function unsupported(reason: 'twice' | 'stream' | 'head' | 'long'): Promise<E2eClientError> {
  return failure('request-unsupported', reason);
}
