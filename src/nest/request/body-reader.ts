import { BadRequestException, Logger } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { tooLarge } from '../../channel/channels.js';
import { MAX_HEADER_BYTES } from '../../protocol/jwe.js';
import { essence } from '../../protocol/media-type.js';
import { MESSAGE_MEDIA_TYPE } from '../../protocol/message.js';
import { E2eProblem } from '../../protocol/problem.js';
import { HANDSHAKE_MEDIA_TYPE } from './request-tracker.js';
import { stateOf } from './exchange-state.js';
import { RateLimitedLogger } from './rate-limited-logger.js';

/** The longest handshake, in bytes: two keys of 4,096 bits in PEM fit well. */
export const MAX_HANDSHAKE_BYTES = 16_384;

const BODY_TAKEN =
  'A handshake or a sealed message was refused: its body had been read by another parser, before this application got ' +
  'the request. Mount the application before that parser, or have the parser keep the bytes: ' +
  'express.json({ verify: (request, _, bytes) => { request.rawBody = bytes } }).';

const EMPTY = Buffer.alloc(0);

/** Reads the two kinds of body that are ours, as bytes, whatever parsers the application has. */
export class BodyReader {
  readonly #limits: ReadonlyMap<string, number>;
  readonly #log = new RateLimitedLogger(new Logger('E2eModule'));

  /** @param guarded whether messages are opened before the application's guards, which may take their time. */
  constructor(
    maxBodySize: number,
    readonly guarded: boolean,
  ) {
    // Base64url of the plaintext; of the header, the encrypted key, the IV and the tag.
    const message = Math.ceil((maxBodySize * 4) / 3) + 2 * MAX_HEADER_BYTES;
    this.#limits = new Map([
      [MESSAGE_MEDIA_TYPE, message],
      [HANDSHAKE_MEDIA_TYPE, MAX_HANDSHAKE_BYTES],
    ]);
  }

  get mediaTypes(): string[] {
    return [...this.#limits.keys()];
  }

  /**
   * Reads the body, where it is one of ours and nobody read it yet. One over its limit is remembered as that, for
   * whoever asks for it; the length is counted, not believed. Rejects where the connection ends before the body does.
   */
  async read(request: IncomingMessage): Promise<void> {
    const { deadline } = stateOf(request);
    // A body takes as long as the client's line takes.
    deadline?.hold();
    await this.#read(request);
    if (this.guarded) deadline?.resume();
  }

  async #read(request: IncomingMessage): Promise<void> {
    const limit = this.#limits.get(essence(request.headers['content-type'] ?? ''));
    const state = stateOf(request);
    if (limit === undefined || state.body) return;
    if (request.readableEnded) {
      state.body = this.#alreadyRead(request, limit);
      return;
    }
    const isTooLong = Number(request.headers['content-length'] ?? 0) > limit;
    state.body = isTooLong ? tooLarge(limit) : await collect(request, limit);
  }

  /** A parent application, or a serverless platform, that reads bodies itself mostly keeps the bytes under this name. */
  #alreadyRead(request: IncomingMessage, limit: number): Buffer | E2eProblem | undefined {
    const { rawBody } = request as { rawBody?: unknown };
    if (Buffer.isBuffer(rawBody)) return rawBody.length > limit ? tooLarge(limit) : rawBody;
    this.#log.say('error', BODY_TAKEN);
    return undefined;
  }
}

/**
 * The bytes that were read, if the body was one of ours.
 *
 * @throws E2eProblem `too-large`.
 */
export function readBodyOf(request: IncomingMessage): Buffer | undefined {
  const { body } = stateOf(request);
  if (body instanceof E2eProblem) throw body;
  return body;
}

function collect(request: IncomingMessage, limit: number): Promise<Buffer | E2eProblem> {
  return new Promise((resolve, reject) => {
    // Most come as one chunk, which is taken as it is. More are put into one buffer that grows: a chunk of one byte would
    // cost hundreds as a Buffer of its own.
    let body: Buffer = EMPTY;
    let length = 0;
    const settle = (outcome: () => void): void => {
      request.off('data', onData).off('end', onEnd).off('error', onError).off('close', onError);
      outcome();
    };
    const onData = (chunk: Buffer): void => {
      const needed = length + chunk.length;
      if (needed > limit) {
        settle(() => resolve(tooLarge(limit)));
        return;
      }
      if (length === 0) {
        body = chunk;
      } else {
        if (needed > body.length) body = grown(body, length, Math.min(limit, 2 * needed));
        chunk.copy(body, length);
      }
      length = needed;
    };
    const onEnd = (): void => settle(() => resolve(body.subarray(0, length)));
    // Of the client's making: nothing for an application's log of what it did wrong itself.
    const onError = (): void => settle(() => reject(new BadRequestException('The request ended before its body did.')));
    request.on('data', onData).on('end', onEnd).on('error', onError).on('close', onError);
  });
}

function grown(body: Buffer, length: number, size: number): Buffer {
  const larger = Buffer.allocUnsafe(size);
  body.copy(larger, 0, 0, length);
  return larger;
}
