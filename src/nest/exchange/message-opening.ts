import type { Logger } from '@nestjs/common';
import type { Place } from '../../channel/message-reader.js';
import type { E2eEvents } from '../../channel/events.js';
import type { OpenedMessage } from '../../channel/message.js';
import { E2eProblem } from '../../protocol/problem.js';
import type { KeyService } from '../keys/key.service.js';
import { rawRequest, stateOf } from '../request/exchange-state.js';
import { mayCarry } from './incoming.js';

/** An opened message, and the function that admits it: from here on every response to it is sealed. */
export interface MessageOpening {
  readonly message: OpenedMessage;
  /**
   * Steps 5 and 6.
   *
   * @param at when it arrived, in seconds since 1970.
   * @param wholeAt when it was whole, if that was later.
   * @throws E2eProblem
   */
  readonly admit: (at: number, wholeAt?: number) => Promise<void>;
}

/**
 * Opens the message of a request, or the first one of a socket: steps 1 to 4 of PROTOCOL §5.
 *
 * @param target path and query as they were sent here.
 * @throws E2eProblem which is sent in the clear.
 */
export async function openMessage(
  keys: KeyService,
  events: E2eEvents,
  request: object,
  { text, place }: { readonly text: string; readonly place: Place },
  target: string,
): Promise<MessageOpening> {
  const raw = rawRequest(request);
  const from = performance.now();
  const session = keys.sessions.of(request);
  const channels = keys.channelsOf(session);
  const idem = raw.headers['idempotency-key'];
  const message = await channels.open(session.ref?.id, text, {
    place,
    method: raw.method ?? '',
    target: keys.options.publicPath + target,
    idem: typeof idem === 'string' ? idem : undefined,
  });
  // Noted now: before a stream begins, its channel may be evicted, or its own request may empty or replace the session.
  const state = stateOf(raw);
  state.home = { session: session.ref?.id, epoch: message.epoch };
  state.owner = { isNobody: session.isBlank, user: session.user };
  if (!mayCarry(message, raw, keys.options.sealedHeaders.request)) {
    throw new E2eProblem('message-rejected', { step: 'headers' });
  }
  const admit = async (at: number, wholeAt?: number): Promise<void> => {
    await channels.admit(session.ref?.id, message, at, wholeAt);
    const { channel, header, plaintext } = message;
    const ms = performance.now() - from;
    events.emit({ type: 'opened', kind: channel.kind, alg: header.alg, bytes: plaintext.length, ms });
  };
  return { message, admit };
}

/** Counts a refusal and logs it at debug level, with the step that the response does not reveal. */
export function noteRefusal(
  keys: KeyService,
  events: E2eEvents,
  logger: Logger,
  request: object,
  { code, step: at }: E2eProblem,
): void {
  const step = at === 'channel' && keys.sessions.noteLostCookie(request) ? 'cookie' : at;
  events.emit({ type: 'refused', problem: code, ...(step && { step }) });
  logger.debug(`A request was rejected: ${code}${step ? `, at the step "${step}"` : ''}.`);
}
