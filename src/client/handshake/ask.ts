import { fromAscii } from '../../protocol/json.js';
import { essence, JSON_MEDIA_TYPE, PROBLEM_MEDIA_TYPE } from '../../protocol/media-type.js';
import { readBytes } from '../call/bytes.js';
import { refusal } from '../call/plain.js';
import type { Wire } from '../call/wire.js';

/** The limit for a handshake's response, in bytes. The longest real one has about 3,000. */
const MAX_HANDSHAKE_BYTES = 32_768;

/** A plain request: the handshake, or, without a body, the one for the server's identity keys. */
export interface PlainRequest {
  readonly method: string;
  readonly body?: string;
  readonly signal: AbortSignal | null;
  readonly credentials: RequestCredentials;
}

/** Sends a plain request outside the channel, and returns the JSON of the response with that status. */
export async function ask(
  wire: Wire,
  url: string,
  request: PlainRequest,
  expected: number,
  ...types: string[]
): Promise<string> {
  const headers = new Headers({ accept: JSON_MEDIA_TYPE });
  if (request.body) headers.set('content-type', JSON_MEDIA_TYPE);
  const response = await wire.send({ url: new URL(url), init: { ...request, headers } });

  const type = essence(response.headers.get('content-type') ?? '');
  const fits = response.status === expected && [JSON_MEDIA_TYPE, ...types].includes(type);
  const bytes = await readBytes(response, fits || type === PROBLEM_MEDIA_TYPE ? MAX_HANDSHAKE_BYTES : 0);
  if (fits) return fromAscii(bytes ?? new Uint8Array(0));
  throw await refusal(response, bytes, request.method, url);
}
