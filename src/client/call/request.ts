import { utf8 } from '../../protocol/json.js';
import { essence, isMediaType, OCTETS_MEDIA_TYPE } from '../../protocol/media-type.js';
import { failure, need, type E2eClientError } from '../errors.js';
import type { Settings } from '../options.js';
import type { StreamedBody } from '../upload/body.js';
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
  const body = await readRequestBody(request, init.body, streamed, isGiven, sealed);
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
    // A response in fields has a ticket, or is sealed as a whole.
    plainAnswer: e2e.response === false && !e2e.fields && !e2e.answerFields,
    e2e,
    onProgress: e2e.onProgress,
    redirect: request.redirect,
    signal: (signal === undefined ? given?.signal : signal) ?? undefined,
    init: { ...init, credentials: credentials ?? settings.credentials },
  };
}

/** @param isGiven whether the body is that of the caller's own Request, whose length is unknown. */
async function readRequestBody(
  request: Request,
  body: RequestInit['body'],
  streamed: StreamedBody | undefined,
  isGiven: boolean,
  sealed: boolean,
): Promise<OutgoingRequest['body']> {
  const stream = isGiven && sealed ? (request.body as ReadableStream<Uint8Array> | null | undefined) : undefined;
  if (streamed || stream) {
    const { readAhead, sourceOf } = await need<typeof UploadsPart>('uploads');
    return streamed ? sourceOf(streamed) : readAhead(stream!);
  }
  if (body == null && !isGiven) return undefined;
  // React Native's Request gives bytes of a text by way of a Blob, or not at all.
  const bytes = typeof body === 'string' ? utf8(body) : new Uint8Array(await request.arrayBuffer());
  return bytes.length > 0 ? bytes : undefined;
}

function isFormType(mediaType: string | null | undefined): boolean {
  return essence(mediaType ?? '') === FORM_MEDIA_TYPE;
}

/** Whether its body, if there is one, can be read again from the start. */
export function isRepeatable({ body }: OutgoingRequest): boolean {
  return !body || !('read' in body) || body.isRepeatable;
}

/** Cancels the rest of its body, because the call has failed. */
export function letGo({ body }: OutgoingRequest): void {
  if (body && 'read' in body) body.read().cancel();
}

function unsupported(reason: 'twice' | 'head' | 'boundary'): Promise<E2eClientError> {
  return failure('request-unsupported', reason);
}
