import { IncomingMessage, ServerResponse } from 'node:http';

/** The properties that Express, express-session and body parsers add to a request. */
export const REQUEST_MEMBERS = [
  'res',
  'next',
  'baseUrl',
  'originalUrl',
  '_parsedUrl',
  'params',
  '_parsedOriginalUrl',
  'sessionStore',
  'sessionID',
  'session',
  'body',
  'route',
] as const;

/** What they put on a response. All but the first it inherits. What takes the response over has put its own there. */
export const RESPONSE_MEMBERS = ['locals', 'statusCode', 'statusMessage'] as const;

type WideRequest = Record<(typeof REQUEST_MEMBERS)[number], unknown>;
type WideResponse = Record<(typeof RESPONSE_MEMBERS)[number], unknown>;

/** What Express makes the prototypes of each request and response. */
export interface ExpressPrototypes {
  readonly request: object;
  readonly response: object;
}

/**
 * Makes room on a sealed request and its response for what they will be given, each member as it reads already. It
 * changes nothing but the time that a request takes; where it would, it does nothing.
 *
 * Express changes the prototype of each, and the engine then makes each a hidden class of its own: from there on, every
 * member that is added costs a copy of the list of all, a kilobyte and some microseconds. Up to there all requests share
 * their classes, and members cost nothing worth the mention. Hence a line for each, which the compiler makes one step of,
 * and no loop over names, which takes ten times as long.
 */
export function preallocateProperties(
  request: IncomingMessage,
  response: ServerResponse,
  express: ExpressPrototypes,
): void {
  if (!isUntouched(request, response, express)) return;
  widenRequest(request as unknown as WideRequest);
  widenResponse(response as unknown as WideResponse);
}

/**
 * Whether both are as Node made them, and the members will read after Express as they do now. They are not where a parent
 * application, Express or not, had them before, nor on HTTP/2, where members are accessors; and an application may have
 * given Express' prototypes members of its own.
 */
function isUntouched(request: IncomingMessage, response: ServerResponse, express: ExpressPrototypes): boolean {
  if (Object.getPrototypeOf(request) !== IncomingMessage.prototype) return false;
  if (Object.getPrototypeOf(response) !== ServerResponse.prototype) return false;
  if (hasRequestMember(request) || hasRequestMember(express.request)) return false;
  const now = response as unknown as WideResponse;
  const later = express.response as WideResponse;
  const isOwn = Object.hasOwn(now, 'locals') || Object.hasOwn(now, 'statusCode') || Object.hasOwn(now, 'statusMessage');
  if (isOwn) return false;
  const { locals, statusCode, statusMessage } = now;
  return later.locals === locals && later.statusCode === statusCode && later.statusMessage === statusMessage;
}

/** As `widenRequest`, and for the same reason, with a line for each. */
function hasRequestMember(request: object): boolean {
  return (
    'res' in request ||
    'next' in request ||
    'baseUrl' in request ||
    'originalUrl' in request ||
    '_parsedUrl' in request ||
    'params' in request ||
    '_parsedOriginalUrl' in request ||
    'sessionStore' in request ||
    'sessionID' in request ||
    'session' in request ||
    'body' in request ||
    'route' in request
  );
}

function widenRequest(request: WideRequest): void {
  // Twice: what never changed is taken for a constant, and is costly to change later.
  for (const empty of [null, undefined]) {
    request.res = empty;
    request.next = empty;
    request.baseUrl = empty;
    request.originalUrl = empty;
    request._parsedUrl = empty;
    request.params = empty;
    request._parsedOriginalUrl = empty;
    request.sessionStore = empty;
    request.sessionID = empty;
    request.session = empty;
    request.body = empty;
    request.route = empty;
  }
}

function widenResponse(response: WideResponse): void {
  const { locals, statusCode, statusMessage } = response;
  const own = { locals, statusCode, statusMessage };
  for (const members of [NOTHING, own]) {
    response.locals = members.locals;
    response.statusCode = members.statusCode;
    response.statusMessage = members.statusMessage;
  }
}

const NOTHING: WideResponse = { locals: null, statusCode: 0, statusMessage: null };
