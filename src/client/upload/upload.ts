import { reasonOf, throwIfAborted } from '../abort.js';
import { FRAME_KIND, framesLength } from '../../protocol/frames.js';
import { utf8 } from '../../protocol/json.js';
import { bodyFailed, discard, join, type Pieces } from '../call/bytes.js';
import { FrameSealer } from '../channel/frames.js';
import type { SealedHead } from '../channel/stream-key.js';
import { failure, type E2eClientError } from '../errors.js';
import type { Settings } from '../options.js';
import { leavesCookiesToUs } from '../runtime.js';
import { sealFrames } from './frames.js';
import { createPrivateFile, type PrivateFile } from './private-files.js';
import type { BodySource } from './source.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** Sends the request with that body. */
export type Send = (body: BodyInit, init?: { duplex: 'half' }) => Promise<Response>;

/** Called with how many bytes of the body are sealed, and of how many if that is known. */
export type OnProgress = (loaded: number, total: number | undefined) => void;

/** Up to this many bytes on the wire, a body is sent whole: every platform supports that, and sends its length. */
const WHOLE_BYTES = 2 ** 20;

/** Whether a client's `fetch` and server accept a stream, once that is known: in browsers, HTTP/1.1 does not. */
const takeStreams = new WeakMap<Settings, boolean>();

/** Sends a body in frames (PROTOCOL §6), in the best way that this platform has. */
export class Upload {
  readonly #stream: SealedHead;
  readonly #source: BodySource;
  readonly #settings: Settings;
  readonly #init: RequestInit;
  readonly #onProgress: OnProgress | undefined;
  readonly #wire: AsyncGenerator<Bytes, void, undefined>;
  /** Rejects if the body cannot be read. */
  readonly #failed: Promise<never>;
  #fail: (error: E2eClientError) => void = () => undefined;
  #isFailed = false;
  #isStopped = false;
  #body: Pieces | undefined;

  constructor(stream: SealedHead, source: BodySource, settings: Settings, init: RequestInit, onProgress?: OnProgress) {
    this.#stream = stream;
    this.#source = source;
    this.#settings = settings;
    this.#init = init;
    this.#onProgress = onProgress;
    this.#wire = this.#seal();
    this.#failed = new Promise<never>((_, reject) => (this.#fail = reject));
    this.#failed.catch(() => undefined);
  }

  /** @throws E2eClientError `body-failed` if the body cannot be read, `request-unsupported` if it is too long. */
  async send(send: Send): Promise<Response> {
    const { signal } = this.#init;
    throwIfAborted(signal);
    let leave: () => void = () => undefined;
    const left = new Promise<never>((_, reject) => (leave = () => reject(reasonOf(signal!))));
    signal?.addEventListener('abort', leave, { once: true });
    const answered = this.#carry(send);
    try {
      return await Promise.race([answered, this.#failed, left]);
    } catch (error) {
      this.stop();
      // The server responds to the frame that gives up. The caller does not need that response.
      answered.then(discard, () => undefined);
      throw error;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  /** Cancels what was not sent: the server has responded, or the caller has aborted. */
  stop(): void {
    this.#isStopped = true;
    this.#body?.cancel();
  }

  async #carry(send: Send): Promise<Response> {
    const { length: plain } = this.#source;
    const length = plain === undefined ? undefined : this.#stream.head.length + 1 + framesLength(plain);
    if (length !== undefined && length <= WHOLE_BYTES) return send(join((await this.#collect(length))!));
    const settings = this.#settings;
    // No platform streams a request that may outlive its page.
    const mayStream = !this.#init.keepalive && takeStreams.get(settings) !== false && knowsStreams(settings.base);
    const streamed = mayStream ? await this.#sendStream(send) : undefined;
    if (streamed) return streamed;
    const response = (await this.#sendFile(send)) ?? (await this.#sendWhole(send, length));
    // So the network works but does not accept streams, unless it accepted one before and only this one failed.
    if (mayStream && !takeStreams.has(settings)) takeStreams.set(settings, false);
    return response;
  }

  /** Sends a stream; `undefined` if the connection accepts none, and has read nothing of this one. */
  async #sendStream(send: Send): Promise<Response | undefined> {
    const settings = this.#settings;
    const seen = { hasBegun: false, isText: false };
    const pull = async (controller: ReadableStreamDefaultController<Bytes>) => {
      seen.hasBegun = true;
      const { done, value } = await this.#wire.next();
      if (done) controller.close();
      else controller.enqueue(value);
    };
    const stream = new ReadableStream({ pull }, { highWaterMark: 0 });
    // A `fetch` without support for streams converts one to a string, and would send that.
    const toString = (): never => {
      seen.isText = true;
      throw new TypeError('This fetch takes no ReadableStream.');
    };
    try {
      const response = await send(Object.assign(stream, { toString }), { duplex: 'half' });
      if (seen.hasBegun) takeStreams.set(settings, true);
      return response;
    } catch (error) {
      // If a browser read nothing of a stream, it does not say whether it rejected the stream or the network failed.
      const mayBeRefused = seen.isText || !leavesCookiesToUs(settings.base);
      if (seen.hasBegun || this.#init.signal?.aborted || !mayBeRefused) throw error;
      return undefined;
    }
  }

  /** Sends a file of the browser's private file system; `undefined` if there is none. */
  async #sendFile(send: Send): Promise<Response | undefined> {
    const file = await createPrivateFile();
    if (!file) return undefined;
    try {
      return await send(await this.#write(file));
    } finally {
      await file.remove();
    }
  }

  async #write(file: PrivateFile): Promise<Blob> {
    try {
      for await (const piece of this.#pieces()) await file.write(piece);
      return await file.close();
    } catch (cause) {
      if ((cause as Error).name !== 'QuotaExceededError') throw cause;
      throw Object.assign(await failure('request-unsupported', 'storage'), { cause });
    }
  }

  /** From memory, up to a limit. */
  async #sendWhole(send: Send, length: number | undefined): Promise<Response> {
    const { fetch, maxBufferedUpload: limit } = this.#settings;
    const pieces = length !== undefined && length > limit ? undefined : await this.#collect(limit);
    if (!pieces) throw await failure('request-unsupported', 'unstreamable', { limit });
    // The browser may keep a Blob's parts outside the page. Not every other `fetch` takes a Blob.
    return send(fetch ? join(pieces) : new Blob(pieces));
  }

  /** `undefined` if they have more bytes than that. */
  async #collect(limit: number): Promise<Bytes[] | undefined> {
    const pieces: Bytes[] = [];
    let length = 0;
    for await (const piece of this.#pieces()) {
      length += piece.length;
      if (length > limit) return undefined;
      pieces.push(piece);
    }
    return pieces;
  }

  /** Reads from the start, for a way of sending that begins only after the body has ended without an error. */
  async *#pieces(): AsyncGenerator<Bytes, void, undefined> {
    for await (const piece of this.#wire) {
      if (this.#isFailed) await this.#failed;
      this.#checkGoing();
      yield piece;
    }
  }

  async *#seal(): AsyncGenerator<Bytes, void, undefined> {
    const { head, streamKey } = this.#stream;
    const frames = new FrameSealer(streamKey);
    const { length } = this.#source;
    yield utf8(`${head}\n`);
    const body = (this.#body = this.#source.read());
    try {
      yield* sealFrames(frames, this.#untilStopped(body.pieces), length, (loaded) =>
        this.#onProgress?.(loaded, length),
      );
      return;
    } catch (cause) {
      this.#isFailed = true;
      this.#fail(await bodyFailed(cause));
    } finally {
      body.cancel();
    }
    yield await frames.seal(FRAME_KIND.failed, new Uint8Array(0));
  }

  /** A cancelled body also ends, but must not count as complete. */
  async *#untilStopped(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    this.#checkGoing();
    for await (const piece of pieces) {
      this.#checkGoing();
      yield piece;
    }
    this.#checkGoing();
  }

  #checkGoing(): void {
    if (this.#isStopped) throw new Error('The rest of the body is not sent.');
  }
}

/** Whether `fetch` supports streams as bodies here. No browser does over plain HTTP. */
function knowsStreams(base: URL): boolean {
  if (base.protocol === 'http:' && !leavesCookiesToUs(base)) return false;
  let isAsked = false;
  try {
    const init = {
      method: 'POST',
      body: new ReadableStream(),
      get duplex() {
        isAsked = true;
        return 'half';
      },
    };
    return !new Request(base, init).headers.has('content-type') && isAsked;
  } catch {
    return false;
  }
}
