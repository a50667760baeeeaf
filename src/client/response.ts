import { parseJsonObject } from '../protocol/json.js';
import { essence } from '../protocol/media-type.js';
import { MESSAGE_MEDIA_TYPE } from '../protocol/message.js';
import { PROBLEM_MEDIA_TYPE, problemName, type ProblemName } from '../protocol/problem.js';
import type { Channel } from './channel.js';
import { E2eClientError, type AnswerFacts } from './errors.js';
import type { OutgoingRequest } from './request.js';

/** What came back for a message: something for the caller, or why there is nothing. */
export type Answer = (
  | { readonly response: Response; readonly error?: undefined }
  | { readonly response?: undefined; readonly error: E2eClientError }
) & {
  /** The protocol's problem that it is, sealed or plain. */
  readonly problem?: ProblemName | undefined;
  /** Where a sealed answer redirects to. */
  readonly location?: string | undefined;
};

// Bytes to characters one by one: what is not ASCII is refused where it is read as base64url or as a problem's name.
const ascii = new TextDecoder('latin1');

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
  { method, url, plainAnswer, redirect }: OutgoingRequest,
  limit: number,
): Promise<Answer> {
  const type = essence(wire.headers.get('content-type') ?? '');
  if (type !== MESSAGE_MEDIA_TYPE) {
    const isRedirect = wire.type === 'opaqueredirect' || REDIRECTS.includes(wire.status);
    if (plainAnswer && isRedirect && redirect !== 'manual') {
      return { error: new E2eClientError('redirect-refused', 'A redirect in the clear is not followed.') };
    }
    if (plainAnswer && type !== PROBLEM_MEDIA_TYPE) return { response: wire };
    const bytes = await readBytes(wire, type === PROBLEM_MEDIA_TYPE ? limit : 0);
    const problem = bytes && readProblem(bytes);
    if (plainAnswer && bytes && !problem) return { response: respond(bytes, wire) };
    const message = `${method} ${url.pathname} got an answer in the clear: ${problem ?? `status ${wire.status}`}. ${hint(problem)}`;
    return { problem, error: new E2eClientError('plain-answer', message, answerFacts(wire, problem)) };
  }

  const bytes = await readBytes(wire, limit);
  if (!bytes) {
    return { error: new E2eClientError('answer-too-large', `The answer is over maxResponseSize, ${limit} bytes.`) };
  }
  const opened = await channel.open(seq, ascii.decode(bytes));
  if (!opened) {
    const message = `The answer to ${method} ${url.pathname} does not open, or is not the answer to this request.`;
    return { error: new E2eClientError('answer-rejected', message) };
  }

  const { status, cty, location } = opened.header;
  const headers = new Headers(wire.headers);
  for (const name of WIRE_HEADERS) headers.delete(name);
  if (cty !== undefined) headers.set('content-type', cty);
  if (location !== undefined) headers.set('location', location);
  return {
    response: respond(opened.plaintext, { status, statusText: wire.status === status ? wire.statusText : '', headers }),
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

/** What an answer in the clear says of itself; nobody vouches for it. */
export function answerFacts(wire: Response, problem: ProblemName | undefined): AnswerFacts {
  const retryAfter = /^\d+$/.exec(wire.headers.get('retry-after') ?? '');
  return { problem, status: wire.status, retryAfter: retryAfter ? Number(retryAfter[0]) : undefined };
}

/** The body, or `undefined` where it is longer than that many bytes: it is then let go, and its connection with it. */
export async function readBytes(response: Response, limit: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  // Chromium reports a no-store answer that a script reads as a stream as aborted, and its devtools show no body. So it
  // is read whole where its framing bounds it: not where it is unpacked, or where another origin may hide that it is.
  const isFramed = response.type !== 'cors' && !response.headers.has('content-encoding');
  if (isFramed && Number(response.headers.get('content-length') ?? Infinity) <= limit) {
    return new Uint8Array(await response.arrayBuffer());
  }
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
    length += read.value.length;
    if (length > limit) {
      void reader?.cancel().catch(() => undefined);
      return undefined;
    }
    chunks.push(read.value);
  }
  const bytes = new Uint8Array(length);
  length = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, length);
    length += chunk.length;
  }
  return bytes;
}

/** The protocol's problem in a body, where it is one. */
export function readProblem(body: Uint8Array): ProblemName | undefined {
  return problemName(parseJsonObject(ascii.decode(body)));
}

function respond(body: Uint8Array, init: ResponseInit): Response {
  return new Response(BODILESS.includes(init.status ?? 200) ? null : (body as Uint8Array<ArrayBuffer>), init);
}

function hint(problem: ProblemName | undefined): string {
  if (!problem) {
    return 'It may be from anyone on the way, so it is not handed over. Is the route sealed? For one that answers in the clear, pass e2e: { response: false }.';
  }
  if (problem === 'handshake-required' || problem === 'message-stale') {
    return 'It was not sent again: another copy may have been processed. Where that does no harm, call again, or set Idempotency-Key or resend.';
  }
  if (problem !== 'message-rejected') return '';
  return 'It did not arrive as it was sealed: does a proxy change its method, path, query or body? With e2e: { request: false }: is the route @Encrypted({ request: false })?';
}
