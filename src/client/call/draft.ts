import type { Settings } from '../options.js';
import { isA } from '../runtime.js';
import type { StreamedBody } from '../upload/body.js';

/**
 * A body of up to this many bytes travels in one message. A longer body, or one of unknown length, travels in frames
 * (PROTOCOL §6). As measured (docs/performance.md), frames are cheaper from one full frame on.
 */
export const MAX_MESSAGE_BODY = 65_536;

const FORM_MEDIA_TYPE = /^\s*multipart\/form-data\s*(;|$)/i;

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
    /**
     * Encrypts single values of a JSON body that otherwise stays readable, for routes with `@EncryptedField()`:
     * `card.number`, `items.*.pin`, or JSON pointers (`/card/number`). A value that is not there is an error; with a `?` at
     * the end it may be absent. `[]` encrypts none, and has the response's fields opened.
     */
    readonly fields?: readonly string[];
    /** With `fields`: values of the response that must have been encrypted if they are there. Default none. */
    readonly answerFields?: readonly string[];
    /** Whether this request may be sent again on a new channel. Default: the client's `resend`. */
    readonly resend?: boolean;
    /**
     * Called with the progress of the request's and the response's bodies. If it throws, the call fails. If a request is
     * sent again, the progress begins again.
     */
    readonly onProgress?: (progress: E2eProgress) => void;
  };
}

/** The caller's arguments at the time of the call. The rest of a call is loaded with the first. */
export interface RequestDraft {
  /** The caller's own Request, if it passed one. */
  readonly given: Request | undefined;
  readonly init: RequestInit;
  readonly e2e: NonNullable<E2eRequestInit['e2e']>;
  readonly signal: AbortSignal | null | undefined;
  /** The body, if it is read as it is sent, and not before. */
  readonly streamed: StreamedBody | undefined;
  /** What `fetch` would send: a copy of headers and body, so later changes by the caller have no effect. */
  readonly request: Request;
}

/** @throws what `new Request` throws. */
export function draftRequest(
  input: RequestInfo | URL,
  { e2e = {}, signal, ...own }: E2eRequestInit,
  { base }: Settings,
): RequestDraft {
  const init = withoutFormType(own);
  const given = typeof input === 'string' || input instanceof URL ? undefined : input;
  const streamed = e2e.request !== false && !e2e.fields && isStreamed(init.body) ? init.body : undefined;
  // Request applies fetch's rules: default media types, forbidden headers, which methods have a body. The signal is
  // handled elsewhere, so that a long-lived one does not collect a listener for each call.
  const checked = { ...init, ...(streamed && { body: new Uint8Array(0) }), signal: null };
  const request = new Request(given ?? new URL(input as string | URL, base), checked);
  return { given, init, e2e, signal, streamed, request };
}

/** The client writes a form with its own boundary, so a type that the caller sets can only be wrong. */
function withoutFormType(init: RequestInit): RequestInit {
  if (!isA('FormData', init.body) || !init.headers) return init;
  const headers = new Headers(init.headers);
  if (!FORM_MEDIA_TYPE.test(headers.get('content-type') ?? '')) return init;
  headers.delete('content-type');
  return { ...init, headers };
}

function isStreamed(body: unknown): body is StreamedBody {
  if (isA('Blob', body)) return (body as Blob).size > MAX_MESSAGE_BODY;
  if (isA('ReadableStream', body)) return true;
  if (typeof body !== 'object' || body === null) return false;
  // React Native's own FormData cannot be read.
  return Symbol.asyncIterator in body || (isA('FormData', body) && Symbol.iterator in body);
}
