import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OpenedMessage } from '../channel/channel.js';
import type { E2eProblem } from '../protocol/problem.js';
import type { Deadline } from './deadline.js';
import type { Outgoing } from './outgoing.js';

/** What has become of a request so far. */
export interface ExchangeState {
  /** Until its message is opened. */
  deadline?: Deadline;
  /** Its message, once that was opened and let in. */
  message?: OpenedMessage;
  /** Whether a plain body came beside that message. */
  besideBody?: boolean;
  /** Its response, once that was taken over. */
  outgoing?: Outgoing;
  /** Why it was refused. */
  refusal?: E2eProblem;
}

const states = new WeakMap<IncomingMessage, ExchangeState>();

/** Node's own request, whatever the platform wraps it in. */
export function rawRequest(request: object): IncomingMessage {
  return (request as { raw?: IncomingMessage }).raw ?? (request as IncomingMessage);
}

/** Node's own response, likewise. */
export function rawResponse(response: object): ServerResponse {
  return (response as { raw?: ServerResponse }).raw ?? (response as ServerResponse);
}

/** The request's state; `undefined` before anyone looked at it. */
export function stateOf(raw: IncomingMessage): ExchangeState | undefined {
  return states.get(raw);
}

export function beginState(raw: IncomingMessage): ExchangeState {
  const state: ExchangeState = {};
  states.set(raw, state);
  return state;
}

/** The message that a request came as, where it came sealed. Takes the platform's request or Node's. */
export function openedMessageOf(request: object): OpenedMessage | undefined {
  return states.get(rawRequest(request))?.message;
}
