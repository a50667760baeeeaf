import type { ServerResponse } from 'node:http';
import { abort, endWithin } from './deadline.js';
import { ExpectedBytes } from './expected-bytes.js';
import { guardStream, type GuardedStream } from './http2-guard.js';
import { imposeHead, type WireHead } from './response-headers.js';
import {
  bytesOf,
  callbackOf,
  keepHead,
  replaceMethods,
  withoutEffect,
  type Beneath,
  type Replaced,
  type ResponseMethod,
} from './response-methods.js';

/** A response as it leaves, whole. */
export interface WireAnswer extends Omit<WireHead, 'length'> {
  readonly body: Uint8Array | string;
  /** Of a string that is known to be ASCII: Node need not measure it, and writes it together with the head. */
  readonly encoding?: 'latin1';
}

export interface DoorOptions {
  /** Milliseconds that a session's save may hold the end of the response back. */
  readonly timeout: number;
  /** Whether a header, by its name in lower case, travels inside and so never outside. */
  readonly isSealed: (name: string) => boolean;
  /** Called once, when the response is broken off. */
  readonly onBreak: () => void;
}

const EMPTY = new Uint8Array(0);

/**
 * The last place before Node's own response, beneath all middleware:
 *
 *     shut ──▶ leaving      shut ◀──▶ open      shut, leaving ──▶ broken
 *
 * - `shut`: nothing leaves. Who writes is heard by the capture.
 * - `leaving`: the bytes of the sealed response pass, each once and in their order, and no others; and its end, once
 *   all of them have. Status and headers are the sealed response's, whatever the application and its middleware made of
 *   them.
 * - `open`: everything passes, as the route answers in the clear.
 * - `broken`: something failed, or wrote other bytes. The connection is destroyed, and nothing passes any more.
 */
export class ResponseDoor {
  readonly #response: ServerResponse;
  readonly #options: DoorOptions;
  readonly #methods: Replaced;
  readonly #isHttp2: boolean;
  #state: 'shut' | 'leaving' | 'open' | 'broken' = 'shut';
  #head: WireHead | undefined;
  /** What is given the sealed bytes first: middleware, or Node. */
  #first: Beneath | undefined;
  /** The sealed bytes that have not passed yet, and whether they are the last. */
  readonly #expected = new ExpectedBytes();
  #isEnding = false;
  #isDirect = false;
  /** The bytes that Node is just writing: HTTP/2's `end` gives them to `write`. */
  #inFlight: Uint8Array = EMPTY;
  #isCalling = false;

  /** @param onWrite called in place of the application's own calls while the door is shut. */
  constructor(
    response: ServerResponse,
    options: DoorOptions,
    onWrite: (beneath: Beneath, name: ResponseMethod, args: unknown[]) => unknown,
  ) {
    this.#response = response;
    this.#options = options;
    this.#methods = replaceMethods(response, (beneath, name, args) => {
      if (this.#state === 'open') return beneath(name, args);
      if (this.#state === 'shut' || this.#isHeardHere) return onWrite(beneath, name, args);
      return this.#state === 'leaving' ? this.#pass(name, args) : withoutEffect(response, name, args);
    });
    const { stream } = response as { stream?: GuardedStream };
    this.#isHttp2 = stream !== undefined;
    if (stream) {
      guardStream(stream, {
        isOpen: () => this.#state === 'open',
        isCalling: () => this.#isCalling,
        isPassing: (chunk) => this.#isCalling && chunk === this.#inFlight,
        onBypass: () => this.break(),
      });
    }
  }

  get state(): 'shut' | 'leaving' | 'open' | 'broken' {
    return this.#state;
  }

  /** Whether nobody stands before it: what the application calls is heard here at once. */
  get isOutermost(): boolean {
    return this.#methods.areOutermost();
  }

  /** Whether our own call is running: calls in that time come from Node, or from middleware that passes them on. */
  get isCalling(): boolean {
    return this.#isCalling;
  }

  open(): void {
    if (this.#state === 'shut') this.#state = 'open';
  }

  shut(): void {
    if (this.#state === 'open' && !this.#response.headersSent) this.#state = 'shut';
  }

  /** @param beneath what the application's own call would have called next: middleware, or Node. */
  leave(beneath: Beneath, { status, headers, body, encoding }: WireAnswer): void {
    // No code but Node's is between the application's call and the connection.
    const isAlone = beneath === this.#methods.beneath && !this.#isHttp2 && this.isOutermost;
    const isDirect = encoding === 'latin1' && isAlone;
    const bytes = typeof body === 'string' && !isDirect ? Buffer.from(body, encoding) : body;
    if (!this.begin(beneath, { status, headers, length: bytes.length })) return;
    if (typeof bytes === 'string') this.#endDirectly(bytes);
    else this.end(bytes);
  }

  /**
   * All of a response as a string. Nobody can have changed it on its way, nor its head: there is nothing to compare.
   */
  #endDirectly(text: string): void {
    this.#isEnding = this.#isDirect = true;
    try {
      this.#call(() => this.#methods.beneath('end', [text, 'latin1']));
    } catch (error) {
      this.break();
      throw error;
    }
    endWithin(this.#options.timeout, this.#response);
  }

  /**
   * Lets a sealed response leave in pieces, its head with the first of them.
   *
   * @returns whether it may: not where somebody wrote a head past everything.
   */
  begin(beneath: Beneath, head: WireHead): boolean {
    if (this.#state !== 'shut') return false;
    if (this.#response.headersSent) {
      this.break();
      return false;
    }
    this.#state = 'leaving';
    this.#head = head;
    this.#first = beneath;
    try {
      this.#imposeHead();
    } catch (error) {
      this.break();
      throw error;
    }
    return true;
  }

  /** @returns `false` where no more should be written before the response emits `drain`, as Node's `write` does. */
  push(bytes: Uint8Array, callback?: () => void): boolean {
    return this.#give('write', bytes, callback) !== false;
  }

  /** The last bytes. */
  end(bytes: Uint8Array, callback?: () => void): void {
    this.#isEnding = true;
    this.#give('end', bytes, callback);
    endWithin(this.#options.timeout, this.#response);
  }

  /**
   * The last bytes of a response that is not whole. Where its length stands outside, the connection has to end as well;
   * and whatever its client does not take in time.
   */
  fail(bytes: Uint8Array): void {
    if (this.#state !== 'leaving') return;
    const timer = setTimeout(() => abort(this.#response), this.#options.timeout).unref();
    this.#response.once('finish', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
    if (this.#head?.length === undefined) this.end(bytes);
    else this.push(bytes, () => abort(this.#response));
  }

  /** What Node has not sent yet is thrown away with the connection; on HTTP/2, with the stream. */
  break(): void {
    if (this.#state === 'broken') return;
    this.#state = 'broken';
    abort(this.#response);
    this.#options.onBreak();
  }

  #pass(name: ResponseMethod, args: unknown[]): unknown {
    if (name === 'writeHead') {
      if (!this.#isDirect) {
        keepHead(this.#response, args);
        this.#imposeHead();
      }
      return this.#call(() => this.#methods.beneath(name, [this.#head!.status]));
    }
    if (name === 'flushHeaders') return this.#call(() => this.#methods.beneath(name, args));
    if (name === 'write' || name === 'end') {
      const bytes = bytesOf(args);
      const isNext = bytes === this.#inFlight || this.#expected.admit(bytes);
      if (isNext && (name === 'write' || this.#isWhole)) return this.#send(name, bytes, args);
      this.break();
    }
    return withoutEffect(this.#response, name, args);
  }

  get #isWhole(): boolean {
    return this.#isEnding && this.#expected.isEmpty;
  }

  /** Where Node alone stands beneath the application's calls, all that is not ours is the application's. */
  get #isHeardHere(): boolean {
    return this.#state === 'leaving' && this.#first === this.#methods.beneath && !this.#isCalling;
  }

  /** Gives sealed bytes to the middleware beneath the application, which passes them on to `#pass`. */
  #give(name: 'write' | 'end', bytes: Uint8Array, callback: (() => void) | undefined): unknown {
    if (this.#state !== 'leaving') return undefined;
    this.#expected.push(bytes);
    const args = callback ? [bytes, callback] : [bytes];
    try {
      return this.#call(() =>
        this.#first === this.#methods.beneath ? this.#pass(name, args) : this.#first!(name, args),
      );
    } catch (error) {
      this.break();
      throw error;
    }
  }

  #send(name: 'write' | 'end', bytes: Uint8Array, args: unknown[]): unknown {
    const callback = callbackOf(args);
    const before = this.#inFlight;
    this.#inFlight = bytes;
    try {
      const given: unknown[] = name === 'write' || bytes.length > 0 ? [bytes] : [];
      return this.#call(() => this.#methods.beneath(name, callback ? [...given, callback] : given));
    } finally {
      this.#inFlight = before;
    }
  }

  #imposeHead(): void {
    imposeHead(this.#response, this.#head!, this.#options.isSealed);
  }

  #call<T>(method: () => T): T {
    const wasCalling = this.#isCalling;
    this.#isCalling = true;
    try {
      return method();
    } finally {
      this.#isCalling = wasCalling;
    }
  }
}
