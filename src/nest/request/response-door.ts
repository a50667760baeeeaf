import type { ServerResponse } from 'node:http';
import { abort, endWithin } from './deadline.js';
import { guardStream, type GuardedStream } from './http2-guard.js';
import { describesBody } from './response-headers.js';
import {
  bytesOf,
  callbackOf,
  keepHead,
  replaceMethods,
  withoutEffect,
  type Beneath,
  type ResponseMethod,
} from './response-methods.js';

/** An answer as it leaves. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Uint8Array | string;
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
 * - `leaving`: the bytes of the sealed answer pass, each once and in their order, and no others. Status and headers are the
 *   sealed answer's, whatever the application and its middleware made of them.
 * - `open`: everything passes, as the route answers in the clear.
 * - `broken`: something failed, or wrote other bytes. The connection is destroyed, and nothing passes any more.
 */
export class ResponseDoor {
  readonly #response: ServerResponse;
  readonly #options: DoorOptions;
  readonly #beneath: Beneath;
  readonly #isHttp2: boolean;
  #state: 'shut' | 'leaving' | 'open' | 'broken' = 'shut';
  #wire: WireAnswer | undefined;
  /** The sealed bytes that have not passed yet, and those that Node is just writing: HTTP/2's `end` gives them to `write`. */
  #expected: Uint8Array = EMPTY;
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
    this.#beneath = replaceMethods(response, (beneath, name, args) => {
      if (this.#state === 'open') return beneath(name, args);
      if (this.#state === 'shut') return onWrite(beneath, name, args);
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

  /** Whether a call of ours is under way: what is called meanwhile is called by Node, or by middleware that passes it on. */
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
  leave(beneath: Beneath, wire: WireAnswer): void {
    if (this.#state !== 'shut') return;
    // Somebody wrote a head past everything.
    if (this.#response.headersSent) return this.break();
    this.#state = 'leaving';
    this.#wire = wire;
    const body = typeof wire.body === 'string' ? Buffer.from(wire.body) : wire.body;
    this.#expected = body;
    try {
      this.#imposeHead();
      this.#call(() => (beneath === this.#beneath ? this.#pass('end', [body]) : beneath('end', [body])));
    } catch (error) {
      this.break();
      throw error;
    }
    endWithin(this.#options.timeout, this.#response);
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
      keepHead(this.#response, args);
      this.#imposeHead();
      return this.#call(() => this.#beneath(name, [this.#wire!.status]));
    }
    if (name === 'flushHeaders') return this.#call(() => this.#beneath(name, args));
    if (name === 'write' || name === 'end') {
      const bytes = bytesOf(args);
      if (this.#admit(bytes) && (name === 'write' || this.#expected.length === 0)) return this.#send(name, bytes, args);
      this.break();
    }
    return withoutEffect(this.#response, name, args);
  }

  #send(name: 'write' | 'end', bytes: Uint8Array, args: unknown[]): unknown {
    const callback = callbackOf(args);
    this.#inFlight = bytes;
    const given: unknown[] = name === 'write' || bytes.length > 0 ? [bytes] : [];
    return this.#call(() => this.#beneath(name, callback ? [...given, callback] : given));
  }

  /** Whether these are the next of the sealed bytes. */
  #admit(bytes: Uint8Array): boolean {
    if (bytes.length === 0 || bytes === this.#inFlight) return true;
    const next = bytes === this.#expected ? bytes : this.#expected.subarray(0, bytes.length);
    if (bytes !== next && Buffer.compare(bytes, next) !== 0) return false;
    this.#expected = this.#expected.subarray(bytes.length);
    return true;
  }

  #imposeHead(): void {
    const response = this.#response;
    const { status, headers, body } = this.#wire!;
    for (const name of response.getHeaderNames()) {
      if (describesBody(name) || this.#options.isSealed(name)) response.removeHeader(name);
    }
    response.statusCode = status;
    if (!this.#isHttp2 && response.statusMessage) response.statusMessage = '';
    for (const name in headers) response.setHeader(name, headers[name]!);
    response.setHeader('Content-Length', Buffer.byteLength(body));
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
