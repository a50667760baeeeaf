import { IncomingMessage, ServerResponse } from 'node:http';
import type { FieldCipher } from '../../channel/fields.js';
import type { OpenedMessage } from '../../channel/message.js';
import type { E2eProblem } from '../../protocol/problem.js';
import type { Deadline } from './deadline.js';
import type { FramedBody } from './framed-body.js';
import type { ResponseCapture, Transform } from './response-capture.js';
import type { WireAnswer } from './response-door.js';

/** What a request was when its head arrived, before any middleware could change it. */
export interface Arrival {
  /** Seconds since 1970. */
  readonly at: number;
  /** Path and query as they were sent. */
  readonly target: string;
  /** A handshake's own media type; its header was changed, so that no other parser takes its body. */
  readonly handshakeType?: string;
  /** The tracker that compared it with its handshake path: an application may be mounted in another one. */
  readonly notedBy: object;
}

/** The route that the router found for a request. */
export interface MatchedRoute {
  readonly owner: { readonly name: string };
  readonly name: string;
  readonly sealing: { readonly request: boolean; readonly response: boolean };
}

/** A session that a channel is valid in, and its epoch while the channel is. Without cookies there is no session. */
export interface ChannelHome {
  readonly session: string | undefined;
  readonly epoch: string | undefined;
}

/** Whose a session was when a message opened on it: what it holds later is what this request has made of it. */
export interface SessionOwner {
  /** Whether it had no data of the application, and so belonged to nobody. */
  readonly isNobody: boolean;
  /** The user that passport had logged in, if it is used. */
  readonly user: string | undefined;
}

/** The state of a request in fields (PROTOCOL §10). */
export interface OpenedFields {
  readonly cipher: FieldCipher;
  /** The declaration of the route that it reached last. */
  readonly route: object;
  /** The fields that were opened, as JSON pointers. */
  readonly opened: ReadonlySet<string>;
  readonly isAnswerWhole: boolean;
  /** How many fields of its response are sealed so far. */
  sealed: number;
}

/** What is known about a request, and its state so far. */
export interface ExchangeState {
  arrival?: Arrival;
  /** Set by the router each time it enters a route of a controller. */
  route?: MatchedRoute;
  /** The platform's request, if that is not Node's own. */
  request?: object;
  /** Until its message is opened. */
  deadline?: Deadline;
  /** Its body, if it is one of ours and was read, or why it was refused: too long, or too late. */
  body?: Buffer | E2eProblem;
  /** When that was read, in seconds since 1970; of a body in frames, its head. */
  wholeAt?: number;
  /** Whether it is under a sealed path, where only sealed requests are accepted. */
  isSealedPath?: boolean;
  /** Whether its message is opened before the application's own parsers, which then read the plain body by themselves. */
  isOpenedEarly?: boolean;
  /** Its message, once its opening was requested. */
  opening?: Promise<OpenedMessage>;
  /** The request's message, after it was opened and accepted. */
  message?: OpenedMessage;
  /** Whether it was opened before its route was known. The route's declaration must still be checked. */
  isUnrouted?: boolean;
  /** The platform's router rejects it, and no hook runs. */
  isRouterAnswer?: boolean;
  /** Its body, if it is in frames. */
  framed?: FramedBody;
  /** Whether a plain body came with that message. */
  besideBody?: boolean;
  /** Its response, once it was captured. */
  capture?: ResponseCapture;
  /** Whether its session is being replaced, so that the replacement inside does not do it a second time. */
  isCarrying?: boolean;
  /** Where its channel is valid: where its message was opened, or where this request has carried it over to (login). */
  home?: ChannelHome;
  /** Set with it, and never changed. */
  owner?: SessionOwner;
  /** Seals its response, once its message opened: from then on nothing is sent in the clear. */
  seal?: Transform;
  /** For a request in fields that reached its route. */
  fields?: OpenedFields;
  /** Whether a guard's or a handler's exception was noted, whatever status a filter sends. */
  hasFailed?: boolean;
  /** The response to send in place of the application's. */
  settled?: WireAnswer;
  /** Why it was rejected. */
  refusal?: E2eProblem;
}

/**
 * The property for a request's state. It is on the request, because a WeakMap with an entry for each request costs the
 * garbage collector more than everything else. It is not visible if the request is printed.
 */
const STATE = Symbol('e2e');

/** The property with the upgrade request, on a sealed socket and on that request itself. */
const UPGRADE = Symbol('e2e.upgrade');

/** Lets a socket be used in place of its upgrade request, wherever the module accepts a request. */
export function bindSocket(socket: object, request: IncomingMessage): void {
  for (const each of [socket, request]) Object.defineProperty(each, UPGRADE, { value: request });
}

/** The upgrade request of a sealed socket; any other object itself. */
export function requestOf(subject: object): object {
  return upgradeOf(subject) ?? subject;
}

/** Node's own request behind the platform's, or the upgrade request of a sealed socket. */
export function rawRequest(request: object): IncomingMessage {
  // Checked first, because looking up a missing member of Express' request walks over all of its prototypes.
  if (request instanceof IncomingMessage) return request;
  const { raw } = request as { raw?: IncomingMessage };
  return raw ?? upgradeOf(request) ?? (request as IncomingMessage);
}

/** Of a WebSocket, or of one of the sockets that socket.io has over it, which name that request themselves. */
function upgradeOf(subject: object): IncomingMessage | undefined {
  type Bound = { readonly [UPGRADE]?: IncomingMessage } | undefined;
  const { [UPGRADE]: own, request } = subject as NonNullable<Bound> & { readonly request?: Bound };
  return own ?? request?.[UPGRADE];
}

/** The same for Node's own response. */
export function rawResponse(response: object): ServerResponse {
  if (response instanceof ServerResponse) return response as ServerResponse;
  return (response as { raw?: ServerResponse }).raw ?? (response as ServerResponse);
}

/** The request's state, empty at first. */
export function stateOf(raw: IncomingMessage): ExchangeState {
  const known = (raw as { [STATE]?: ExchangeState })[STATE];
  if (known) return known;
  const state: ExchangeState = {};
  Object.defineProperty(raw, STATE, { value: state });
  return state;
}

/**
 * Notes that a handler failed: a response that has begun must then not end as complete, and for a request in fields the
 * error is sealed as a whole.
 */
export function noteFailure(response: object): void {
  const { req } = rawResponse(response) as { req?: IncomingMessage };
  if (!req) return;
  const state = stateOf(req);
  state.hasFailed = true;
  state.capture?.fail();
}

/**
 * The route that a request reached last. Accepts the platform's request or Node's, and whatever a library passes in its
 * place.
 */
export function matchedRouteOf(request: unknown): MatchedRoute | undefined {
  if (typeof request !== 'object' || request === null) return undefined;
  return (rawRequest(request) as { [STATE]?: ExchangeState })[STATE]?.route;
}

/** The message of a sealed request. Accepts the platform's request or Node's. */
export function openedMessageOf(request: object): OpenedMessage | undefined {
  return stateOf(rawRequest(request)).message;
}
