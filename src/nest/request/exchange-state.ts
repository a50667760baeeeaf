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
  /** Whose handshakes it was compared with: an application may be mounted in another one. */
  readonly notedBy: object;
}

/** The route that the router found for a request. */
export interface MatchedRoute {
  readonly owner: { readonly name: string };
  readonly name: string;
  readonly sealing: { readonly request: boolean; readonly response: boolean };
}

/** What has become of a request in fields (PROTOCOL §10). */
export interface OpenedFields {
  readonly cipher: FieldCipher;
  /** What the route that it reached last declares. */
  readonly route: object;
  /** The fields that were opened, as JSON pointers. */
  readonly opened: ReadonlySet<string>;
  readonly isAnswerWhole: boolean;
  /** How many fields of its response are sealed by now. */
  sealed: number;
}

/** What is known of a request, and what has become of it so far. */
export interface ExchangeState {
  arrival?: Arrival;
  /** Set by the router each time it enters a route of a controller. */
  route?: MatchedRoute;
  /** The platform's request, where that is not Node's own. */
  request?: object;
  /** Until its message is opened. */
  deadline?: Deadline;
  /** Its body, where that is one of ours and was read; or that it was too long. */
  body?: Buffer | E2eProblem;
  /** Whether it came under a sealed path, where whoever answers takes sealed requests alone. */
  isSealedPath?: boolean;
  /** Whether its message is opened before the application's own parsers, which then read the plain body by themselves. */
  isOpenedEarly?: boolean;
  /** Its message, from when somebody asks for it to be opened. */
  opening?: Promise<OpenedMessage>;
  /** The request's message, after it was opened and accepted. */
  message?: OpenedMessage;
  /** Whether it was opened before its route was known, whose declaration is still to be looked at. */
  isUnrouted?: boolean;
  /** The platform's router answers it, and no hook runs. */
  isRouterAnswer?: boolean;
  /** Its body, where that comes in frames. */
  framed?: FramedBody;
  /** Whether a plain body came beside that message. */
  besideBody?: boolean;
  /** Its response, once that was taken over. */
  capture?: ResponseCapture;
  /** Whether its session is being replaced, so that the replacement inside does not do it a second time. */
  isCarrying?: boolean;
  /** Seals its response, once its message opened: from then on nothing leaves in the clear. */
  seal?: Transform;
  /** Of a request in fields that reached its route. */
  fields?: OpenedFields;
  /** Whether a guard's or a handler's exception was noted, whatever status a filter answers it with. */
  hasFailed?: boolean;
  /** What leaves, whatever the application answers. */
  settled?: WireAnswer;
  /** Why it was refused. */
  refusal?: E2eProblem;
}

/**
 * Where a request's state hangs: on itself, since a WeakMap with an entry for each request costs the garbage collector
 * more than all else that is done for one; and out of sight of whoever prints the request.
 */
const STATE = Symbol('e2e');

/** Where a sealed socket, and that request itself, keep the request that asked for it. */
const UPGRADE = Symbol('e2e.upgrade');

/** Lets a socket be used in place of its upgrade request, wherever the module accepts a request. */
export function bindSocket(socket: object, request: IncomingMessage): void {
  for (const each of [socket, request]) Object.defineProperty(each, UPGRADE, { value: request });
}

/** The request that asked for a sealed socket; what is no such socket itself. */
export function requestOf(subject: object): object {
  return upgradeOf(subject) ?? subject;
}

/** Node's own request, whatever the platform wraps it in, or of a sealed socket the one that asked for it. */
export function rawRequest(request: object): IncomingMessage {
  // Asked first: to look in vain for a member of Express' request costs a walk over all of its prototypes.
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

/** The request's state, empty before anyone looked at it. */
export function stateOf(raw: IncomingMessage): ExchangeState {
  const known = (raw as { [STATE]?: ExchangeState })[STATE];
  if (known) return known;
  const state: ExchangeState = {};
  Object.defineProperty(raw, STATE, { value: state });
  return state;
}

/**
 * Notes that a handler failed: a response that has begun must then not end as complete, whoever ends it, and to a request
 * in fields the error leaves sealed whole.
 */
export function noteFailure(response: object): void {
  const { req } = rawResponse(response) as { req?: IncomingMessage };
  if (!req) return;
  const state = stateOf(req);
  state.hasFailed = true;
  state.capture?.fail();
}

/** The route that a request reached last. Takes the platform's request or Node's, and whatever a library passes for one. */
export function matchedRouteOf(request: unknown): MatchedRoute | undefined {
  if (typeof request !== 'object' || request === null) return undefined;
  return (rawRequest(request) as { [STATE]?: ExchangeState })[STATE]?.route;
}

/** The message that a request came as, where it came sealed. Takes the platform's request or Node's. */
export function openedMessageOf(request: object): OpenedMessage | undefined {
  return stateOf(rawRequest(request)).message;
}
