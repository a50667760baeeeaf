import {
  FORM_MEDIA_TYPE,
  isMediaType,
  MAX_REQUEST_HEADER_BYTES,
  MESSAGE_MEDIA_TYPE,
  OCTETS_MEDIA_TYPE,
  REQUEST_HEADER,
} from '../../protocol/media-type.js';
import type { Channel, MessageBinding } from '../channel/channel.js';
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
  if (sealed && isA('FormData', init.body)) throw await unsupported('form');
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
    throw await unsupported('mediaType');
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

/** Whether it may be sent again on a new channel: the call's word, the client's, the protocol's (PROTOCOL §6). */
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

/** @throws E2eClientError `request-unsupported` where the message is too long for a header. */
export async function sealRequest(
  request: OutgoingRequest,
  channel: Channel,
  seq: number,
  { sealQuery, padding }: Settings,
): Promise<WireRequest> {
  const { method, body, mediaType, sealed, signal } = request;
  const url = new URL(request.url);
  url.hash = '';
  let plaintext: Uint8Array = new Uint8Array();
  let cty: string | undefined;
  if (body && sealed) {
    plaintext = padding
      ? (await need('padding', () => import('../../protocol/padding.js'))).pad(body, mediaType)
      : body;
    cty = mediaType;
  } else if (!body && sealed && sealQuery && url.search) {
    plaintext = new TextEncoder().encode(url.search.slice(1));
    cty = FORM_MEDIA_TYPE;
    url.search = '';
  }
  // An empty query: some send its question mark, some do not, and the target is compared byte for byte.
  if (!url.search) url.search = '';

  const binding: MessageBinding = {
    method,
    target: url.pathname + url.search,
    idem: request.headers.get('idempotency-key') ?? undefined,
    cty,
    in: body && sealed ? 'body' : 'header',
  };
  const message = await channel.seal(seq, binding, plaintext);
  const headers = new Headers(request.headers);
  headers.delete(REQUEST_HEADER);
  const init = { ...request.init, method, headers, body: body ?? null, signal: signal ?? null };
  if (message !== undefined && body && sealed) {
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

function unsupported(reason: 'twice' | 'form' | 'stream' | 'head' | 'mediaType' | 'long'): Promise<E2eClientError> {
  return failure('request-unsupported', reason);
}
