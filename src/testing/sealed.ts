import { E2eAgent, e2eAgent } from './agent.js';
import type { E2eAgentOptions } from './connection.js';
import { placeOf, putAt } from './expectations.js';
import type { TestResponse } from './response.js';
import type { TestTarget } from './target.js';

/** A request to a route that must be sealed. */
export interface SealedRequest {
  readonly method: string;
  /** With the global prefix, if there is one; it may have a query. */
  readonly path: string;
  readonly query?: string | object;
  readonly headers?: Readonly<Record<string, string>>;
  /** Use values of six or more characters that occur nowhere else: the assertion searches the wire for them. */
  readonly body?: string | object;
  /** For a route with `@EncryptedField()`: the values of the body that are sealed, as for `client.fetch`. */
  readonly fields?: readonly string[];
  /** Also for such a route: values of the response that must be encrypted. A name that ends with `?` may be absent. */
  readonly answerFields?: readonly string[];
}

/**
 * Asserts that a route is sealed in both directions and leaks nothing: it rejects a plain request with
 * `message-required`, and rejects a plain body beside a sealed header. Nothing of the sealed request or its response
 * can be read on the wire: no values or parts of values, no names and no hashes. Returns the opened response.
 *
 * With `fields` or `answerFields`, it asserts this of the named values of the body and the encrypted values of the
 * response. The rest of both bodies may be read.
 *
 * If the route is not sealed, its handler runs for the plain request.
 *
 * @throws E2eExpectationError that names the route, and what leaks where, without quoting it.
 *
 * @example
 * await expectSealed(app, { method: 'POST', path: '/notes', body: { title: 'found nowhere else' } });
 */
export async function expectSealed(
  target: TestTarget | E2eAgent,
  { method, path, query, headers, body, fields, answerFields }: SealedRequest,
  options: E2eAgentOptions = {},
): Promise<TestResponse> {
  const place = placeOf(expectSealed);
  const agent = target instanceof E2eAgent ? target : await e2eAgent(target, options);
  try {
    const call = agent.call(method, path).expectSealed();
    if (query !== undefined) call.query(query);
    if (headers) call.set(headers);
    if (body !== undefined) call.send(body);
    if (fields || answerFields) call.e2e({ fields: fields ?? [], answerFields: answerFields ?? [] });
    return await call;
  } catch (error) {
    throw error instanceof Error ? putAt(error, place) : error;
  } finally {
    if (agent !== target) await agent.close();
  }
}
