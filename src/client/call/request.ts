import { essence, isMediaType, OCTETS_MEDIA_TYPE } from '../../protocol/media-type.js';
import { failure, need, type E2eClientError } from '../errors.js';
import type { Settings } from '../options.js';
import { isA } from '../runtime.js';
import type { StreamedBody } from '../upload/body.js';
import type { BodySource } from '../upload/source.js';

/**
 * A body of up to this many bytes travels in one message. A longer body, or one of unknown length, travels in frames
 * (PROTOCOL §6). As measured (docs/performance.md), frames are cheaper from one full frame on.
 */
export const MAX_MESSAGE_BODY = 65_536;

/** The progress of a body, in plain bytes. */
export interface E2eProgress {
  readonly direction: 'upload' | 'download';
  /** For an upload, the bytes sealed so far, at the speed of the network; for a download, the bytes opened so far. */
  readonly loaded: number;
  /** `undefined` if the length of the body is unknown. */
  readonly total: number | undefined;
}

/** The `init` of `client.fetch`: that of `fetch`, and `e2e`. */
export interface E2eRequestInit extends RequestInit {
  readonly e2e?: {
    /** `false`: the request's body is plain, for routes with `@Encrypted({ request: false })`. Default `true`. */
    readonly request?: boolean;
    /** `false`: accepts a plain response, for routes with `@Encrypted({ response: false })`. Default `true`. */
    readonly response?: boolean;
    /** Whether this request may be sent again on a new channel. Default: the client's `resend`. */
    readonly resend?: boolean;
    /**
     * Called with the progress of the request's and the response's bodies. If it throws, the call fails. If a request is
     * sent again, the progress begins again.
     */
    readonly onProgress?: (progress: E2eProgress) => void;
  };
}

/** A request as the caller passed it, read once. Each copy that is sent is sealed from this. */
export interface OutgoingRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  /** `undefined` if it is empty, which in HTTP is the same as no body. */
  readonly body: Uint8Array<ArrayBuffer> | BodySource | undefined;
  readonly mediaType: string | undefined;
  readonly sealed: boolean;
  readonly plainAnswer: boolean;
  /** The call's own option `resend`. */
  readonly resend: boolean | undefined;
  readonly onProgress: ((progress: E2eProgress) => void) | undefined;
  readonly redirect: RequestRedirect;
  readonly signal: AbortSignal | undefined;
  /** The rest of `init`, for `fetch`. */
  readonly init: RequestInit;
}

const FORM_MEDIA_TYPE = 'multipart/form-data';
const BOUNDARY = /;\s*boundary=/i;

/** @throws E2eClientError `request-unsupported`, and what `new Request` throws. */
export async function readRequest(
  input: RequestInfo | URL,
  { e2e = {}, signal, ...own }: E2eRequestInit,
  settings: Settings,
): Promise<OutgoingRequest> {
  const init = withoutFormType(own);
  const sealed = e2e.request !== false;
  const given = typeof input === 'string' || input instanceof URL ? undefined : input;
  const streamed = sealed && isStreamed(init.body) ? init.body : undefined;
  // Request does what fetch does: defaults of media type, forbidden headers, which methods take a body. The signal is
  // looked after here, so that a long-lived one does not gather a listener for each call.
  const checked = { ...init, ...(streamed && { body: new Uint8Array(0) }), signal: null };
  const request = new Request(given ?? new URL(input as string | URL, settings.base), checked);
  const url = new URL(request.url);
  if (url.origin !== settings.base.origin) {
    throw await failure('request-unsupported', 'origin', { base: settings.base.origin, origin: url.origin });
  }
  if (url.href === settings.at('handshake')) throw await unsupported('twice');
  const method = request.method.toUpperCase();
  if (method === 'HEAD') throw await unsupported('head');

  const body = await readRequestBody(request, streamed, sealed && given !== undefined && init.body == null);
  const headers = new Headers(request.headers);
  const ownType = body && 'read' in body ? body.mediaType : undefined;
  const mediaType = headers.get('content-type') ?? ownType ?? (sealed ? OCTETS_MEDIA_TYPE : undefined);
  if (body && sealed && !isMediaType(mediaType!)) {
    throw await failure('request-unsupported', 'mediaType', { mediaType: mediaType! });
  }
  if (body && isFormType(mediaType) && !BOUNDARY.test(mediaType!)) throw await unsupported('boundary');
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
    onProgress: e2e.onProgress,
    redirect: request.redirect,
    signal: (signal === undefined ? given?.signal : signal) ?? undefined,
    init: { ...init, credentials: credentials ?? settings.credentials },
  };
}

/** @param isGiven whether the body is that of the caller's own Request, of which nobody knows how long it is. */
async function readRequestBody(
  request: Request,
  streamed: StreamedBody | undefined,
  isGiven: boolean,
): Promise<OutgoingRequest['body']> {
  const stream = isGiven ? (request.body as ReadableStream<Uint8Array> | null | undefined) : undefined;
  if (streamed || stream) {
    const { readAhead, sourceOf } = await need('uploads', () => import('../upload/uploads.js'));
    return streamed ? sourceOf(streamed) : readAhead(stream!);
  }
  const bytes = new Uint8Array(await request.arrayBuffer());
  return bytes.length > 0 ? bytes : undefined;
}

/** A form is written with a boundary of the client's, so a type that the caller gives it can only be wrong. */
function withoutFormType(init: RequestInit): RequestInit {
  if (!isA('FormData', init.body) || !init.headers) return init;
  const headers = new Headers(init.headers);
  if (!isFormType(headers.get('content-type'))) return init;
  headers.delete('content-type');
  return { ...init, headers };
}

function isFormType(mediaType: string | null | undefined): boolean {
  return essence(mediaType ?? '') === FORM_MEDIA_TYPE;
}

/** Whether a body is read as it is sent, and not before. */
function isStreamed(body: unknown): body is StreamedBody {
  if (isA('Blob', body)) return (body as Blob).size > MAX_MESSAGE_BODY;
  if (isA('ReadableStream', body)) return true;
  if (typeof body !== 'object' || body === null) return false;
  // React Native's own FormData cannot be read.
  return Symbol.asyncIterator in body || (isA('FormData', body) && Symbol.iterator in body);
}

/** Lets its body go unread: a call has failed, before it read any of it or in the middle. */
export function letGo({ body }: OutgoingRequest): void {
  if (body && 'read' in body) body.read().cancel();
}

function unsupported(reason: 'twice' | 'head' | 'boundary'): Promise<E2eClientError> {
  return failure('request-unsupported', reason);
}
