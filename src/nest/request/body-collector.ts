import { BadRequestException } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { MAX_HEAD_BYTES } from '../../protocol/frames.js';
import { MAX_TRANSIT_SECONDS } from '../../protocol/message.js';
import { E2eProblem, tooLarge } from '../../protocol/problem.js';
import { E2eException } from './e2e.exception.js';

const EMPTY = Buffer.alloc(0);

/** How long a message or a handshake may be read. */
const TIME_LIMIT_MS = MAX_TRANSIT_SECONDS * 1000;

/** Checks the part of a body that has arrived. If it returns a promise, that decides whether the rest is read. */
export type Peek = (soFar: Buffer) => Promise<E2eProblem | undefined> | undefined;

export interface CollectOptions {
  /** Called while bytes are missing, until it returns a promise. Nothing is read before that settles. */
  readonly peek?: Peek | undefined;
  /** Gives the problem of a body that is not whole in time. Without it, the body may take any time. */
  readonly late?: () => E2eProblem;
}

/**
 * Collects a body and leaves the request open: `end` is not emitted, so that the request can be read again after
 * `request.unshift(plaintext)`. A stream ends only when more is requested than is there, so exactly the buffered bytes
 * are read each time.
 *
 * @returns the body, or the problem that it was refused with.
 */
export function collectBody(
  request: IncomingMessage,
  limit: number,
  { peek, late }: CollectOptions = {},
): Promise<Buffer | E2eProblem> {
  if (hasEnded(request)) return Promise.resolve(EMPTY);
  return new Promise((resolve, reject) => {
    // Most bodies arrive as one chunk, which is used as it is. More chunks are collected in one growing buffer, because
    // each tiny Buffer would cost hundreds of bytes.
    let body: Buffer = EMPTY;
    let length = 0;
    let isHeld = false;
    // Node delivers the bytes of a body before it says that there are no more.
    const announced = Number(request.headers['content-length']);

    const settle = (outcome: () => void): void => {
      clearTimeout(timer);
      request.off('readable', onReadable).off('error', onError).off('close', onError);
      outcome();
    };
    const append = (chunk: Buffer): void => {
      const needed = length + chunk.length;
      if (length === 0) {
        body = chunk;
      } else {
        if (needed > body.length) body = grown(body, length, Math.min(limit, 2 * needed));
        chunk.copy(body, length);
      }
      length = needed;
    };
    const onReadable = (): void => {
      if (isHeld) return;
      const available = request.readableLength;
      if (length + available > limit) {
        settle(() => resolve(tooLarge(limit)));
        return;
      }
      if (available > 0) append(request.read(available) as Buffer);
      const soFar = body.subarray(0, length);
      if (hasEnded(request)) settle(() => resolve(soFar));
      else if (length !== announced) hold(peek?.(soFar));
    };
    const hold = (verdict: ReturnType<Peek>): void => {
      if (!verdict) return;
      isHeld = true;
      peek = undefined;
      const goOn = (problem?: E2eProblem): void => {
        isHeld = false;
        if (problem) settle(() => resolve(problem));
        else onReadable();
      };
      // The store did not respond once already: opening the message would wait for it again.
      verdict.then(goOn, (error: unknown) => goOn(error instanceof E2eProblem ? error : undefined));
    };
    // The client caused it, so it does not belong into the application's error log.
    const onError = (error?: Error): void =>
      settle(() =>
        reject(
          error instanceof E2eException
            ? error.problem
            : new BadRequestException('The request ended before its body did.'),
        ),
      );
    const timer = late && setTimeout(() => settle(() => resolve(late())), TIME_LIMIT_MS).unref();
    request.on('readable', onReadable).on('error', onError).on('close', onError);
  });
}

/**
 * Reads the head of a body in frames, up to the line feed after it (PROTOCOL §6), and leaves the rest in the request.
 *
 * @returns the head, or `undefined` if there is none within its limits of length and time.
 */
export function collectHead(request: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    let head = EMPTY;
    const settle = (outcome: () => void): void => {
      clearTimeout(timer);
      request.off('readable', onReadable).off('error', onError).off('close', onError);
      outcome();
    };
    const onReadable = (): void => {
      const available = request.readableLength;
      if (available > 0) head = Buffer.concat([head, request.read(available) as Buffer]);
      const end = head.indexOf('\n');
      if (end >= 0 && end <= MAX_HEAD_BYTES) {
        settle(() => {
          request.unshift(head.subarray(end + 1));
          resolve(head.subarray(0, end));
        });
      } else if (end >= 0 || head.length > MAX_HEAD_BYTES || hasEnded(request)) {
        settle(() => resolve(undefined));
      }
    };
    const onError = (): void => settle(() => reject(new BadRequestException('The request ended before its body did.')));
    const timer = setTimeout(() => settle(() => resolve(undefined)), TIME_LIMIT_MS).unref();
    request.on('readable', onReadable).on('error', onError).on('close', onError);
    if (hasEnded(request)) onReadable();
  });
}

/** Whether all of a body has come and was read, although its `end` was perhaps not emitted. Node has no public name for it. */
function hasEnded(request: IncomingMessage): boolean {
  const { _readableState: state } = request as unknown as { _readableState: { readonly ended: boolean } };
  return state.ended && request.readableLength === 0;
}

function grown(body: Buffer, length: number, size: number): Buffer {
  const larger = Buffer.allocUnsafe(size);
  body.copy(larger, 0, 0, length);
  return larger;
}
