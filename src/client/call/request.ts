import { utf8 } from '../../protocol/json.js';
import { essence, isMediaType, OCTETS_MEDIA_TYPE } from '../../protocol/media-type.js';
import { throwIfAborted, unlessAborted } from '../abort.js';
import { failure, need, type E2eClientError } from '../errors.js';
import type { Settings } from '../options.js';
import { isA } from '../runtime.js';
import type { StreamedBody } from '../upload/body.js';
import { bodyFailed, join, readStart } from './bytes.js';
import type { RequestDraft } from './draft.js';
import type { OutgoingRequest } from './outgoing.js';
import type * as UploadsPart from '../upload/uploads.js';

const FORM_MEDIA_TYPE = 'multipart/form-data';
const BOUNDARY = /;\s*boundary=/i;

/** @throws E2eClientError `request-unsupported`. */
export async function readRequest(
  { given, init, e2e, signal, streamed, request }: RequestDraft,
  settings: Settings,
): Promise<OutgoingRequest> {
  const sealed = e2e.request !== false && !e2e.fields;
  const url = new URL(request.url);
  if (url.origin !== settings.base.origin) {
    throw await failure('request-unsupported', 'origin', { base: settings.base.origin, origin: url.origin });
  }
  if (url.href === settings.at('handshake')) throw await unsupported('twice');
  const method = request.method.toUpperCase();
  if (method === 'HEAD') throw await unsupported('head');

  const isGiven = given !== undefined && init.body == null;
  const callSignal = (signal === undefined ? given?.signal : signal) ?? undefined;
  const body = await readRequestBody(request, init.body, streamed, isGiven, sealed, callSignal);
  const headers = new Headers(request.headers);
  const ownType = body && 'read' in body ? body.mediaType : undefined;
  const mediaType = headers.get('content-type') ?? ownType ?? (sealed ? OCTETS_MEDIA_TYPE : undefined);
  if (body && sealed && !isMediaType(mediaType!)) {
    letGo({ body });
    throw await failure('request-unsupported', 'mediaType', { mediaType: mediaType! });
  }
  if (body && isFormType(mediaType) && !BOUNDARY.test(mediaType!)) {
    letGo({ body });
    throw await unsupported('boundary');
  }
  const credentials = init.credentials ?? (given?.credentials === 'same-origin' ? undefined : given?.credentials);
  return {
    url,
    method,
    headers,
    body,
    mediaType,
    sealed,
    // A response in fields has a ticket, or is sealed as a whole.
    plainAnswer: e2e.response === false && !e2e.fields && !e2e.answerFields,
    e2e,
    onProgress: e2e.onProgress,
    redirect: request.redirect,
    signal: callSignal,
    init: { ...init, ...membersOf(given, init, request), credentials: credentials ?? settings.credentials },
  };
}

/** @param isGiven whether the body is that of the caller's own Request, whose length is unknown. */
async function readRequestBody(
  request: Request,
  body: RequestInit['body'],
  streamed: StreamedBody | undefined,
  isGiven: boolean,
  sealed: boolean,
  signal: AbortSignal | undefined,
): Promise<OutgoingRequest['body']> {
  if (streamed) return (await need<typeof UploadsPart>('uploads')).sourceOf(streamed);
  if (body == null && !isGiven) return undefined;
  // Firefox and React Native do not have it.
  const own = isGiven || isStream(body) ? (request.body as ReadableStream<Uint8Array> | null | undefined) : undefined;
  if (own && isGiven && sealed) return (await need<typeof UploadsPart>('uploads')).readAhead(own, signal);
  const bytes = await readShort(request, body, own, signal);
  return bytes.length > 0 ? bytes : undefined;
}

/** A body that is not sent piece by piece. */
async function readShort(
  request: Request,
  body: RequestInit['body'],
  own: ReadableStream<Uint8Array> | null | undefined,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  // React Native's Request gives bytes of a text by way of a Blob, or not at all.
  if (typeof body === 'string') return utf8(body);
  if (own) return join((await readStart(own, Infinity, signal)).start);
  try {
    return new Uint8Array(await unlessAborted(request.arrayBuffer(), signal));
  } catch (cause) {
    throwIfAborted(signal);
    throw await bodyFailed(cause);
  }
}

function isStream(body: RequestInit['body']): boolean {
  return isA('ReadableStream', body) || (typeof body === 'object' && body !== null && Symbol.asyncIterator in body);
}

/**
 * What else `fetch` takes from a Request. Like `fetch`, the copy has no referrer if there is an `init`. Defaults are left
 * out, since not every platform takes every member, and so is `integrity`, which is of the plain body.
 */
function membersOf(given: Request | undefined, init: RequestInit, copy: Request): RequestInit {
  if (!given) return {};
  const { keepalive, mode, referrer, referrerPolicy } = (
    Object.keys(init).length > 0 ? copy : given
  ) as Partial<Request>;
  return {
    ...(keepalive && { keepalive }),
    ...(mode === 'same-origin' && { mode }),
    ...(referrer !== undefined && referrer !== 'about:client' && { referrer }),
    ...(referrerPolicy && { referrerPolicy }),
  };
}

function isFormType(mediaType: string | null | undefined): boolean {
  return essence(mediaType ?? '') === FORM_MEDIA_TYPE;
}

/** Whether its body, if there is one, can be read again from the start. */
export function isRepeatable({ body }: OutgoingRequest): boolean {
  return !body || !('read' in body) || body.isRepeatable;
}

/** Cancels the rest of its body, because the call has failed. */
export function letGo({ body }: Pick<OutgoingRequest, 'body'>): void {
  if (body && 'read' in body) body.read().cancel();
}

function unsupported(reason: 'twice' | 'head' | 'boundary'): Promise<E2eClientError> {
  return failure('request-unsupported', reason);
}
