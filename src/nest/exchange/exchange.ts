import { Inject, Injectable, Logger, MethodNotAllowedException } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OpenedMessage } from '../../channel/message.js';
import { REQUEST_HEADER } from '../../protocol/message.js';
import { E2eProblem } from '../../protocol/problem.js';
import type { E2eEvents } from '../../channel/events.js';
import { RequestTracker } from '../request/request-tracker.js';
import { Deadline } from '../request/deadline.js';
import { E2eException } from '../request/e2e.exception.js';
import { E2E_EVENTS, E2E_KEYS } from '../options/e2e.options.js';
import { PLAIN, type Sealing } from '../routes/encrypted.decorator.js';
import { rawRequest, rawResponse, stateOf, type ExchangeState } from '../request/exchange-state.js';
import { findMessage, hasBodyBeside, isSealed, mayCarry, type FoundMessage } from './incoming.js';
import { posesAsSealedQuery, present, type DecodingOptions } from './plain-request.js';
import type { KeyService } from '../keys/key.service.js';
import { ResponseCapture, type PlainAnswer, type WireAnswer } from '../request/response-capture.js';
import { flawOf, NO_STORE, plainProblem, problemAnswer, sealAnswer } from './sealed-answer.js';
import type { HttpSession } from '../keys/session.js';

const HEAD_REFUSED: WireAnswer = { status: 405, headers: { Allow: 'GET', ...NO_STORE }, body: '' };
const WITHHELD: WireAnswer = { status: 500, headers: NO_STORE, body: '' };

/**
 * One request's way through: its message is opened and put before the application, and whatever answers it is sealed.
 * The only place that decides what may leave. Guard, interceptor and the tail for unmatched routes all call `enter`;
 * the first call opens the message, and each holds the request to its own route's declaration.
 */
@Injectable()
export class Exchange {
  readonly #logger = new Logger('E2eModule');

  /** Set when the application starts: how this platform's requests are read. */
  decoding: DecodingOptions | undefined;

  constructor(
    @Inject(E2E_KEYS) private readonly keys: KeyService,
    @Inject(RequestTracker) private readonly tracker: RequestTracker,
    @Inject(E2E_EVENTS) private readonly events: E2eEvents,
  ) {}

  /**
   * First of all: what comes sealed, and a handshake, is answered in time, whatever hangs before its opening. Says whether
   * it is one of the two.
   */
  watch(raw: IncomingMessage, response: ServerResponse): boolean {
    if (!isSealed(raw) && this.tracker.of(raw).handshakeType === undefined) return false;
    stateOf(raw).deadline = new Deadline(this.keys.options.storeTimeout, () => {
      if (response.headersSent) return;
      this.refuse(raw, response, new E2eProblem('busy'));
      response.end();
    });
    return true;
  }

  /**
   * Opens the request's message, if it has one, in the order of PROTOCOL §5; refuses it where the route asks for more
   * than came.
   *
   * @throws an exception for Nest, whose answer is settled: whatever becomes of it, the problem is what leaves.
   */
  async enter(request: object, response: object, route: Sealing = PLAIN): Promise<void> {
    const raw = rawRequest(request);
    const state = stateOf(raw);
    state.deadline?.end();
    if (state.refusal) throw new E2eException(state.refusal);
    if (state.message) {
      this.#enterNext(request, response, state, state.message, route);
      return;
    }
    const isSealedRoute = route.request || route.response;
    if (raw.method === 'HEAD' && (isSealedRoute || raw.headers[REQUEST_HEADER] !== undefined)) {
      // Its answer has no body to seal.
      this.settle(response, HEAD_REFUSED);
      throw new MethodNotAllowedException();
    }
    try {
      if (posesAsSealedQuery(raw)) throw new E2eProblem('message-rejected', { step: 'placement' });
      const found = findMessage(raw);
      if (found) await this.#open(request, response, found, route);
      else if (isSealedRoute) throw new E2eProblem('message-required');
      // A handshake whose session's store is down ends before its controller: busy, as a message is.
      else if (this.tracker.of(raw).handshakeType !== undefined) this.keys.sessionOf(request);
    } catch (error) {
      if (!(error instanceof E2eProblem)) throw error;
      throw this.refuse(request, response, error);
    }
  }

  /**
   * Opens a sealed request before its route is known, so that the platform itself reads the plain body. What depends on
   * the route waits for `enter`: a plain body beside the message, and whether the response leaves in the clear.
   */
  async enterUnrouted(request: object, response: object): Promise<void> {
    const raw = rawRequest(request);
    if (!isSealed(raw) || hasBodyBeside(raw)) return;
    stateOf(raw).isUnrouted = true;
    await this.enter(request, response);
  }

  /** Has this very answer leave, whoever ends the response, and however. On a sealed request it is sealed in turn. */
  settle(response: object, answer: WireAnswer): void {
    this.#takeOver(response, () => answer);
  }

  /** Has the problem leave: in the clear as long as nobody took over the response, sealed from then on. */
  refuse(request: object, response: object, problem: E2eProblem): E2eException {
    const state = stateOf(rawRequest(request));
    state.refusal = problem;
    state.capture ??= this.#takeOver(response, () => problemAnswer(problem));
    const { code } = problem;
    const step = problem.step === 'channel' && this.keys.noteLostCookie(request) ? 'cookie' : problem.step;
    this.events.emit({ type: 'refused', problem: code, ...(step && { step }) });
    this.#logger.debug(`A request was refused: ${code}${step ? `, at the step "${step}"` : ''}.`);
    return new E2eException(problem);
  }

  #takeOver(response: object, transform: (answer: PlainAnswer) => WireAnswer): ResponseCapture {
    const { storeTimeout, sealedHeaders } = this.keys.options;
    return new ResponseCapture(rawResponse(response), transform, sealedHeaders.response, storeTimeout);
  }

  async #open(request: object, response: object, found: FoundMessage, route: Sealing): Promise<void> {
    const raw = rawRequest(request);
    const state = stateOf(raw);
    // A plain body beside a message is a second way in, except where the route was declared to take one.
    if (found.besideBody && (route.request || !route.response)) {
      throw new E2eProblem('message-rejected', { step: 'placement' });
    }
    const from = performance.now();
    const session = this.keys.sessionOf(request);
    const message = await this.#openMessage(raw, session, found);

    // From here on every answer is sealed, the refusals of the next step among them.
    const capture = this.#sealing(response, state, message);
    await this.keys.channelsOf(session).admit(session.ref?.id, message, this.tracker.of(raw).at);
    state.message = message;
    this.keys.watchLogin(request);
    state.besideBody = found.besideBody;
    const { channel, header, plaintext } = message;
    const ms = performance.now() - from;
    this.events.emit({ type: 'opened', kind: channel.kind, way: header.alg, bytes: plaintext.length, ms });
    if (route.request && !route.response) capture.release();
    if (this.decoding) await present(request, response, found, message, this.decoding);
  }

  /** The interceptor after the guard; or a route to which another one let the request through, and which may ask for more. */
  #enterNext(request: object, response: object, state: ExchangeState, message: OpenedMessage, route: Sealing): void {
    if (route.response && state.capture?.released) this.#sealing(response, state, message);
    if (route.request && state.besideBody) {
      throw this.refuse(request, response, new E2eProblem('message-rejected', { step: 'placement' }));
    }
    if (state.isUnrouted && route.request && !route.response) state.capture?.release();
    state.isUnrouted = false;
  }

  #sealing(response: object, state: ExchangeState, message: OpenedMessage): ResponseCapture {
    return (state.capture = this.#takeOver(response, (answer) =>
      this.#leave(message, state.refusal ? plainProblem(state.refusal) : answer),
    ));
  }

  async #openMessage(raw: IncomingMessage, session: HttpSession, found: FoundMessage): Promise<OpenedMessage> {
    const idem = raw.headers['idempotency-key'];
    const message = await this.keys.channelsOf(session).open(session.ref?.id, found.text, {
      place: found.place,
      method: raw.method ?? '',
      target: this.keys.options.publicPath + this.tracker.of(raw).target,
      idem: typeof idem === 'string' ? idem : undefined,
    });
    if (!mayCarry(message, raw, this.keys.options.sealedHeaders.request)) {
      throw new E2eProblem('message-rejected', { step: 'headers' });
    }
    return message;
  }

  /** Whatever goes wrong while sealing, no plaintext leaves. */
  #leave(message: OpenedMessage, answer: PlainAnswer): WireAnswer {
    const flaw = flawOf(answer);
    if (flaw !== undefined) {
      this.#logger.error(`A sealed ${message.header.method} request was answered with 500. ${flaw}`);
    }
    const from = performance.now();
    try {
      const sealed = sealAnswer(message, answer, this.keys.options.padding);
      const ms = performance.now() - from;
      this.events.emit({ type: 'sealed', status: answer.status, bytes: answer.body.length, ms });
      return sealed;
    } catch {
      // The cause may hold plaintext.
      this.#logger.error(
        `The answer to a sealed ${message.header.method} request could not be sealed, and was withheld.`,
      );
      return WITHHELD;
    }
  }
}
