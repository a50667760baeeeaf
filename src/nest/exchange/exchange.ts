import { Inject, Injectable, Logger, MethodNotAllowedException } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OpenedMessage } from '../../channel/message.js';
import { E2eProblem } from '../../protocol/problem.js';
import type { E2eEvents } from '../../channel/events.js';
import { RequestTracker } from '../request/request-tracker.js';
import { Deadline, endWithin } from '../request/deadline.js';
import { E2eException } from '../request/e2e.exception.js';
import { lingerOnceAnswered } from '../request/linger.js';
import { E2E_EVENTS, E2E_KEYS } from '../options/e2e.options.js';
import { PLAIN, SEALED, type Sealing } from '../routes/encrypted.decorator.js';
import { strictest } from '../routes/sealing-resolver.js';
import { rawRequest, rawResponse, stateOf, type Arrival, type ExchangeState } from '../request/exchange-state.js';
import { findMessage, hasBodyBeside, hasMessageHeader, isSealed, type FoundMessage } from './incoming.js';
import { noteRefusal, openMessage } from './message-opening.js';
import { isShort } from './sealed-answer.js';
import { superviseAnswer } from './answer-supervision.js';
import { openRequestBody } from './request-body.js';
import { ignoreConditions, posesAsSealedQuery, putPlainRequest, type DecodingOptions } from './plain-request.js';
import type { KeyService } from '../keys/key.service.js';
import { RateLimitedLogger } from '../request/rate-limited-logger.js';
import { ResponseCapture, type PlainAnswer, type Sealed } from '../request/response-capture.js';
import type { WireAnswer } from '../request/response-door.js';
import { AnswerSealer } from './answer-sealer.js';
import { BROKEN, HEAD_REFUSED, problemAnswer, unchangedAnswer, WITHHELD, withheldAnswer } from './constant-answers.js';

/**
 * Handles one request: opens its message, gives the plain request to the application, and seals the response. This is
 * the only place that decides what may be sent. Guard and interceptor call `enter`: the first call opens the message,
 * and each call enforces the declaration of its route. If something responds earlier, the message is opened at that
 * point.
 */
@Injectable()
export class Exchange {
  readonly #logger = new Logger('E2eModule');
  readonly #log = new RateLimitedLogger(this.#logger);

  /** Set at start: how this platform's requests are read. */
  decoding: DecodingOptions | undefined;

  /** Set at start, if this platform's router answers some requests before any hook: reads their session and message. */
  readUnrouted: ((raw: IncomingMessage) => Promise<void>) | undefined;

  readonly #sealer: AnswerSealer;

  constructor(
    @Inject(E2E_KEYS) private readonly keys: KeyService,
    @Inject(RequestTracker) private readonly tracker: RequestTracker,
    @Inject(E2E_EVENTS) private readonly events: E2eEvents,
  ) {
    this.#sealer = new AnswerSealer(keys.options, events, this.#logger);
  }

  /**
   * Runs before everything else. Sealed requests and handshakes get a response in time, even if something hangs before
   * they are opened. For a sealed request, nothing is sent in the clear except what this class decides.
   *
   * @returns whether the request is sealed or a handshake.
   */
  watch(raw: IncomingMessage, response: ServerResponse, { handshakeType }: Arrival): boolean {
    const isMessage = isSealed(raw);
    if (!isMessage && handshakeType === undefined) return false;
    const state = stateOf(raw);
    if (isMessage) ignoreConditions(raw);
    this.#capture(raw, response);
    state.deadline ??= new Deadline(this.keys.options.storeTimeout, () => {
      if (response.headersSent) return;
      this.refuse(raw, response, new E2eProblem('busy'));
      response.end();
    });
    return true;
  }

  /**
   * Opens the request's message, if it has one, in the order of PROTOCOL §5. Rejects the request if the route requires
   * more.
   *
   * @returns a promise only if there is something to wait for: not for a plain request.
   * @throws an exception for Nest. The response is already settled: the problem is sent, whatever happens to the
   * exception.
   */
  enter(request: object, response: object, declared: Sealing = PLAIN): Promise<void> | undefined {
    const raw = rawRequest(request);
    const state = stateOf(raw);
    const route = state.isSealedPath ? strictest([declared, SEALED])! : declared;
    state.deadline?.end();
    if (state.refusal) throw new E2eException(state.refusal);
    if (state.message) {
      this.#enterNext(request, response, state, route);
      return undefined;
    }
    const isSealedRoute = route.request || route.response;
    if (raw.method === 'HEAD' && (isSealedRoute || hasMessageHeader(raw.headers))) {
      // Its response has no body to seal.
      this.settle(request, response, HEAD_REFUSED);
      throw new MethodNotAllowedException();
    }
    const refuse = (error: unknown): never => {
      throw error instanceof E2eProblem ? this.refuse(request, response, error) : error;
    };
    try {
      if (posesAsSealedQuery(raw)) throw new E2eProblem('message-rejected', { step: 'placement' });
      const found = findMessage(raw);
      if (found) return this.#enterFirst(request, response, found, route).catch(refuse);
      if (isSealedRoute) throw new E2eProblem('message-required');
      // A handshake whose session store is down is busy before its controller runs, like a message.
      if (this.tracker.of(raw).handshakeType !== undefined) this.keys.sessions.of(request);
      return undefined;
    } catch (error) {
      return refuse(error);
    }
  }

  /**
   * Opens a sealed request before its route is known, so that the platform itself reads the plain body. What depends on
   * the route waits for `enter`: a plain body next to the message, and whether the response is plain.
   */
  enterUnrouted(request: object, response: object): Promise<void> | undefined {
    const raw = rawRequest(request);
    const state = stateOf(raw);
    if (!state.isSealedPath && (!isSealed(raw) || hasBodyBeside(raw))) return undefined;
    state.isUnrouted = true;
    return this.enter(request, response);
  }

  /** Sends this response, however the application ends it. On a sealed request it is sealed too. */
  settle(request: object, response: object, answer: WireAnswer): void {
    const raw = rawRequest(request);
    stateOf(raw).settled = answer;
    this.#capture(raw, rawResponse(response));
  }

  /** Sends the problem: in the clear while the message is not opened, sealed from then on. */
  refuse(request: object, response: object, problem: E2eProblem): E2eException {
    const state = stateOf(rawRequest(request));
    state.refusal = problem;
    this.settle(request, response, problemAnswer(problem));
    // Counted from here, because a session's middleware may hold the response back for its store.
    endWithin(this.keys.options.storeTimeout, rawResponse(response));
    noteRefusal(this.keys, this.events, this.#logger, request, problem);
    return new E2eException(problem);
  }

  /** Captures the response once: if one application is mounted in another, for the inner one. */
  #capture(raw: IncomingMessage, response: ServerResponse): ResponseCapture {
    const state = stateOf(raw);
    const transform = (answer: PlainAnswer) => {
      // A session's middleware writes the last byte of a whole response once its store has the session.
      if (answer.isPartial && (state.settled || !isSealed(raw) || isShort(answer))) return undefined;
      // Nothing reads the rest of this body. An opened one in frames handles that itself.
      if (!raw.complete && !state.framed) lingerOnceAnswered(raw, response);
      if (state.settled) return state.settled;
      return isSealed(raw) ? this.#answerUnopened(raw, response, answer) : this.#answerPlain(raw, response, answer);
    };
    if (state.capture && !state.seal) state.capture.transform = transform;
    return (state.capture ??= new ResponseCapture(response, {
      transform,
      timeout: this.keys.options.storeTimeout,
      maxCollected: this.keys.options.maxBodySize,
      held: this.#sealer.held,
      mayPause: () => state.framed === undefined || state.framed.hasEnded,
      onStream: (stream) => superviseAnswer(raw, stream, this.keys.streams),
      isSealed: (name) => this.keys.options.sealedHeaders.response.includes(name),
      onBreak: () => this.#log.say('error', BROKEN),
    }));
  }

  /**
   * The response to a sealed request from before its message was opened: by middleware, a hook, or the platform if
   * there is no route. The message is opened for it. If that is not possible, only the status is sent.
   */
  async #answerUnopened(raw: IncomingMessage, response: ServerResponse, answer: PlainAnswer): Promise<Sealed> {
    const state = stateOf(raw);
    const request = state.request ?? raw;
    try {
      if (state.isRouterAnswer) await this.readUnrouted?.(raw);
      const found = findMessage(raw);
      const hasSession = this.keys.sessions.find(request) !== undefined;
      // If its store fails, the session's middleware ends the request with an error.
      if (!hasSession && answer.status >= 500) throw new E2eProblem('busy');
      const isRead = found?.place === 'header' || found?.place === 'fields' || state.body !== undefined;
      if (found && hasSession && isRead) await this.#open(request, response, found);
    } catch (error) {
      if (!(error instanceof E2eProblem)) throw error;
      this.refuse(request, response, error);
    }
    state.deadline?.end();
    if (state.seal) return state.seal(answer);
    if (state.settled) return state.settled;
    this.#log.say('warn', WITHHELD);
    return withheldAnswer(answer.status);
  }

  /** A response to a handshake from before its controller: unchanged, but busy if the session's store fails. */
  #answerPlain(raw: IncomingMessage, response: ServerResponse, answer: PlainAnswer): Sealed {
    const state = stateOf(raw);
    const isBusy = answer.status >= 500 && this.keys.sessions.find(state.request ?? raw) === undefined;
    if (isBusy) this.refuse(raw, response, new E2eProblem('busy'));
    return state.settled ?? unchangedAnswer(answer);
  }

  async #enterFirst(request: object, response: object, found: FoundMessage, route: Sealing): Promise<void> {
    // A plain body next to a message is allowed only if the route was declared to accept one, or for a ticket.
    const takesPlain = !route.request && (route.response || found.place === 'fields');
    if (found.besideBody && !takesPlain) {
      throw new E2eProblem('message-rejected', { step: 'placement' });
    }
    const message = await this.#open(request, response, found);
    const state = stateOf(rawRequest(request));
    state.besideBody = found.besideBody;
    if (route.request && !route.response) state.capture?.release();
    if (!this.decoding) return;
    await putPlainRequest(request, response, found, message, this.decoding, () => {
      const refuse = (problem: E2eProblem): unknown => this.refuse(request, response, problem);
      state.framed = openRequestBody(request, response, message, this.keys, refuse);
      this.#limitBody(request, response, state, route);
    });
  }

  /**
   * For the interceptor after the guard, or a route that another one passed the request to, and that may require more.
   */
  #enterNext(request: object, response: object, state: ExchangeState, route: Sealing): void {
    if (route.response && state.seal && state.capture?.released) state.capture.take(state.seal);
    if (route.request && state.besideBody) {
      throw this.refuse(request, response, new E2eProblem('message-rejected', { step: 'placement' }));
    }
    if (state.isUnrouted && route.request && !route.response) state.capture?.release();
    if (state.isUnrouted) this.#limitBody(request, response, state, route);
    state.isUnrouted = false;
  }

  /** What has arrived of a body in frames may be all of it. */
  #limitBody(request: object, response: object, { framed }: ExchangeState, { maxStreamSize }: Sealing): void {
    const problem = maxStreamSize === undefined ? undefined : framed?.limitTo(maxStreamSize);
    if (problem) throw this.refuse(request, response, problem);
  }

  /** Runs once for each request. */
  #open(request: object, response: object, found: FoundMessage): Promise<OpenedMessage> {
    return (stateOf(rawRequest(request)).opening ??= this.#openMessage(request, response, found));
  }

  async #openMessage(request: object, response: object, found: FoundMessage): Promise<OpenedMessage> {
    const raw = rawRequest(request);
    const state = stateOf(raw);
    const { at, target } = this.tracker.of(raw);
    const { message, admit } = await openMessage(this.keys, this.events, request, found, target);

    // From here on every response is sealed, including refusals of the next step.
    state.seal = this.#sealer.for(message, state);
    this.#capture(raw, rawResponse(response)).take(state.seal);
    await admit(at, state.wholeAt);
    state.message = message;
    this.keys.watchLogin(request);
    return message;
  }
}
