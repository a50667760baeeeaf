import { E2eAgent, e2eAgent, type E2eAgentOptions } from './agent.js';
import type { TestAnswer } from './answer.js';
import { placeOf, putAt } from './expectations.js';
import type { TestTarget } from './target.js';

/** A request whose route is to be sealed. */
export interface SealedRequest {
  readonly method: string;
  /** With the global prefix, if there is one; it may have a query. */
  readonly path: string;
  readonly query?: string | object;
  readonly headers?: Readonly<Record<string, string>>;
  /** With values that are found nowhere else, of six characters or more: they are looked for on the wire. */
  readonly body?: unknown;
}

/**
 * Asserts that a route is sealed in both directions and leaks nothing: that it refuses the plain request with
 * `message-required`, and a plain body beside a sealed header; and that of the sealed request and its answer no value
 * can be read on the wire. Gives the opened answer.
 *
 * A route that is not sealed runs its handler for the plain request too: that is what the assertion finds out.
 *
 * @throws E2eExpectationError that names the route and the members that leak.
 */
export async function expectSealed(
  target: TestTarget | E2eAgent,
  { method, path, query, headers, body }: SealedRequest,
  options: E2eAgentOptions = {},
): Promise<TestAnswer> {
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
