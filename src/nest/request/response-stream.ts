import type { ServerResponse } from 'node:http';
import { WrongLengthError, type Frame, type FrameWriter } from './frame-writer.js';
import type { ResponseDoor } from './response-door.js';
import type { WireHead } from './response-headers.js';
import type { Beneath, Callback } from './response-methods.js';

/** A response in frames as it leaves (PROTOCOL §6). */
export interface WireStream extends WireHead {
  /** The sealed head and the line feed after it. */
  readonly start: Uint8Array;
  readonly writer: FrameWriter;
}

/**
 * A response in frames while it leaves. What the application writes becomes frames at once, and Node says, as for a
 * plain response, when it should write no more: nothing waits here. Only what `end` is given is sealed a frame at a
 * time, as the connection takes it.
 *
 * Whatever goes wrong, the stream does not look whole: it ends with a frame that says so, or its connection is cut.
 */
export class ResponseStream {
  readonly #response: ServerResponse;
  readonly #door: ResponseDoor;
  readonly #writer: FrameWriter;
  readonly #listeners: ((hasEnded: boolean) => void)[] = [];
  /** Whether the application has ended it; and whether its last frame was given to the connection, of whatever kind. */
  #isEnded = false;
  #isOver = false;
  #hasFailed = false;
  #hasClosed = false;

  constructor(response: ServerResponse, door: ResponseDoor, beneath: Beneath, { start, writer, ...head }: WireStream) {
    this.#response = response;
    this.#door = door;
    this.#writer = writer;
    if (!door.begin(beneath, head)) this.#isOver = true;
    // HTTP/1 closes a response that has ended; what is injected only finishes it.
    response.once('finish', () => this.#close(this.#isOver && !this.#hasFailed));
    response.once('close', () => this.#close(false));
    if (this.#isOver) return;
    writeTogether(response);
    door.push(start);
  }

  /** Bytes of plaintext and frames so far. */
  get progress(): { readonly bytes: number; readonly frames: number } {
    return this.#writer.progress;
  }

  /** Has `listener` told once, when nothing more leaves, whether the stream is whole. */
  onClose(listener: (hasEnded: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /** As Node's `write`. */
  write(bytes: Uint8Array, callback?: Callback): boolean {
    if (this.#isOver || this.#isEnded) {
      if (callback) process.nextTick(callback);
      return true;
    }
    let mayGoOn: boolean | undefined;
    try {
      let previous: Frame | undefined;
      for (const frame of this.#writer.write(bytes)) {
        if (previous) this.#push(previous);
        previous = frame;
      }
      if (previous) mayGoOn = this.#push(previous, callback);
    } catch (error) {
      this.#giveUp(error);
    }
    if (mayGoOn === undefined && callback) process.nextTick(callback);
    return mayGoOn ?? !this.#response.writableNeedDrain;
  }

  /** As Node's `end`. */
  end(bytes: Uint8Array, callback?: Callback): void {
    if (this.#isOver || this.#isEnded) {
      if (callback) process.nextTick(callback);
      return;
    }
    this.#isEnded = true;
    this.#pump(this.#writer.end(bytes), callback);
  }

  /** Ends it as one that is not whole. */
  fail(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#hasFailed = true;
    try {
      this.#door.fail(this.#writer.fail());
    } catch {
      // A stream of as many frames as there may be, or middleware that threw: a cut says the same.
      this.#door.break();
    }
  }

  /** Seals and sends what is left as the connection takes it. Meanwhile the response says that it has ended. */
  #pump(frames: Generator<Frame, Buffer>, callback: Callback | undefined): void {
    if (this.#isOver) return;
    try {
      for (let next = frames.next(); ; next = frames.next()) {
        if (next.done) {
          this.#finish();
          this.#door.end(next.value, callback);
          return;
        }
        if (this.#push(next.value)) continue;
        Object.defineProperty(this.#response, 'writableEnded', { value: true, configurable: true });
        this.#response.once('drain', () => this.#pump(frames, callback));
        return;
      }
    } catch (error) {
      this.#giveUp(error);
    }
  }

  /** All of a frame: nothing may come between its parts. */
  #push(frame: Frame, callback?: Callback): boolean {
    let mayGoOn = true;
    for (const part of frame) mayGoOn = this.#door.push(part, part === frame.at(-1) ? callback : undefined);
    return mayGoOn;
  }

  #finish(): void {
    this.#isOver = true;
    Reflect.deleteProperty(this.#response, 'writableEnded');
  }

  /** Fails the stream. An error that middleware threw reaches the application. */
  #giveUp(error: unknown): void {
    this.fail();
    if (!(error instanceof WrongLengthError)) throw error;
  }

  #close(isWhole: boolean): void {
    if (this.#hasClosed) return;
    this.#hasClosed = this.#isOver = true;
    for (const listener of this.#listeners) listener(isWhole);
  }
}

/**
 * Has what is written in this turn of the event loop leave at once: a short answer, whose last frame waits for its end, in
 * one packet with its head.
 */
function writeTogether(response: ServerResponse): void {
  if (response.req.httpVersionMajor !== 1) return;
  response.cork();
  setImmediate(() => response.uncork());
}
