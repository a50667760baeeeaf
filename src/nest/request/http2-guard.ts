/** What is used of an HTTP/2 stream, and can send something past the response. */
export interface GuardedStream {
  readonly sentTrailers?: object | undefined;
  write(...args: unknown[]): boolean;
  end(...args: unknown[]): unknown;
  respond(...args: unknown[]): void;
  respondWithFile(...args: unknown[]): void;
  respondWithFD(...args: unknown[]): void;
  additionalHeaders(headers: Readonly<Record<string, unknown>>): void;
  pushStream(...args: unknown[]): void;
  sendTrailers(trailers: object): void;
}

interface Gate {
  /** Whether the route answers in the clear. */
  readonly isOpen: () => boolean;
  /** Whether the sealed response is just given to Node's own response. */
  readonly isCalling: () => boolean;
  /** Whether these are the bytes of it. */
  readonly isPassing: (chunk: unknown) => boolean;
  /** Called where the application writes to the stream itself. */
  readonly onBypass: () => void;
}

/**
 * Holds the HTTP/2 stream of a sealed request to what its response writes: no raw head, file or body; no pushed stream;
 * no trailers, which cannot be sealed; and of informational heads only 100, which says nothing.
 */
export function guardStream(stream: GuardedStream, gate: Gate): void {
  /* eslint-disable-next-line @typescript-eslint/unbound-method -- called with the stream as their `this` */
  const { write, end, respond, respondWithFile, respondWithFD, additionalHeaders, pushStream, sendTrailers } = stream;
  const passIf = (isAllowed: boolean, method: (...args: never[]) => unknown, args: unknown[]): unknown => {
    if (isAllowed || gate.isOpen()) return Reflect.apply(method, stream, args);
    gate.onBypass();
    return undefined;
  };

  stream.write = (...args) => passIf(gate.isPassing(args[0]), write, args) === true;
  stream.respond = (...args) => void passIf(gate.isCalling(), respond, args);
  stream.respondWithFile = (...args) => void passIf(false, respondWithFile, args);
  stream.respondWithFD = (...args) => void passIf(false, respondWithFD, args);
  // Without a chunk it is also how Node ends and closes a stream.
  stream.end = (...args) => passIf(typeof (args[0] ?? isFunction) === 'function', end, args) ?? stream;
  stream.additionalHeaders = (headers) => {
    if (gate.isOpen() || headers[':status'] === 100) Reflect.apply(additionalHeaders, stream, [headers]);
  };
  stream.pushStream = (...args) => {
    const callback = args.findLast(isFunction);
    if (gate.isOpen()) Reflect.apply(pushStream, stream, args);
    else if (callback) process.nextTick(callback, new Error(NO_PUSH));
  };
  stream.sendTrailers = (trailers) => {
    if (gate.isOpen()) Reflect.apply(sendTrailers, stream, [trailers]);
    // Node's own response sends empty ones to end the stream.
    else if (!stream.sentTrailers) Reflect.apply(sendTrailers, stream, [{}]);
  };
}

const NO_PUSH = 'The response to a sealed request cannot push streams: they would leave in the clear.';

function isFunction(value: unknown): value is (...args: unknown[]) => unknown {
  return typeof value === 'function';
}
