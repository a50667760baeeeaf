import type { E2eClient } from '../client/client.js';
import { E2eClientError } from '../client/errors.js';
import { parseJsonObject } from '../protocol/json.js';
import { essence } from '../protocol/media-type.js';
import { MESSAGE_MEDIA_TYPE, REQUEST_HEADER } from '../protocol/message.js';
import { problemName } from '../protocol/problem.js';
import { readAnswer, type TestAnswer } from './answer.js';
import { E2eExpectationError } from './expectations.js';
import { findLeaks, requestPlaces, responsePlaces, secretsOf } from './leaks.js';
import type { PreparedRequest } from './request.js';
import type { Exchange, WireRecorder } from './wire.js';

/** Where calls go, and what keeps their wire. */
export interface Line {
  readonly url: string;
  readonly client: E2eClient;
  readonly recorder: WireRecorder;
}

/** The opened answer to a request whose route is sealed. @throws E2eExpectationError where it is not. */
export async function probe(line: Line, request: PreparedRequest): Promise<TestAnswer> {
  await refusesPlain(line, request);
  if (request.init.body != null) await refusesPlainBody(line, request);
  const { answer, exchanges } = await callSealed(line, request);

  const route = urlOf(line, request).pathname;
  const own = exchanges.filter(({ url }) => new URL(url).pathname === route);
  for (const exchange of own) checkForm(request, exchange);
  const { body, query } = request.says;
  const told = [...label('the body member', secretsOf(body)), ...label('the query member', secretsOf(query))];
  const answered = label('the answer member', secretsOf(answer.type.endsWith('json') ? answer.body : answer.text));
  const leaks = exchanges.flatMap((exchange) => [
    ...told.flatMap(([whose, secret]) =>
      findLeaks(whose, [secret], [...requestPlaces(exchange), ...responsePlaces(exchange)]),
    ),
    ...answered.flatMap(([whose, secret]) => findLeaks(whose, [secret], responsePlaces(exchange))),
  ]);
  if (leaks.length > 0) {
    throw new E2eExpectationError(`${routeOf(request)} leaks:\n  ${[...new Set(leaks)].join('\n  ')}`);
  }
  return answer;
}

/** As the client resolves it: a path of the target's counts as a folder. */
function urlOf({ url }: Line, { path }: PreparedRequest): URL {
  return new URL(path, url.endsWith('/') ? url : `${url}/`);
}

function label<T>(whose: string, secrets: readonly T[]): [string, T][] {
  return secrets.map((secret) => [whose, secret]);
}

async function refusesPlain(line: Line, request: PreparedRequest): Promise<void> {
  const response = await globalThis.fetch(urlOf(line, request), request.init);
  const problem = problemName(parseJsonObject(await response.text()));
  if (problem === 'message-required') return;
  const hint =
    response.status === 404
      ? 'Is there such a route, with the global prefix if there is one?'
      : response.ok || response.status === 400
        ? 'Is it @Encrypted()? By now its handler may have run on the plain request.'
        : 'Something answered before it could be refused: a guard, a middleware, a limit?';
  throw notSealed(
    request,
    `the plain request was answered with ${problem ?? `status ${response.status}`}, not refused with message-required. ${hint}`,
  );
}

async function refusesPlainBody({ client }: Line, request: PreparedRequest): Promise<void> {
  try {
    await client.fetch(request.path, { ...request.init, e2e: { request: false, resend: false } });
  } catch (error) {
    if (error instanceof E2eClientError && error.problem === 'message-rejected') return;
    if (!(error instanceof E2eClientError && error.code === 'plain-answer')) throw error;
  }
  throw notSealed(request, 'it takes a plain body beside a sealed header. Is it @Encrypted({ request: false })?');
}

async function callSealed(
  { client, recorder }: Line,
  request: PreparedRequest,
): Promise<{ answer: TestAnswer; exchanges: readonly Exchange[] }> {
  try {
    const { result, exchanges } = await recorder.record(() => client.fetch(request.path, request.init));
    return { answer: await readAnswer(result), exchanges };
  } catch (error) {
    if (!(error instanceof E2eClientError && error.code === 'plain-answer') || error.problem) throw error;
    throw notSealed(
      request,
      `its answer, status ${error.status}, came in the clear. Is it @Encrypted({ response: false })?`,
    );
  }
}

/** That both halves are messages, whatever is in them. */
function checkForm(request: PreparedRequest, { requestHeaders, requestBody, responseHeaders }: Exchange): void {
  const isMessage = (headers: Headers) => essence(headers.get('content-type') ?? '') === MESSAGE_MEDIA_TYPE;
  const sealed = requestBody === '' ? requestHeaders.has(REQUEST_HEADER) : isMessage(requestHeaders);
  if (!sealed) throw notSealed(request, 'its request went over the wire without being a message');
  if (!isMessage(responseHeaders)) throw notSealed(request, 'its answer came over the wire without being a message');
}

function notSealed(request: PreparedRequest, why: string): E2eExpectationError {
  return new E2eExpectationError(`${routeOf(request)} is not sealed: ${why}`);
}

/** Without the query, which may hold what is not to be told. */
function routeOf({ method, path }: PreparedRequest): string {
  return `${method} ${path.split('?')[0]}`;
}
