import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { ResponseDoor, type DoorOptions, type WireAnswer } from './response-door.js';
import {
  bytesOf,
  keepHead,
  replaceMethods,
  withoutEffect,
  type Beneath,
  type ResponseMethod,
} from './response-methods.js';

/** An answer as the application means it. */
export interface PlainAnswer {
  readonly status: number;
  /** By their names in lower case. */
  readonly headers: Readonly<OutgoingHttpHeaders>;
  readonly body: Uint8Array;
  /** The application wrote more pieces than may be collected: `body` is not the whole. */
  readonly isTooLong?: boolean;
}

/** What leaves in place of the application's answer; later, where its message has to be opened first. */
export type Transform = (answer: PlainAnswer) => WireAnswer | Promise<WireAnswer>;

export interface CaptureOptions extends DoorOptions {
  readonly transform: Transform;
  /** Bytes that are collected of an answer in pieces. */
  readonly maxCollected: number;
}

/**
 * Takes over a response, so that only what `transform` makes of the application's answer leaves. It makes no difference
 * who answers: a handler, `@Res()`, a guard, a filter, middleware, the platform itself.
 *
 * It stands at two levels. The door is put on the response when the request arrives, beneath all middleware. The desk is
 * put on top when the message is opened, so that middleware which wraps the response (sessions, compression, loggers) sees
 * sealed bytes alone. The application is heard at both: middleware may answer by the methods that it found.
 */
export class ResponseCapture {
  /** What becomes of the application's answer. */
  transform: Transform;
  readonly #response: ServerResponse;
  readonly #maxCollected: number;
  readonly #door: ResponseDoor;
  #hasDesk = false;
  #collected: Uint8Array[] = [];
  #length = 0;
  /** Whether the answer is whole. What else is written is dropped, also while its message is still being opened. */
  #isWhole = false;

  constructor(response: ServerResponse, options: CaptureOptions) {
    this.transform = options.transform;
    this.#response = response;
    this.#maxCollected = options.maxCollected;
    this.#door = new ResponseDoor(response, options, (...call) => this.#hear(...call));
  }

  get released(): boolean {
    return this.#door.state === 'open';
  }

  /** Puts the desk in place, and has what the application answers from here on go through `transform`. */
  take(transform: Transform): void {
    this.transform = transform;
    this.#door.shut();
    if (!this.#hasDesk) {
      this.#hasDesk = true;
      replaceMethods(this.#response, (beneath, name, args) => {
        const passes = this.#door.isCalling || this.#door.state === 'open';
        return passes ? beneath(name, args) : this.#hear(beneath, name, args);
      });
    }
    // Express hashes each body for an ETag unless there is one; this one is taken off again.
    if (!this.#isWhole) this.#response.setHeader('ETag', '"sealed"');
  }

  /** Lets the response go: what the application writes from here on leaves as it is. */
  release(): void {
    this.#door.open();
    if (this.released) this.#response.removeHeader('ETag');
  }

  /** @param beneath what is beneath the level at which the application was heard: there its sealed answer goes on. */
  #hear(beneath: Beneath, name: ResponseMethod, args: unknown[]): unknown {
    if (this.#isWhole || this.#door.state !== 'shut') return withoutEffect(this.#response, name, args);
    if (name === 'writeHead') keepHead(this.#response, args);
    if (name === 'write' || name === 'end') {
      const bytes = bytesOf(args);
      this.#length += bytes.length;
      if (bytes.length > 0) this.#collected.push(bytes);
      // What comes in one piece is whole, however long it is.
      const isTooLong = this.#length > this.#maxCollected && this.#collected.length > 1;
      if (name === 'end' || isTooLong) this.#finish(beneath, isTooLong);
    }
    return withoutEffect(this.#response, name, args);
  }

  #finish(beneath: Beneath, isTooLong: boolean): void {
    const { statusCode: status } = this.#response;
    const body = this.#collected.length === 1 ? this.#collected[0]! : Buffer.concat(this.#collected);
    this.#collected = [];
    this.#isWhole = true;
    let wire: WireAnswer | Promise<WireAnswer>;
    try {
      wire = this.transform({ status, headers: this.#response.getHeaders(), body, isTooLong });
    } catch (error) {
      this.#door.break();
      throw error;
    }
    if (wire instanceof Promise) this.#leaveLater(beneath, wire);
    else this.#door.leave(beneath, wire);
  }

  /** Until then the response says that it has ended, so that whoever asks runs no further handler. */
  #leaveLater(beneath: Beneath, wire: Promise<WireAnswer>): void {
    const said = ['headersSent', 'writableEnded'];
    for (const name of said) Object.defineProperty(this.#response, name, { value: true, configurable: true });
    wire
      .finally(() => said.forEach((name) => Reflect.deleteProperty(this.#response, name)))
      .then((answer) => this.#door.leave(beneath, answer))
      // The application hears of it by the log alone: the call that it made has returned.
      .catch(() => this.#door.break());
  }
}
