import type { IncomingMessage } from 'node:http';
import type { FrameOpener } from '../../channel/frames.js';
import { E2eProblem, tooLarge } from '../../protocol/problem.js';
import { E2eException } from './e2e.exception.js';
import { holdConnection, LINGER_BYTES, LINGER_MS, type Lingering } from './linger.js';
import { Utf8Check } from './utf8-check.js';

/** The limits of a body in frames. */
export interface StreamLimits {
  /** Bytes on the wire. */
  readonly maxStreamSize: number;
  /** Milliseconds without data although somebody reads. */
  readonly idleTimeout: number;
  /** Milliseconds within which the last frame must come. */
  readonly timeLeft: number;
}

/** A request's body that comes in frames, as the rest of the exchange sees it. */
export interface FramedBody {
  /** Whether the last frame was opened and nothing followed. */
  readonly hasEnded: boolean;
  /** Whether what was opened so far is UTF-8, where it has to be. */
  readonly isUtf8: boolean;
  /** Reads on and discards what nobody read, until the body is over; for 10 s, or up to 16 MiB. */
  readonly drain: () => Promise<void>;
  /** Whether that was not enough: what is left of it is not read. */
  readonly isGivenUp: boolean;
  /** Settles when nothing more is opened of it. */
  readonly over: Promise<void>;
  /** Ends it as broken. */
  readonly fail: () => void;
  /** Sets how many bytes it may have on the wire, where its route says so. Returns the problem where it had more. */
  readonly limitTo: (bytes: number) => E2eProblem | undefined;
}

/**
 * Puts the plaintext of a body in frames in place of what the connection delivers (PROTOCOL §6), for whoever reads the
 * request: a parser, multer, busboy, a handler. Node delivers by `request.push()`, so it is enough to replace that on
 * the request. Backpressure still works: what nobody reads is not read from the socket, and not opened.
 *
 * A body that ends wrongly is an error to its reader, never an end. The connection stays open for the response.
 *
 * @param mustBeUtf8 whether the plaintext is text by its media type.
 * @param onBroken called once, where the body ends wrongly; before its reader gets the error.
 */
export function openFramedBody(
  request: IncomingMessage,
  frames: FrameOpener,
  limits: StreamLimits,
  mustBeUtf8: boolean,
  onBroken: (problem: E2eProblem) => void,
): FramedBody {
  const { socket } = request;
  const deliver = request.push.bind(request);
  let received = 0;
  let { maxStreamSize } = limits;
  let lingering: Lingering | undefined;
  let isOver = false;
  let hasEnded = false;
  let isGivenUp = false;
  let onDiscard: (bytes: number) => void = () => undefined;
  const text = mustBeUtf8 ? new Utf8Check() : undefined;

  const broken = (): void => fail(new E2eProblem('stream-broken'));
  const idle = setTimeout(() => (isAwaited(request) ? broken() : idle.refresh()), limits.idleTimeout);
  const late = setTimeout(broken, Math.max(0, limits.timeLeft));
  let tellOver: () => void = () => undefined;
  const over = new Promise<void>((resolve) => (tellOver = resolve));
  const close = (): void => {
    tellOver();
    clearTimeout(idle);
    clearTimeout(late);
    socket.off('close', cutOff);
  };
  const finish = (): boolean => {
    if (isOver) return false;
    try {
      frames.end();
    } catch {
      broken();
      return false;
    }
    isOver = hasEnded = true;
    text?.end();
    close();
    return true;
  };
  const fail = (problem: E2eProblem): void => {
    if (isOver) return;
    isOver = true;
    close();
    if (!hasStreamEnded(request)) lingering = holdConnection(request);
    onBroken(problem);
    // Without it, an error destroys the socket, and no response can leave; and without a listener, it ends the process.
    request._destroy = (error, callback) => callback(request.listenerCount('error') > 0 ? error : null);
    // An HTTP exception, because Nest logs every other error as a server error, with its stack.
    request.destroy(new E2eException(problem));
  };
  const isTooLarge = (): boolean => {
    if (received <= maxStreamSize) return false;
    fail(tooLarge(maxStreamSize));
    return true;
  };
  /**
   * Opens what has arrived. If a frame does not open, those before it were passed on: they are authentic, and a prefix.
   */
  const open = (chunk: Buffer, handOn: (plaintext: Buffer) => void): void => {
    idle.refresh();
    received += chunk.length;
    if (isTooLarge()) return;
    if (!hasReader(request)) onDiscard(chunk.length);
    try {
      for (const opened of frames.push(chunk)) {
        const plaintext = asBuffer(opened);
        text?.push(plaintext);
        handOn(plaintext);
      }
    } catch {
      broken();
    }
  };

  // After the response has finished, only the socket shows that the request's connection is gone.
  const cutOff = (): void => {
    if (!request.destroyed) broken();
  };
  if (request.httpVersionMajor === 1) socket.once('close', cutOff);
  request.once('close', close);
  const buffered = request.read(request.readableLength) as Buffer | null;
  const isWhole = hasStreamEnded(request);
  const first: Buffer[] = [];
  if (buffered) open(buffered, (plaintext) => first.push(plaintext));
  if (first.length > 0 && !request.destroyed) request.unshift(Buffer.concat(first));
  if (isWhole) {
    finish();
  } else {
    request.push = (chunk: Buffer | null): boolean => {
      if (isOver) {
        if (chunk) lingering?.discard(chunk);
        else lingering?.finish();
        return true;
      }
      if (chunk === null) {
        if (finish()) return deliver(null);
        lingering?.finish();
        return false;
      }
      let mayGoOn = true;
      open(chunk, (plaintext) => (mayGoOn = deliver(plaintext)));
      return mayGoOn;
    };
  }
  return {
    get hasEnded() {
      return hasEnded;
    },
    get isUtf8() {
      return text?.isValid ?? true;
    },
    over,
    fail: broken,
    limitTo: (bytes) => {
      maxStreamSize = bytes;
      return isTooLarge() ? tooLarge(bytes) : undefined;
    },
    get isGivenUp() {
      return isGivenUp;
    },
    drain: async () => {
      if (isOver) return;
      let left = LINGER_BYTES;
      let timer: NodeJS.Timeout | undefined;
      const enough = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, LINGER_MS);
        onDiscard = (bytes) => ((left -= bytes) < 0 ? resolve() : undefined);
      });
      request.resume();
      isGivenUp = await Promise.race([over.then(() => false), enough.then(() => true)]);
      clearTimeout(timer);
      if (isGivenUp && !hasReader(request)) request.pause();
    },
  };
}

/**
 * Whether somebody waits for more. A reader by `readable`, such as `for await`, has paused the flow and still waits.
 */
function isAwaited(request: IncomingMessage): boolean {
  const isRead = request.readableFlowing === true || request.listenerCount('readable') > 0;
  return isRead && request.readableLength === 0;
}

function hasReader(request: IncomingMessage): boolean {
  return request.listenerCount('data') > 0 || request.listenerCount('readable') > 0;
}

/** Node has no public name for it: `readableEnded` says that the reader has seen the end. */
function hasStreamEnded(request: IncomingMessage): boolean {
  return (request as unknown as { _readableState: { readonly ended: boolean } })._readableState.ended;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
