import { fromAscii } from '../../protocol/json.js';
import { essence, MESSAGE_MEDIA_TYPE, PROBLEM_MEDIA_TYPE } from '../../protocol/media-type.js';
import type { Answer } from './answer.js';
import type { Channel } from '../channel/channel.js';
import { failure } from '../errors.js';
import { readBytes } from './bytes.js';
import { readPlainAnswer, readProblem } from './plain.js';
import type { OutgoingRequest } from './request.js';

const REDIRECTS = [301, 302, 303, 307, 308];
const BODILESS = [204, 205, 304];
/** What describes the wire's body rather than the one inside, or would speak over the message's own header. */
const WIRE_HEADERS = [
  'accept-ranges',
  'connection',
  'content-digest',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'digest',
  'etag',
  'keep-alive',
  'last-modified',
  'location',
  'repr-digest',
  'trailer',
  'transfer-encoding',
];

/** Opens what came back for the message `seq`: anything but its own sealed answer is an error, and never data. */
export async function readAnswer(
  wire: Response,
  channel: Channel,
  seq: number,
  request: OutgoingRequest,
  limit: number,
): Promise<Answer> {
  const type = essence(wire.headers.get('content-type') ?? '');
  if (type !== MESSAGE_MEDIA_TYPE) {
    const isProblem = type === PROBLEM_MEDIA_TYPE;
    const body = isProblem ? await readBytes(wire, limit) : undefined;
    return readPlainAnswer(wire, isProblem, body, request);
  }

  const bytes = await readBytes(wire, limit);
  if (!bytes) return { error: await failure('answer-too-large', 'large', { limit }) };
  const opened = await channel.open(seq, fromAscii(bytes));
  if (!opened) {
    const { method, url } = request;
    return { error: await failure('answer-rejected', 'unopened', { method, path: url.pathname }) };
  }

  const { status, cty, location } = opened.header;
  const headers = new Headers(wire.headers);
  for (const name of WIRE_HEADERS) headers.delete(name);
  if (cty !== undefined) headers.set('content-type', cty);
  if (location !== undefined) headers.set('location', location);
  return {
    response: new Response(BODILESS.includes(status) ? null : (opened.plaintext as Uint8Array<ArrayBuffer>), {
      status,
      statusText: wire.status === status ? wire.statusText : '',
      headers,
    }),
    problem: essence(cty ?? '') === PROBLEM_MEDIA_TYPE ? readProblem(opened.plaintext) : undefined,
    location: REDIRECTS.includes(status) ? location : undefined,
  };
}

/** `response`, saying of itself what one from `fetch` would; so do its clones. */
export function present(response: Response, url: string, redirected: boolean): Response {
  return Object.defineProperties(response, {
    url: { value: url },
    redirected: { value: redirected },
    clone: { value: () => present(Response.prototype.clone.call(response), url, redirected) },
  });
}
