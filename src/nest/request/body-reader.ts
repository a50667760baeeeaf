import { Logger } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import { nowInSeconds } from '../../channel/clock.js';
import { MAX_HEADER_BYTES, MAX_HEADER_CHARACTERS } from '../../protocol/jwe.js';
import { essence, STREAM_MEDIA_TYPE } from '../../protocol/media-type.js';
import { MAX_TRANSIT_SECONDS, MESSAGE_MEDIA_TYPE } from '../../protocol/message.js';
import { META_BYTES } from '../../protocol/meta.js';
import { E2eProblem, tooLarge } from '../../protocol/problem.js';
import { HANDSHAKE_MEDIA_TYPE } from './request-tracker.js';
import { collectBody, collectHead, type Peek } from './body-collector.js';
import { rawRequest, stateOf } from './exchange-state.js';
import { linger } from './linger.js';
import { RateLimitedLogger } from './rate-limited-logger.js';

/** The longest handshake, in bytes: two keys of 4,096 bits in PEM fit well. */
export const MAX_HANDSHAKE_BYTES = 16_384;

const BODY_TAKEN =
  'A handshake or a sealed message was rejected: another parser read its body before this application got the request. ' +
  'Mount the application before that parser, or let the parser keep the bytes: ' +
  'express.json({ verify: (request, _, bytes) => { request.rawBody = bytes } }).';

/** Reads the bodies of messages and handshakes as bytes, whatever parsers the application has. */
export class BodyReader {
  readonly #limits: ReadonlyMap<string, number>;
  readonly #log = new RateLimitedLogger(new Logger('E2eModule'));

  /**
   * @param precheck why the message with this protected header would be rejected, as far as the header shows it. Called
   * only if a body does not arrive in one piece, so that little is buffered for unknown clients.
   */
  constructor(
    maxBodySize: number,
    private readonly precheck: (request: object, protectedHeader: string) => Promise<E2eProblem | undefined>,
  ) {
    // Base64url of the body and the meta object; of the header, the encrypted key, the IV and the tag.
    const message = Math.ceil(((maxBodySize + META_BYTES.max) * 4) / 3) + 2 * MAX_HEADER_BYTES;
    this.#limits = new Map([
      [MESSAGE_MEDIA_TYPE, message],
      [HANDSHAKE_MEDIA_TYPE, MAX_HANDSHAKE_BYTES],
    ]);
  }

  get mediaTypes(): string[] {
    return [...this.#limits.keys(), STREAM_MEDIA_TYPE];
  }

  /**
   * Reads the body if it is one of ours and was not read yet. Of a body that is too long, or takes too long, the
   * problem is noted and the rest discarded; bytes are counted, not taken from Content-Length. Rejects if the connection
   * ends before the body does.
   *
   * @param request the platform's request, whose session is known.
   * @returns a promise only if the body is one of ours.
   */
  read(request: object): Promise<void> | undefined {
    const raw = rawRequest(request);
    const type = essence(raw.headers['content-type'] ?? '');
    const limit = this.#limits.get(type);
    const state = stateOf(raw);
    const { deadline } = state;
    if (state.body || (limit === undefined && type !== STREAM_MEDIA_TYPE)) {
      deadline?.resume();
      return undefined;
    }
    // How long a body takes depends on the client's connection: its own limit is longer.
    deadline?.hold();
    const precheck = (protectedHeader: string) => this.precheck(request, protectedHeader);
    const reading = limit === undefined ? this.#readHead(raw) : this.#readMessage(raw, type, limit, precheck);
    return reading.then(() => {
      state.wholeAt = nowInSeconds();
      deadline?.resume();
    });
  }

  async #readMessage(
    request: IncomingMessage,
    type: string,
    limit: number,
    precheck: (protectedHeader: string) => Promise<E2eProblem | undefined>,
  ): Promise<void> {
    const state = stateOf(request);
    if (request.readableEnded) {
      state.body = this.#alreadyRead(request, limit);
      return;
    }
    const isTooLong = Number(request.headers['content-length'] ?? 0) > limit;
    const peek = type === MESSAGE_MEDIA_TYPE ? peekAtHeader(precheck) : undefined;
    const late = (): E2eProblem => tooLate(type);
    state.body = isTooLong ? tooLarge(limit) : await collectBody(request, limit, { peek, late });
    if (state.body instanceof E2eProblem) linger(request);
  }

  /** For a body in frames, only the head is read here. Behind a parser that has read everything, there is none. */
  async #readHead(request: IncomingMessage): Promise<void> {
    const state = stateOf(request);
    if (request.readableEnded) this.#log.say('error', BODY_TAKEN);
    const head = request.readableEnded ? undefined : await collectHead(request);
    state.body = head ?? new E2eProblem('message-rejected', { step: 'format' });
    if (state.body instanceof E2eProblem && !request.readableEnded) linger(request);
  }

  /** Parent applications and serverless platforms that read bodies mostly keep the bytes under this name. */
  #alreadyRead(request: IncomingMessage, limit: number): Buffer | E2eProblem | undefined {
    const { rawBody, body } = request as { rawBody?: unknown; body?: unknown };
    // A parser of bytes that takes every type (`express.raw({ type: '*/*' })`) has them as the body.
    const bytes = [rawBody, body].find((each) => Buffer.isBuffer(each));
    if (bytes) return bytes.length > limit ? tooLarge(limit) : bytes;
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

/** The refusal of an incomplete body. Nothing else would limit it: on Fastify and HTTP/2, Node has no `requestTimeout`. */
function tooLate(type: string): E2eProblem {
  return type === HANDSHAKE_MEDIA_TYPE
    ? new E2eProblem('key-rejected', { detail: `a handshake takes at most ${MAX_TRANSIT_SECONDS} seconds` })
    : new E2eProblem('message-rejected', { step: 'time' });
}

/** Passes on the protected header, the first part of a message, once it is complete or too long. */
function peekAtHeader(precheck: (protectedHeader: string) => Promise<E2eProblem | undefined>): Peek {
  return (soFar) => {
    const end = soFar.indexOf('.');
    if (end < 0 && soFar.length <= MAX_HEADER_CHARACTERS) return undefined;
    return precheck(soFar.toString('latin1', 0, end < 0 ? soFar.length : end));
  };
}
