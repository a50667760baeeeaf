import { isMediaType, OCTETS_MEDIA_TYPE } from '../../protocol/media-type.js';
import { failure, type E2eClientError } from '../errors.js';
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

function unsupported(reason: 'twice' | 'stream' | 'head'): Promise<E2eClientError> {
  return failure('request-unsupported', reason);
}
