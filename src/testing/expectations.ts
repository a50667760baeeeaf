import { deepStrictEqual } from 'node:assert';
import { showResponse, type TestResponse } from './response.js';

/**
 * An expectation that the response does not meet, or a route that is not sealed. Its stack begins at the test's line.
 *
 * @example
 * try {
 *   await agent.get('/notes').expect(404);
 * } catch (error) {
 *   if (error instanceof E2eExpectationError) show({ actual: error.actual, expected: error.expected });
 * }
 */
export class E2eExpectationError extends Error {
  override readonly name = 'E2eExpectationError';
  /** The actual and the expected value: test runners show the difference. */
  readonly actual?: unknown;
  readonly expected?: unknown;

  constructor(message: string, { actual, expected }: { actual?: unknown; expected?: unknown } = {}) {
    super(message);
    if (actual !== undefined) this.actual = actual;
    if (expected !== undefined) this.expected = expected;
  }
}

/** The place in a test: the frames of the stack below our method that the test called. */
export type Place = string;

export function placeOf(below: (...args: never) => unknown): Place {
  const holder = { stack: '' };
  Error.captureStackTrace(holder, below);
  return holder.stack.slice(holder.stack.indexOf('\n') + 1);
}

/** The error, saying that it happened at that place. */
export function putAt<E extends Error>(error: E, place: Place): E {
  error.stack = `${error.name}: ${error.message}\n${place}`;
  return error;
}

export interface Expectation {
  readonly place: Place;
  /** Throws if the response is not as expected. */
  readonly check: (response: TestResponse) => unknown;
}

/** @throws E2eExpectationError for the first that is not met, or what an assertion of the test's own throws. */
export async function meet(expectations: readonly Expectation[], response: TestResponse, call: string): Promise<void> {
  for (const { place, check } of expectations) {
    try {
      const outcome = await check(response);
      if (outcome instanceof Error) throw outcome; // as supertest takes it
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw withResponse(error, place, showResponse(call, response));
    }
  }
}

export function expectStatus(expected: number | readonly number[]): Expectation['check'] {
  const allowed = [expected].flat();
  return ({ status }) => {
    if (allowed.includes(status)) return;
    const wanted = allowed.length > 1 ? `one of ${allowed.join(', ')}` : String(allowed[0]);
    throw new E2eExpectationError(`expected status ${wanted}, got ${status}`, { actual: status, expected });
  };
}

export function expectHeader(name: string, expected: string | number | RegExp): Expectation['check'] {
  return ({ headers }) => {
    const value = headers[name.toLowerCase()] as string | string[] | undefined;
    const actual = value === undefined ? undefined : String(value);
    const fits = expected instanceof RegExp ? expected.test(actual ?? '') : actual === String(expected);
    if (actual !== undefined && fits) return;
    const got = actual === undefined ? 'none' : `"${actual}"`;
    throw new E2eExpectationError(`expected the header ${name} to be ${show(expected)}, got ${got}`);
  };
}

export function expectBody(expected: unknown): Expectation['check'] {
  return ({ body, text }) => {
    if (expected instanceof RegExp || typeof expected === 'string') {
      const fits = expected instanceof RegExp ? expected.test(text) : text === expected;
      if (!fits) throw new E2eExpectationError(`expected the body to be ${show(expected)}`);
      return;
    }
    try {
      deepStrictEqual(body, expected);
    } catch (error) {
      const difference = (error as Error).message.replace(/^.*\n/, '');
      throw new E2eExpectationError(`the body is not as expected:\n${difference}`, {
        actual: body as unknown,
        expected,
      });
    }
  };
}

function show(expected: string | number | RegExp): string {
  return expected instanceof RegExp ? String(expected) : JSON.stringify(String(expected));
}

/** The error with the opened response below its message; one of ours begins at the test's line too. */
function withResponse(error: Error, place: Place, response: string): Error {
  const { message, stack = '' } = error;
  error.message = `${message}\n\n${response}`;
  if (error instanceof E2eExpectationError) return putAt(error, place);
  // The stack of an assertion library's error already leads into the test.
  const at = stack.indexOf(message);
  if (at >= 0) error.stack = stack.slice(0, at) + error.message + stack.slice(at + message.length);
  return error;
}
