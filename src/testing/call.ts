import type { E2eRequestInit } from '../client/call/request.js';
import { readAnswer, type TestAnswer } from './answer.js';
import { expectBody, expectHeader, expectStatus, meet, placeOf, putAt, type Expectation } from './expectations.js';
import { probe, type Line } from './probe.js';
import { addQuery, prepare, TYPES, type Draft } from './request.js';

/** A test's own look at the answer: it throws, or returns an error, where something is wrong; it may be async. */
export type Assertion = (answer: TestAnswer) => unknown;

/** What happens once a call is awaited, beside the request itself. */
type E2eSealing = NonNullable<E2eRequestInit['e2e']>;

/**
 * One sealed call, put together as with supertest, and sent when it is awaited. What it resolves to is the opened
 * answer, once all expectations are met.
 */
export class E2eCall implements PromiseLike<TestAnswer> {
  readonly #line: Line;
  readonly #draft: Draft;
  readonly #expectations: Expectation[] = [];
  /** Where the test made the call: errors of the connection and the channel begin there. */
  readonly #place: string;
  #sealing: E2eSealing | undefined;
  #timeout: number | undefined;
  #redirect: RequestRedirect = 'manual';
  #isProbe = false;
  #sent: Promise<TestAnswer> | undefined;

  constructor(line: Line, draft: Draft, place: string) {
    this.#line = line;
    this.#draft = draft;
    this.#place = place;
  }

  /** A header, or several as an object. Headers travel in the clear. */
  set(name: string | Readonly<Record<string, string>>, value = ''): this {
    for (const [each, its] of typeof name === 'string' ? [[name, value] as const] : Object.entries(name)) {
      this.#draft.headers.set(each, its);
    }
    return this;
  }

  /** The body's media type: `json`, `form`, `text`, or in full. */
  type(type: string): this {
    return this.set('content-type', TYPES[type] ?? type);
  }

  /** `auth(user, password)` or `auth(token, { type: 'bearer' })`. */
  auth(user: string, password: string | { readonly type: 'bearer' }): this {
    if (typeof password === 'object') return this.set('authorization', `Bearer ${user}`);
    return this.set('authorization', `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`);
  }

  /** Adds to the query: an object or a query string. Without a body it travels sealed. */
  query(more: string | object): this {
    addQuery(this.#draft.query, more);
    return this;
  }

  /** The body: an object goes as JSON, a text as a form unless `type` says otherwise, bytes as they are. */
  send(body: unknown): this {
    const { body: before } = this.#draft;
    this.#draft.body = isPlainObject(before) && isPlainObject(body) ? { ...before, ...body } : body;
    return this;
  }

  /** As for `client.fetch`, for routes that are sealed in one direction: `{ request: false }`, `{ response: false }`. */
  e2e(sealing: E2eSealing): this {
    this.#sealing = { ...this.#sealing, ...sealing };
    return this;
  }

  /** Follows redirects, which by default are answers as any other. */
  redirects(count: number): this {
    this.#redirect = count > 0 ? 'follow' : 'manual';
    return this;
  }

  /** Fails after so many milliseconds. */
  timeout(milliseconds: number): this {
    this.#timeout = milliseconds;
    return this;
  }

  /** A status, with or without a body; a header; a body (deeply equal JSON, a text, a pattern); or a look of one's own. */
  expect(status: number, body?: unknown): this;
  expect(header: string, value: string | number | RegExp): this;
  expect(lookOrBody: Assertion | object | string): this;
  expect(first: unknown, second?: unknown): this {
    // eslint-disable-next-line @typescript-eslint/unbound-method -- only its name is looked at, in the stack
    const place = placeOf(this.expect);
    const add = (check: Expectation['check']) => this.#expectations.push({ place, check });
    if (typeof first === 'number') {
      add(expectStatus(first));
      if (second !== undefined) add(expectBody(second));
    } else if (typeof first === 'string' && second !== undefined) {
      add(expectHeader(first, second as string | number | RegExp));
    } else if (typeof first === 'function') {
      add(first as Assertion);
    } else {
      add(expectBody(first));
    }
    return this;
  }

  /** That the route is sealed and leaks nothing; see `expectSealed`. The call is then made plain too, to be refused. */
  expectSealed(): this {
    this.#isProbe = true;
    return this;
  }

  then<A = TestAnswer, B = never>(
    fulfilled?: ((answer: TestAnswer) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return (this.#sent ??= this.#run()).then(fulfilled, rejected);
  }

  catch<B = never>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<TestAnswer | B> {
    return this.then(undefined, rejected);
  }

  finally(done?: (() => void) | null): Promise<TestAnswer> {
    return this.then().finally(done);
  }

  async #run(): Promise<TestAnswer> {
    const { method, path } = this.#draft;
    let answer: TestAnswer;
    try {
      answer = await this.#send();
    } catch (error) {
      throw error instanceof Error ? putAt(error, this.#place) : error;
    }
    await meet(this.#expectations, answer, `${method} ${path}`);
    return answer;
  }

  async #send(): Promise<TestAnswer> {
    const request = prepare(this.#draft);
    Object.assign(request.init, { redirect: this.#redirect });
    if (this.#timeout !== undefined) Object.assign(request.init, { signal: AbortSignal.timeout(this.#timeout) });
    if (this.#isProbe) return probe(this.#line, request);
    const sealing = this.#sealing && { e2e: this.#sealing };
    return readAnswer(await this.#line.client.fetch(request.path, { ...request.init, ...sealing }));
  }
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
