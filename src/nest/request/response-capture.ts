import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { HeldBytes } from './held-bytes.js';
import { PipedSources } from './piped-sources.js';
import { ResponseDoor, type DoorOptions, type WireAnswer } from './response-door.js';
import { ResponseStream, type WireStream } from './response-stream.js';
import {
  bytesOf,
  callbackOf,
  hasItsLength,
  keepHead,
  pretend,
  replaceMethods,
  stopPretending,
  withoutEffect,
  type Beneath,
  type Callback,
  type ResponseMethod,
} from './response-methods.js';

/** A response as the application means it. */
export interface PlainAnswer {
  readonly status: number;
  /** By their names in lower case. */
  readonly headers: Readonly<OutgoingHttpHeaders>;
  /** All of it; or what is written first. */
  readonly body: Uint8Array;
  /** The application writes it in pieces, and this is not the last. */
  readonly isPartial?: boolean;
  /** It was collected, and is more than may be: `body` is not the whole. */
  readonly isTooLong?: boolean;
}

/** What leaves in place of the application's response: whole, in frames, or nothing before the rest was collected. */
export type Sealed = WireAnswer | WireStream | undefined;

/** Makes that; later, where its message has to be opened first, or its request's body has to end. */
export type Transform = (answer: PlainAnswer) => Sealed | Promise<Sealed>;

export interface CaptureOptions extends DoorOptions {
  readonly transform: Transform;
  /** Bytes that are collected of a response in pieces. */
  readonly maxCollected: number;
  /** Whether the application may be paused while `transform` takes its time. */
  readonly mayPause: () => boolean;
  /** What may be held of an application that may not be paused, by all responses together. */
  readonly held: HeldBytes;
  /** Called for each response in frames, when it begins. */
  readonly onStream: (stream: ResponseStream) => void;
}

/**
 * Takes over a response, so that only what `transform` makes of the application's response leaves. It makes no
 * difference who answers: a handler, `@Res()`, a guard, a filter, middleware, the platform itself.
 *
 * It has two levels. The door is put on the response when the request arrives, beneath all middleware. The desk is put
 * on top when the message is opened, so middleware that has wrapped the response by then (sessions, compression, loggers)
 * sees only sealed bytes. Both levels capture the application: middleware may respond with the methods that it found.
 *
 * What comes by `end` alone is whole. What is written before becomes a stream with the first write; what comes while
 * that cannot begin yet is held.
 */
export class ResponseCapture {
  /** What becomes of the application's response. */
  transform: Transform;
  readonly #response: ServerResponse;
  readonly #options: CaptureOptions;
  readonly #door: ResponseDoor;
  readonly #sources: PipedSources;
  #hasDesk = false;
  /**
   * - `hearing`: the application has written nothing, or it is collected;
   * - `held`: its response has begun, or is whole, and cannot leave yet;
   * - `streaming`: what it writes leaves in frames;
   * - `over`: what else it writes is dropped.
   */
  #state: 'hearing' | 'held' | 'streaming' | 'over' = 'hearing';
  #isCollecting = false;
  #pieces: Uint8Array[] = [];
  #length = 0;
  #hasEnded = false;
  #hasFailed = false;
  #stream: ResponseStream | undefined;

  constructor(response: ServerResponse, options: CaptureOptions) {
    this.transform = options.transform;
    this.#response = response;
    this.#options = options;
    this.#sources = new PipedSources(response);
    this.#door = new ResponseDoor(response, options, (...call) => this.#hear(...call));
  }

  get released(): boolean {
    return this.#door.state === 'open';
  }

  /** Puts the desk in place, and has what the application answers from here on go through `transform`. */
  take(transform: Transform): void {
    this.transform = transform;
    this.#door.shut();
    // Where no middleware has wrapped the response, what the door hears is what the application said.
    if (!this.#hasDesk && !this.#door.isOutermost) {
      this.#hasDesk = true;
      replaceMethods(this.#response, (beneath, name, args) => {
        const passes = this.#door.isCalling || this.#door.state === 'open';
        return passes ? beneath(name, args) : this.#hear(beneath, name, args);
      });
    }
    // Express' `send` hashes each body for an ETag unless there is one; this one is taken off again.
    if (this.#state === 'hearing' && 'send' in this.#response) this.#response.setHeader('ETag', '"sealed"');
  }

  /** Lets the response go: what the application writes from here on leaves as it is. */
  release(): void {
    this.#door.open();
    if (this.released) this.#response.removeHeader('ETag');
  }

  /** The application failed: a response that has begun is not complete, and what was collected is discarded. */
  fail(): void {
    if (this.#state === 'held' || this.#state === 'streaming') this.#hasFailed = true;
    else if (!this.#hasEnded) [this.#pieces, this.#length] = [[], 0];
  }

  /** @param beneath what is beneath the level at which the application was heard: there its sealed response goes on. */
  #hear(beneath: Beneath, name: ResponseMethod, args: unknown[]): unknown {
    const isHeard = this.#state === 'streaming' || (this.#state !== 'over' && this.#door.state === 'shut');
    if (!isHeard) return withoutEffect(this.#response, name, args);
    if (name === 'writeHead') keepHead(this.#response, args);
    if (name === 'flushHeaders' && this.#state === 'hearing') this.#begin(beneath, new Uint8Array(0));
    if (name === 'write') return this.#write(beneath, bytesOf(args), callbackOf(args));
    if (name === 'end') this.#end(beneath, bytesOf(args), callbackOf(args));
    return this.#response;
  }

  #write(beneath: Beneath, bytes: Uint8Array, callback: Callback | undefined): boolean {
    if (this.#state === 'hearing' && !this.#isCollecting) this.#begin(beneath, bytes);
    if (this.#state === 'streaming') return this.#stream!.write(bytes, callback);
    if (callback) process.nextTick(callback);
    if (this.#state === 'over' || this.#hasEnded) return true;
    this.#keep(Buffer.from(bytes));
    if (this.#state === 'held') return this.#holdMore();
    // What comes in one piece is whole, however long it is.
    const isTooLong = this.#length > this.#options.maxCollected && this.#pieces.length > 1;
    if (isTooLong) this.#finish(beneath, { isTooLong });
    return true;
  }

  #end(beneath: Beneath, bytes: Uint8Array, callback: Callback | undefined): void {
    if (this.#state === 'streaming') {
      this.#endStream(bytes, callback);
      return;
    }
    if (callback) process.nextTick(callback);
    if (this.#hasEnded) return;
    this.#keep(bytes);
    this.#hasEnded = true;
    if (this.#state === 'hearing') this.#finish(beneath);
    else if (this.#state === 'held') pretend(this.#response, 'writableEnded');
  }

  #keep(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (bytes.length > 0) this.#pieces.push(bytes);
  }

  /** Who may be paused writes on when the response begins; of who may not, as much is held as there is room for. */
  #holdMore(): boolean {
    if (this.#options.mayPause()) return false;
    this.#options.held.hold(this.#door, this.#length);
    return true;
  }

  #begin(beneath: Beneath, body: Uint8Array): void {
    this.#isCollecting = !this.#leave(beneath, { body, isPartial: true });
  }

  #finish(beneath: Beneath, more: Pick<PlainAnswer, 'isTooLong'> = {}): void {
    const isWhole = more.isTooLong ?? (!this.#sources.haveFailed && hasItsLength(this.#response, this.#length));
    // An error that leaves in its place is whole.
    if (this.#isCollecting && this.#response.statusCode < 400 && !isWhole) return this.#door.break();
    const body = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#leave(beneath, { body, ...more });
  }

  /** @returns whether a response leaves, now or later; not where it has to be collected first. */
  #leave(beneath: Beneath, answer: Omit<PlainAnswer, 'status' | 'headers'>): boolean {
    const { statusCode: status } = this.#response;
    let sealed: Sealed | Promise<Sealed>;
    try {
      sealed = this.transform({ status, headers: this.#response.getHeaders(), ...answer });
    } catch (error) {
      this.#door.break();
      throw error;
    }
    if (sealed instanceof Promise) this.#leaveLater(beneath, answer, sealed);
    else return this.#leaveNow(beneath, answer, sealed);
    return true;
  }

  #leaveNow(
    beneath: Beneath,
    { body, isPartial = false }: Pick<PlainAnswer, 'body' | 'isPartial'>,
    sealed: Sealed,
  ): boolean {
    if (!sealed) return false;
    if (!('writer' in sealed)) {
      this.#state = 'over';
      this.#pieces = [];
      this.#door.leave(beneath, sealed);
      return true;
    }
    this.#state = 'streaming';
    this.#stream = new ResponseStream(this.#response, this.#door, beneath, sealed);
    this.#options.onStream(this.#stream);
    if (!isPartial) this.#stream.end(body);
    return true;
  }

  /** Until then the response claims that it has begun or ended, so that no further handler runs. */
  #leaveLater(beneath: Beneath, answer: Omit<PlainAnswer, 'status' | 'headers'>, later: Promise<Sealed>): void {
    this.#state = 'held';
    this.#hasEnded = !answer.isPartial;
    pretend(this.#response, 'headersSent');
    if (this.#hasEnded) pretend(this.#response, 'writableEnded');
    later
      .finally(() => {
        this.#options.held.release(this.#door);
        stopPretending(this.#response);
      })
      .then((sealed) => {
        if (this.#door.state !== 'shut') this.#pieces = [];
        else if (!this.#leaveNow(beneath, answer, sealed)) this.#goOnCollecting(beneath);
        else if (answer.isPartial && this.#state === 'streaming') this.#writeHeld();
      })
      // The application hears of it by the log alone: the call that it made has returned.
      .catch(() => this.#door.break());
  }

  #goOnCollecting(beneath: Beneath): void {
    this.#state = 'hearing';
    this.#isCollecting = true;
    if (this.#hasEnded) this.#finish(beneath);
    else this.#response.emit('drain');
  }

  #writeHeld(): void {
    const pieces = this.#pieces;
    this.#pieces = [];
    const last = this.#hasEnded ? Buffer.concat(pieces) : undefined;
    if (last) return this.#endStream(last, undefined);
    for (const piece of pieces) this.#stream!.write(piece);
    if (!this.#response.writableNeedDrain) this.#response.emit('drain');
  }

  #endStream(bytes: Uint8Array, callback: Callback | undefined): void {
    if (this.#hasFailed || this.#sources.haveFailed) this.#stream!.fail();
    this.#stream!.end(bytes, callback);
  }
}
