import { applyDecorators, Controller, Get, Inject, Post, Req, Res, VERSION_NEUTRAL, type Type } from '@nestjs/common';
import { fromUtf8, parseJsonObject, type JsonObject } from '../../protocol/json.js';
import { JSON_MEDIA_TYPE } from '../../protocol/media-type.js';
import { E2eProblem } from '../../protocol/problem.js';
import { RequestTracker } from '../request/request-tracker.js';
import { readBodyOf } from '../request/body-reader.js';
import { E2E_KEYS } from '../options/e2e.options.js';
import { Plain } from '../routes/encrypted.decorator.js';
import { Exchange } from './exchange.js';
import { rawRequest } from '../request/exchange-state.js';
import type { KeyService } from '../keys/key.service.js';
import type { WireAnswer } from '../request/response-door.js';
import { NO_STORE } from './constant-answers.js';

/** What Express' response and Fastify's reply have in common. */
interface Reply {
  send(body: string): unknown;
}

const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset=("utf-8"|utf-8)\s*)?$/i;

const UNSUPPORTED: WireAnswer = {
  status: 415,
  headers: { 'Content-Type': 'application/problem+json', ...NO_STORE },
  body: JSON.stringify({ type: 'about:blank', title: 'A handshake is application/json.', status: 415 }),
};

/**
 * `POST /{path}/handshake` and `GET /{path}/identity` (PROTOCOL §2). A class for each module, since a controller's path
 * stands in its metadata.
 */
export function createHandshakeController(path: string, decorators: readonly ClassDecorator[]): Type<unknown> {
  @Controller({ path, version: VERSION_NEUTRAL })
  @Plain()
  @applyDecorators(...decorators)
  class HandshakeController {
    constructor(
      @Inject(E2E_KEYS) private readonly keys: KeyService,
      @Inject(Exchange) private readonly exchange: Exchange,
      @Inject(RequestTracker) private readonly tracker: RequestTracker,
    ) {}

    @Post('handshake')
    async handshake(@Req() request: object, @Res() response: Reply): Promise<void> {
      const raw = rawRequest(request);
      if (!JSON_IN_UTF8.test(this.tracker.of(raw).handshakeType ?? '')) {
        this.answer(request, response, UNSUPPORTED);
        return;
      }
      try {
        const { publicKey, device } = readHandshake(readBodyOf(raw));
        const body = JSON.stringify(await this.keys.createChannel(request, publicKey, device));
        this.answer(request, response, {
          status: 201,
          headers: { 'Content-Type': JSON_MEDIA_TYPE, ...NO_STORE },
          body,
        });
      } catch (error) {
        if (!(error instanceof E2eProblem)) throw error;
        throw this.exchange.refuse(request, response, error);
      }
    }

    @Get('identity')
    identity(@Req() request: object, @Res() response: Reply): void {
      const body = JSON.stringify({ keys: this.keys.identityKeys() });
      this.answer(request, response, {
        status: 200,
        headers: { 'Content-Type': 'application/jwk-set+json', ...NO_STORE },
        body,
      });
    }

    /** Settled before it is sent, so that no interceptor of the application wraps it. */
    private answer(request: object, response: Reply, answer: WireAnswer): void {
      this.exchange.settle(request, response, answer);
      response.send('');
    }
  }
  return HandshakeController;
}

function readHandshake(body: Buffer | undefined): JsonObject {
  let handshake: JsonObject | undefined;
  try {
    handshake = body && parseJsonObject(fromUtf8(body));
  } catch {
    handshake = undefined; // not UTF-8
  }
  if (!handshake) {
    throw new E2eProblem('key-rejected', { detail: 'a handshake is a JSON object that names no member twice' });
  }
  return handshake;
}
