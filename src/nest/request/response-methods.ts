import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';

const METHODS = ['writeHead', 'write', 'end', 'flushHeaders', 'writeEarlyHints', 'addTrailers'] as const;

/** The methods by which an application answers. */
export type ResponseMethod = (typeof METHODS)[number] | 'writeHeader';

/** Calls a method as it was before others took its place. */
export type Beneath = (name: ResponseMethod, args: unknown[]) => unknown;

/** The callback of a `write` or `end`. */
export type Callback = () => void;

type Method = (...args: unknown[]) => unknown;
type Methods = Record<ResponseMethod, Method>;

/** Methods of ours on a response. */
export interface Replaced {
  /** Calls a method as it was before. */
  readonly beneath: Beneath;
  /** Whether nobody has put others in their place since. */
  readonly areOutermost: () => boolean;
}

/** Puts methods of ours on a response. `handle` gets each call, and what the method was before. */
export function replaceMethods(
  target: ServerResponse,
  handle: (beneath: Beneath, name: ResponseMethod, args: unknown[]) => unknown,
): Replaced {
  const response = target as unknown as Methods;
  const own: Partial<Methods> = {};
  for (const name of METHODS) if (Object.hasOwn(response, name)) own[name] = response[name];
  const beneath: Beneath = (name, args) => {
    // Where it had none of its own, its prototype's at the time of the call: Express changes the prototype.
    const method = own[name] ?? (Object.getPrototypeOf(response) as Methods)[name];
    return Reflect.apply(method, response, args);
  };
  const writeHead: Method = (...args) => handle(beneath, 'writeHead', args);
  const made: Methods = {
    writeHead,
    writeHeader: writeHead,
    write: (...args) => handle(beneath, 'write', args),
    end: (...args) => handle(beneath, 'end', args),
    flushHeaders: (...args) => handle(beneath, 'flushHeaders', args),
    writeEarlyHints: (...args) => handle(beneath, 'writeEarlyHints', args),
    addTrailers: (...args) => handle(beneath, 'addTrailers', args),
  };
  if (!Object.hasOwn(response, 'addTrailers')) assignMethods(response, NO_METHODS);
  assignMethods(response, made);
  return { beneath, areOutermost: () => haveMethods(response, made) };
}

/**
 * A line for each, which the compiler makes one step of. Those that are new to a response are assigned twice: the engine
 * takes what never changed for a constant, and once Express has changed the prototype, each constant that middleware or we
 * change costs a copy of the response's hidden class (see `preallocateProperties`).
 */
function assignMethods(response: Methods, methods: Methods): void {
  response.writeHead = methods.writeHead;
  response.writeHeader = methods.writeHeader;
  response.write = methods.write;
  response.end = methods.end;
  response.flushHeaders = methods.flushHeaders;
  response.writeEarlyHints = methods.writeEarlyHints;
  response.addTrailers = methods.addTrailers;
}

function haveMethods(response: Methods, methods: Methods): boolean {
  return (
    response.end === methods.end &&
    response.write === methods.write &&
    response.writeHead === methods.writeHead &&
    response.writeHeader === methods.writeHeader &&
    response.flushHeaders === methods.flushHeaders &&
    response.writeEarlyHints === methods.writeEarlyHints &&
    response.addTrailers === methods.addTrailers
  );
}

/** No functions of ours: those of middleware are of other hidden classes, and a member is to be ready for any. */
const NO_METHODS = {
  writeHead: null,
  writeHeader: null,
  write: null,
  end: null,
  flushHeaders: null,
  writeEarlyHints: null,
  addTrailers: null,
} as unknown as Methods;

/** Takes over status and headers of a `writeHead`. */
export function keepHead(response: ServerResponse, [status, ...rest]: unknown[]): void {
  response.statusCode = status as number;
  const headers = rest.find((argument) => typeof argument === 'object' && argument !== null);
  for (const [name, value] of headerEntries(headers)) response.setHeader(name, value);
}

/** The headers of a `writeHead`: an object, a flat array of names and values, or pairs. A name may come several times. */
function headerEntries(headers: unknown): [string, OutgoingHttpHeader][] {
  if (!Array.isArray(headers)) return Object.entries((headers ?? {}) as OutgoingHttpHeaders).filter(isGiven);
  const isFlat = !Array.isArray(headers[0]);
  const values = new Map<string, OutgoingHttpHeader>();
  for (let index = 0; index < headers.length; index += isFlat ? 2 : 1) {
    const [name, value] = (isFlat ? headers.slice(index, index + 2) : headers[index]) as [string, OutgoingHttpHeader];
    const before = values.get(name.toLowerCase());
    values.set(name.toLowerCase(), before === undefined ? value : [before, value].flat().map(String));
  }
  return [...values].filter(isGiven);
}

function isGiven(entry: [string, OutgoingHttpHeader | undefined]): entry is [string, OutgoingHttpHeader] {
  return entry[1] !== undefined;
}

/** The chunk of a `write` or `end`. */
export function bytesOf([chunk, encoding]: unknown[]): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk !== 'string') return new Uint8Array(0);
  return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
}

/** The callback of a `write` or `end`, its last argument. */
export function callbackOf(args: unknown[]): ((...args: unknown[]) => void) | undefined {
  const callback = args.at(-1);
  return typeof callback === 'function' ? (callback as (...args: unknown[]) => void) : undefined;
}

/** A call that has no effect, and looks as if it had. */
export function withoutEffect(response: ServerResponse, name: ResponseMethod, args: unknown[]): unknown {
  const callback = name === 'write' || name === 'end' ? callbackOf(args) : undefined;
  if (callback) process.nextTick(callback);
  return name === 'write' ? true : response;
}

/** Whether the application wrote as many bytes as it said, where it said so. */
export function hasItsLength(response: ServerResponse, length: number): boolean {
  const said = response.getHeader('content-length');
  return said === undefined || Number(said) === length;
}

/** Lets the response claim that it is being sent, so that no further handler runs. */
export function pretend(response: ServerResponse, name: 'headersSent' | 'writableEnded'): void {
  Object.defineProperty(response, name, { value: true, configurable: true });
}

export function stopPretending(response: ServerResponse): void {
  for (const name of ['headersSent', 'writableEnded']) Reflect.deleteProperty(response, name);
}
