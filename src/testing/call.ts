import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { E2eRequestInit } from '../client/call/draft.js';
import type { Connection } from './connection.js';
import { expectBody, expectHeader, expectStatus, meet, placeOf, putAt, type Expectation } from './expectations.js';
import { RequestBuilder } from './builder.js';
import { newDraft } from './request.js';
import { readBuffer, type Parser } from './reading.js';
import type { TestResponse } from './response.js';
import { send, type Delivery } from './send.js';

/** A test's own assertion: it throws, or returns an error, if something is wrong. It may be async. */
export type Assertion = (response: TestResponse) => unknown;
/** Is called with an error or `null`, and with the response if there is one. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as superagent types it
export type CallbackHandler = (error: any, response: TestResponse) => void;
/** Says whether a call is sent again; `undefined` leaves that to the call. */
type RetryDecision = (...given: Parameters<CallbackHandler>) => unknown;

/**
 * One sealed call, built as with supertest and sent when it is awaited. It resolves to the opened response if all
 * expectations are met.
 *
 * @example
 * const { body } = await agent.post('/notes').send({ title: 'Hello' }).expect(201).expectSealed();
 * show(body);
 */
export class E2eCall extends RequestBuilder implements Promise<TestResponse> {
  readonly [Symbol.toStringTag] = 'E2eCall';
  readonly #connection: Connection;
  readonly #delivery: Delivery;
  readonly #expectations: Expectation[] = [];
  /** Where the test made the call: errors of the connection and the channel begin there. */
  readonly #place: string;
  /** How often the call may still be sent again. */
  #retries = 0;
  #decide: RetryDecision | undefined;
  #sent: Promise<TestResponse> | undefined;
  #response: TestResponse | undefined;

  /** By an agent alone. */
  constructor(connection: Connection, method: string, path: string, place: string) {
    const draft = newDraft(method, path);
    super(draft);
    this.#connection = connection;
    this.#place = place;
    this.#delivery = {
      draft,
      abort: new AbortController(),
      redirect: 'manual',
      isProbe: false,
      reading: { isKept: true },
    };
  }

  /**
   * Reads the response's body in place of the kit, as it comes. The call is over when the parser calls back, and the
   * rest of the body is cancelled. If the body does not end correctly, the call fails, whatever the parser does.
   */
  parse(parser: Parser): this {
    this.#delivery.reading.parser = parser;
    return this;
  }

  /**
   * Reads an event stream: the first so many events, or all up to its end. They are the response's `body`, and a stream
   * that continues is then cancelled. A response of another type is read as usual.
   *
   * @example
   * await agent.get('/live').events(2).expect(200, [
   *   { type: 'message', data: '{"n":1}', lastEventId: '1' },
   *   { type: 'message', data: '{"n":2}', lastEventId: '2' },
   * ]);
   */
  events(count = Infinity): this {
    if (count !== Infinity && !(Number.isInteger(count) && count > 0)) {
      throw new TypeError(`.events() needs how many events to read, a positive integer; received ${count}.`);
    }
    this.#delivery.reading.events = count;
    return this;
  }

  /**
   * Sends the call and writes the response's body into a stream as it comes, which it returns. An error of the call, or
   * an expectation that is not met, destroys the stream. Await the call itself for the response.
   */
  pipe<Target extends NodeJS.WritableStream>(target: Target, { end = true }: { readonly end?: boolean } = {}): Target {
    const stream = target as Target & { destroyed?: boolean; destroy?: (error: unknown) => void };
    let isTold = false;
    this.#delivery.reading.isKept = false;
    this.parse((response: Readable, done) =>
      pipeline(response, target, { end }).then(
        () => done(null, {}),
        (error: unknown) => {
          isTold = true; // by `pipeline`
          done(error as Error, {});
        },
      ),
    );
    this.catch((error: unknown) => {
      if (isTold) return;
      // A stream that is complete gets no error: then the test fails by itself.
      if (stream.destroyed || !stream.destroy) throw error;
      stream.destroy(error);
    });
    return target;
  }

  /** The response's body as a Buffer. */
  responseType(type: string): this {
    if (type !== 'text') this.#delivery.reading.parser = readBuffer;
    return this;
  }

  /** `false`: the data that a parser reads is not kept as the response's `bytes` and `text`. */
  buffer(value = true): this {
    this.#delivery.reading.isKept = value;
    return this;
  }

  /** Has no effect: an agent keeps its cookies. */
  withCredentials(on?: boolean): this;
  withCredentials(): this {
    return this;
  }

  /** Calls a function with this call, to set what many calls have in common. */
  use(plugin: (call: this) => void): this {
    plugin(this);
    return this;
  }

  /** As for `client.fetch`: `{ request: false }`, `{ response: false }`, or `{ fields: ['card.number'] }`. */
  e2e(sealing: NonNullable<E2eRequestInit['e2e']>): this {
    this.#delivery.sealing = { ...this.#delivery.sealing, ...sealing };
    return this;
  }

  /** Has no effect: a response of any status is one. */
  ok(isOk: (response: TestResponse) => boolean): this;
  ok(): this {
    return this;
  }

  /**
   * Sends the call again, at most `count` times, where it failed, or where the status is 408, 413, 429 or over 499. A
   * function decides by itself, unless it returns `undefined`.
   */
  retry(count = 1, decide?: RetryDecision): this {
    [this.#retries, this.#decide] = [count, decide];
    return this;
  }

  /** Follows redirects, which are responses like any other by default. */
  redirects(count: number): this {
    this.#delivery.redirect = count > 0 ? 'follow' : 'manual';
    return this;
  }

  /** Fails after this many milliseconds. */
  timeout(milliseconds: number | { readonly deadline?: number; readonly response?: number }): this {
    const { deadline, response } = typeof milliseconds === 'number' ? { deadline: milliseconds } : milliseconds;
    this.#delivery.timeout = deadline ?? response;
    return this;
  }

  abort(): this {
    this.#delivery.abort.abort();
    return this;
  }

  /* eslint-disable @typescript-eslint/unified-signatures -- each form of supertest's, for the compiler to name in errors */
  /**
   * A status or one of several, with or without a body; a header; a body (deeply equal JSON, a string, a pattern); or
   * an assertion.
   */
  expect(status: number, callback?: CallbackHandler): this;
  expect(status: number, body: unknown, callback?: CallbackHandler): this;
  expect(assertion: Assertion, callback?: CallbackHandler): this;
  expect(field: string, value: string | number | RegExp, callback?: CallbackHandler): this;
  expect(body: string | RegExp | object, callback?: CallbackHandler): this;
  /* eslint-enable @typescript-eslint/unified-signatures */
  expect(first: unknown, ...rest: unknown[]): this {
    // eslint-disable-next-line @typescript-eslint/unbound-method -- only its name is looked at, in the stack
    const place = placeOf(this.expect);
    const callback = rest.find((each) => typeof each === 'function') as CallbackHandler | undefined;
    const [second] = rest.filter((each) => each !== callback);
    const add = (check: Expectation['check']) => this.#expectations.push({ place, check });
    if (typeof first === 'number') {
      add(expectStatus(first));
      if (second !== undefined) add(expectBody(second));
    } else if (Array.isArray(first) && first.length > 0 && first.every((each) => typeof each === 'number')) {
      add(expectStatus(first));
    } else if (typeof first === 'function') {
      add(first as Assertion);
    } else if (typeof first === 'string' && second !== undefined) {
      add(expectHeader(first, second as string | number | RegExp));
    } else {
      add(expectBody(first));
    }
    return callback ? this.end(callback) : this;
  }

  /**
   * Asserts that the route, or its single fields, are sealed and leak nothing; see `expectSealed`. The call is also sent
   * plain, and must then be rejected, unless it encrypts fields of its response only.
   */
  expectSealed(): this {
    this.#delivery.isProbe = true;
    return this;
  }

  /** Sends the call, and calls back. An error that the callback throws is not caught, so the test fails. */
  end(callback?: CallbackHandler): this {
    this.then(
      (response) => queueMicrotask(() => callback?.(null, response)),
      (error: unknown) => queueMicrotask(() => callback?.(error, this.#response!)),
    ).catch(() => undefined);
    return this;
  }

  /* eslint-disable @typescript-eslint/no-explicit-any -- as Promise types them */
  then<A = TestResponse, B = never>(
    fulfilled?: ((response: TestResponse) => A | PromiseLike<A>) | null,
    rejected?: ((reason: any) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return (this.#sent ??= this.#run()).then(fulfilled, rejected);
  }

  catch<B = never>(rejected?: ((reason: any) => B | PromiseLike<B>) | null): Promise<TestResponse | B> {
    return this.then(undefined, rejected);
  }

  /* eslint-enable @typescript-eslint/no-explicit-any */

  finally(done?: (() => void) | null): Promise<TestResponse> {
    return this.then().finally(done);
  }

  async #run(): Promise<TestResponse> {
    let error: unknown;
    do {
      [error, this.#response] = await send(this.#connection, this.#delivery, this).then(
        (response) => [undefined, response],
        (reason: unknown) => [reason, undefined],
      );
    } while (this.#isSentAgain(error, this.#response));
    if (!this.#response) throw error instanceof Error ? putAt(error, this.#place) : error;
    await meet(this.#expectations, this.#response, `${this.method} ${this.url}`);
    return this.#response;
  }

  #isSentAgain(error: unknown, response: TestResponse | undefined): boolean {
    if (this.#delivery.abort.signal.aborted || this.#retries-- <= 0) return false;
    const decision = this.#decide?.(error, response!);
    return typeof decision === 'boolean'
      ? decision
      : !response || response.status > 499 || [408, 413, 429].includes(response.status);
  }
}
