import { IncomingMessage, ServerResponse } from 'node:http';

/** What Express, express-session and body parsers put on a request, none of which stands there before. */
interface WideRequest {
  res: unknown;
  next: unknown;
  baseUrl: unknown;
  originalUrl: unknown;
  _parsedUrl: unknown;
  params: unknown;
  _parsedOriginalUrl: unknown;
  sessionStore: unknown;
  sessionID: unknown;
  session: unknown;
  body: unknown;
  route: unknown;
}

/** What they, and whoever takes the response over, put on a response. All but the first it inherits. */
interface WideResponse {
  locals: unknown;
  writeHead: unknown;
  write: unknown;
  end: unknown;
  flushHeaders: unknown;
  writeEarlyHints: unknown;
  statusCode: unknown;
  statusMessage: unknown;
}

/**
 * Makes room on a sealed request and its response for what they will be given, each member as it reads already. It
 * changes nothing but the time that a request takes.
 *
 * Express changes the prototype of each, and the engine then makes each a hidden class of its own: from there on, every
 * member that is added costs a copy of the list of all, a kilobyte and some microseconds. Up to there all requests share
 * their classes, and members cost nothing worth the mention. Hence a line for each, which the compiler makes one step of,
 * and no loop over names, which takes ten times as long.
 */
export function makeRoom(request: IncomingMessage, response: ServerResponse): void {
  // Not where Express, of which an application may be a part, had them already; nor on HTTP/2, where they are accessors.
  if (Object.getPrototypeOf(request) !== IncomingMessage.prototype) return;
  if (Object.getPrototypeOf(response) !== ServerResponse.prototype) return;
  widenRequest(request as unknown as WideRequest);
  widenResponse(response as unknown as WideResponse);
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
  const { locals, writeHead, write, end, flushHeaders, writeEarlyHints, statusCode, statusMessage } = response;
  const own = { locals, writeHead, write, end, flushHeaders, writeEarlyHints, statusCode, statusMessage };
  for (const members of [NOTHING, own]) {
    response.locals = members.locals;
    response.writeHead = members.writeHead;
    response.write = members.write;
    response.end = members.end;
    response.flushHeaders = members.flushHeaders;
    response.writeEarlyHints = members.writeEarlyHints;
    response.statusCode = members.statusCode;
    response.statusMessage = members.statusMessage;
  }
}

const NOTHING: WideResponse = {
  locals: null,
  writeHead: null,
  write: null,
  end: null,
  flushHeaders: null,
  writeEarlyHints: null,
  statusCode: 0,
  statusMessage: null,
};
