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
  /** With values that are found nowhere else, of six characters or more: they are looked for on the wire. */
  readonly body?: string | object;
}

/**
 * Asserts that a route is sealed in both directions and leaks nothing: it refuses the plain request with
 * `message-required`, and a plain body beside a sealed header; and nothing of the sealed request or its response can be
 * read on the wire, neither values or parts of them, nor names, nor hashes. Gives the opened response.
 *
 * The handler of a route that is not sealed runs on the plain request: that is how the assertion finds out.
 *
 * @throws E2eExpectationError that names the route, and what leaks where, without quoting it.
 */
export async function expectSealed(
  target: TestTarget | E2eAgent,
  { method, path, query, headers, body }: SealedRequest,
  options: E2eAgentOptions = {},
): Promise<TestResponse> {
  const place = placeOf(expectSealed);
  const agent = target instanceof E2eAgent ? target : await e2eAgent(target, options);
  try {
    const call = agent.call(method, path).expectSealed();
    if (query !== undefined) call.query(query);
    if (headers) call.set(headers);
    if (body !== undefined) call.send(body);
    return await call;
  } catch (error) {
    throw error instanceof Error ? putAt(error, place) : error;
  } finally {
    if (agent !== target) await agent.close();
  }
}
