import type { OpenedMessage } from '../../channel/message.js';
import { essence, JSON_MEDIA_TYPE } from '../../protocol/media-type.js';
import type { E2eProblem } from '../../protocol/problem.js';
import { rawRequest, rawResponse, type ExchangeState } from '../request/exchange-state.js';
import { openFramedBody, type FramedBody } from '../request/framed-body.js';
import type { KeyService } from '../keys/key.service.js';
import { lingerOnceAnswered } from '../request/linger.js';
import type { PlainAnswer, Sealed } from '../request/response-capture.js';

/** How long a body that broke waits for the application's response. */
const UNANSWERED_MS = 5000;

/**
 * Makes a request a stream of the plaintext of its frames.
 *
 * @param refuse sends the problem, sealed, however the application handles the error that its reader gets.
 */
export function openRequestBody(
  request: object,
  response: object,
  message: OpenedMessage,
  keys: KeyService,
  refuse: (problem: E2eProblem) => unknown,
): FramedBody {
  const [raw, node] = [rawRequest(request), rawResponse(response)];
  const { maxStreamSize, streamIdleTimeout } = keys.options;
  const limits = { maxStreamSize, idleTimeout: streamIdleTimeout, timeLeft: keys.uploadTimeLeft(message) };
  lingerOnceAnswered(raw, node, () => framed.isGivenUp);
  const frames = message.openFrames();
  const mustBeUtf8 = essence(message.header.cty ?? '') === JSON_MEDIA_TYPE;
  const framed = openFramedBody(raw, frames, limits, mustBeUtf8, (problem) => {
    node.shouldKeepAlive = false;
    if (node.headersSent) return;
    refuse(problem);
    // A reader that only waits for the end, and ignores errors, would never respond.
    setTimeout(() => node.end(), UNANSWERED_MS).unref();
  });
  const noteOver = keys.streams.add('request', { request, channel: message.channel, fail: framed.fail });
  void framed.over.then(() => noteOver(framed.hasEnded, frames.progress));
  return framed;
}

/** Seals a success only after the body's end (PROTOCOL §6): the rest of the client's body may still be broken. */
export function afterBody(
  state: ExchangeState,
  seal: (answer: PlainAnswer) => Sealed,
): (answer: PlainAnswer) => Sealed | Promise<Sealed> {
  return (answer) => {
    const { framed, refusal } = state;
    if (!framed || framed.hasEnded || refusal || answer.status >= 400) return seal(answer);
    return framed.drain().then(() => seal(answer));
  };
}
