import type { E2eRequestInit } from '../client/call/draft.js';
import type { E2eClient } from '../client/client.js';
import { E2eClientError } from '../client/errors.js';
import { parseJsonObject } from '../protocol/json.js';
import { REQUEST_HEADER } from '../protocol/message.js';
import { problemName } from '../protocol/problem.js';
import { E2eExpectationError } from './expectations.js';
import { findLeaks, type Place } from './leaks.js';
import { isSealedType, publicOf, requestPlaces, responsePlaces, type Control } from './places.js';
import { readOpened, type Opened, type Reading } from './reading.js';
import type { PreparedRequest } from './request.js';
import { hashesOf, secretsOfBody, secretsOfForm } from './secrets.js';
import type { Exchange, WireRecorder } from './wire.js';

/** Where calls go, and what keeps their wire. */
export interface Line {
  readonly url: string;
  readonly client: E2eClient;
  readonly recorder: WireRecorder;
}

/** Methods that may have a body: a route that takes a plain one is looked for with one. */
const WITH_BODY = ['POST', 'PUT', 'PATCH', 'DELETE'];
const JSON_TYPE = 'application/json';
const PROBE = '{"probe":true}';
/** Fastify refuses a plain body by itself where it is of a type that it does not know, or too long. */
const REFUSED_BY_PLATFORM = [413, 415];

/** The opened response to a request whose route is sealed. @throws E2eExpectationError if it is not. */
export async function probe(line: Line, request: PreparedRequest, reading: Reading): Promise<Opened> {
  const bare = withoutContent(request);
  const before = await refusesPlain(line, bare);
  await refusesPlain(line, request, REFUSED_BY_PLATFORM);
  if (WITH_BODY.includes(request.method)) await refusesPlainBody(line, request);
  const { opened, exchanges } = await callSealed(line, request, reading);
  // The application may reveal data of the sealed request in the response to the next one.
  const after = await refusesPlain(line, bare);

  const route = urlOf(line, request).pathname;
  for (const exchange of exchanges.filter(({ url }) => url.pathname === route)) checkForm(request, exchange);
  const leaks = leaksOf(request, opened, exchanges, before, after);
  if (leaks.length > 0) throw new E2eExpectationError(`${routeOf(request)} leaks:\n  ${leaks.join('\n  ')}`);
  return opened;
}

function leaksOf(
  request: PreparedRequest,
  { response, bytes }: Opened,
  exchanges: readonly Exchange[],
  before: Control,
  after: Control,
): string[] {
  const { body, headers } = request.init;
  const sent = body ?? new Uint8Array();
  const [query = ''] = request.path.split('?').slice(1);
  const told = secretsOfBody('body', headers.get('content-type') ?? '', sent).concat(secretsOfForm('query', query));
  const answered = secretsOfBody('response', response.headers.get('content-type') ?? '', bytes);
  const toldHashes = hashesOf('body', sent, told);
  const known = publicOf(before);
  // A response may repeat the plain content of its request.
  const knownOfResponse = [...known, request.path, ...headers.values()];
  const later = laterPlaces(before, after);
  return [
    ...exchanges.flatMap((exchange) => {
      const ofResponse = responsePlaces(exchange, before);
      return [
        ...findLeaks([...told, ...toldHashes], [...requestPlaces(exchange), ...ofResponse], known),
        ...findLeaks([...answered, ...hashesOf('response', bytes, answered)], ofResponse, knownOfResponse),
      ];
    }),
    ...findLeaks([...told, ...answered], later, knownOfResponse),
  ].filter((leak, index, all) => all.indexOf(leak) === index);
}

/** What the headers of a later response have that those of an earlier one had not. */
export function laterPlaces(before: Control, after: Control): Place[] {
  return [...after.headers]
    .filter(([name, value]) => before.headers.get(name) !== value)
    .map(([name, value]) => ({
      name: `the next response's header ${name}`,
      text: value,
      known: before.headers.get(name) ?? '',
    }));
}

/** The request without its content: a response to it can contain only public data. */
function withoutContent({ method, path, init }: PreparedRequest): PreparedRequest {
  const headers = new Headers(init.headers);
  headers.delete('content-type');
  return { method, path: path.split('?')[0]!, init: { method, headers, redirect: 'manual' } };
}

/** As the client resolves it: a path of the target's counts as a folder. */
export function urlOf({ url }: Line, { path }: PreparedRequest): URL {
  return new URL(path, url.endsWith('/') ? url : `${url}/`);
}

/** @param mayAlsoBe statuses of the platform itself that refuse it as well. */
export async function refusesPlain(line: Line, request: PreparedRequest, mayAlsoBe: number[] = []): Promise<Control> {
  const url = urlOf(line, request);
  const response = await globalThis.fetch(url, request.init as RequestInit);
  const problem = problemName(parseJsonObject(await response.text()));
  if (problem === 'message-required' || mayAlsoBe.includes(response.status)) return { url, headers: response.headers };
  const hint =
    response.status === 404
      ? 'Does the route exist? Give its path with the global prefix and the version.'
      : response.ok || response.status === 400
        ? 'Is it @Encrypted()? By now its handler may have run on the plain request.'
        : 'Something answered before it could be refused: a guard, a middleware, a limit?';
  throw notSealed(
    request,
    `the plain request was answered with ${problem ?? `status ${response.status}`}, not refused with message-required. ${hint}`,
  );
}

/** Also with JSON if the call has no body or another one, because the route may still accept it. */
async function refusesPlainBody({ client }: Line, request: PreparedRequest): Promise<void> {
  const { headers, body } = request.init;
  const own = new Headers(headers);
  own.set('content-type', JSON_TYPE);
  const bodies = [{ headers: own, body: PROBE }, ...(body ? [{ headers, body: body as BodyInit }] : [])];
  for (const each of bodies) {
    try {
      await client.fetch(request.path, { ...request.init, ...each, e2e: { request: false, resend: false } });
    } catch (error) {
      if (!(error instanceof E2eClientError)) throw error;
      if (error.problem === 'message-rejected' || REFUSED_BY_PLATFORM.includes(error.status ?? 0)) continue;
      if (error.code !== 'plain-answer') throw error;
    }
    throw notSealed(request, 'it takes a plain body beside a sealed header. Is it @Encrypted({ request: false })?');
  }
}

/** The opened response, and what was on the wire. */
export async function callSealed(
  { client, recorder }: Line,
  request: PreparedRequest,
  reading: Reading,
  e2e?: E2eRequestInit['e2e'],
): Promise<{ opened: Opened; exchanges: readonly Exchange[] }> {
  try {
    const { result, exchanges } = await recorder.record(true, async () => {
      const response = await client.fetch(request.path, { ...(request.init as RequestInit), ...(e2e && { e2e }) });
      // Content that was not kept cannot be searched for.
      return readOpened(response, { ...reading, isKept: true });
    });
    return { opened: result, exchanges };
  } catch (error) {
    if (!(error instanceof E2eClientError && error.code === 'plain-answer') || error.problem) throw error;
    throw notSealed(
      request,
      `its response, status ${error.status}, came in the clear. Is it @Encrypted({ response: false })?`,
    );
  }
}

/** Asserts that both halves are messages, alone or followed by frames, regardless of their content. */
function checkForm(request: PreparedRequest, { requestHeaders, requestBody, responseHeaders }: Exchange): void {
  const sealed = requestBody === '' ? requestHeaders.has(REQUEST_HEADER) : isSealedType(requestHeaders);
  if (!sealed) throw notSealed(request, 'its request went over the wire without being a message');
  if (!isSealedType(responseHeaders)) {
    throw notSealed(request, 'its response came over the wire without being a message');
  }
}

export function notSealed(request: PreparedRequest, why: string): E2eExpectationError {
  return new E2eExpectationError(`${routeOf(request)} is not sealed: ${why}`);
}

/** Without the query, which may hold what must not be shown. */
export function routeOf({ method, path }: PreparedRequest): string {
  return `${method} ${path.split('?')[0]}`;
}
