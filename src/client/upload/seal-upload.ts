import { throwIfAborted } from '../abort.js';
import { STREAM_MEDIA_TYPE } from '../../protocol/media-type.js';
import type { PreparedRequest, WireRequest } from '../call/outgoing.js';
import { failure } from '../errors.js';
import type { Settings } from '../options.js';
import type { BodySource } from './source.js';
import { Upload } from './upload.js';

/**
 * The request with its body in frames (PROTOCOL §6), which are sealed as they are sent.
 *
 * @throws E2eClientError `request-unsupported` if the head does not fit.
 */
export async function sealUpload(
  { request, claim: { channel, seq }, url, init, binding, meta, progress }: PreparedRequest,
  source: BodySource,
  settings: Settings,
): Promise<WireRequest> {
  const stream = await channel.sealHead(seq, { ...binding, cty: request.mediaType!, length: source.length }, meta);
  throwIfAborted(request.signal);
  if (!stream) throw await failure('request-unsupported', 'long');
  init.headers.set('content-type', STREAM_MEDIA_TYPE);
  return { url, init, upload: new Upload(stream, source, settings, init, progress) };
}
