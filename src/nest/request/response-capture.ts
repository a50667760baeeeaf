import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { HeaderField } from '../../protocol/meta.js';
import { endWithin } from './deadline.js';

/** An answer as the application means it. */
export interface PlainAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  /** Header fields that travel inside. */
  readonly headers: readonly HeaderField[];
  readonly body: Uint8Array;
  /** The application began to stream: there is no whole body to take. */
  readonly streamed: boolean;
}

/** An answer as it leaves. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Uint8Array | string;
}

/** What describes the plain body, and so must not stand beside the sealed one. */
const BODY_HEADERS: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'content-encoding',
  'content-range',
  'accept-ranges',
  'transfer-encoding',
  'trailer',
  'etag',
  'last-modified',
  'expires',
]);

type EndArguments = [chunk?: unknown, encoding?: unknown, callback?: unknown];

/** The ways in which a response leaves. */
type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders' | 'writeEarlyHints';

/** What becomes of what the application writes: it is held back, or goes on as it is, or is dropped after the answer. */
type Phase = 'holding' | 'passing' | 'dropping';

/**
 * Takes over a response at the last place before the socket. Until the application ends it nothing leaves: what it
 * writes is held back, and when it is whole, `transform` decides what leaves instead. So it makes no difference who
 * answers: a handler, `@Res()`, a guard, a filter, the platform itself.
 */
export class ResponseCapture {
  readonly #original: Pick<ServerResponse, Method>;
  #phase: Phase = 'holding';
  #released = false;

  constructor(
    private readonly response: ServerResponse,
    private readonly transform: (answer: PlainAnswer) => WireAnswer,
    /** Names of header fields that travel inside, in lower case. */
    private readonly sealedHeaders: readonly string[],
    /** Milliseconds that a session's save may hold the end of the response back. */
    private readonly timeout: number,
  ) {
    // eslint-disable-next-line @typescript-eslint/unbound-method -- taken off to be called on the same object
    const { writeHead, write, end, flushHeaders, writeEarlyHints } = response;
    this.#original = { writeHead, write, end, flushHeaders, writeEarlyHints };
    // Put there once and for all: each change of a response's members costs more than a kilobyte's encryption.
    response.writeHead = (...args: unknown[]) => this.#writeHead(args);
    response.write = ((...args: unknown[]) => this.#write(args)) as ServerResponse['write'];
    response.end = ((...args: unknown[]) => this.#end(args)) as ServerResponse['end'];
    response.flushHeaders = () => this.#ifPassing('flushHeaders', []);
    response.writeEarlyHints = (...args: unknown[]) => this.#ifPassing('writeEarlyHints', args);
    // Express hashes each body for an ETag unless there is one; this one is taken off again.
    response.setHeader('ETag', '"sealed"');
  }

  get finished(): boolean {
    return this.#phase !== 'holding';
  }

  /** Whether it lets the response go as the application writes it. */
  get released(): boolean {
    return this.#released;
  }

  /** Lets the response go: what the application writes from here on leaves as it is. */
  release(): void {
    this.#released = true;
    this.#phase = 'passing';
    this.response.removeHeader('ETag');
  }

  #ifPassing(name: 'flushHeaders' | 'writeEarlyHints', args: unknown[]): void {
    if (this.#phase === 'passing') this.#call(name, args);
  }

  #call(name: Method, args: unknown[]): unknown {
    return (this.#original[name] as (...args: unknown[]) => unknown).apply(this.response, args);
  }

  /** Node itself calls it, when the answer leaves. */
  #writeHead(args: unknown[]): ServerResponse {
    if (this.#phase !== 'holding') return this.#call('writeHead', args) as ServerResponse;
    const [status, ...rest] = args;
    const headers = rest.find((argument) => typeof argument === 'object' && argument !== null);
    this.response.statusCode = status as number;
    for (const [name, value] of headerEntries(headers)) if (value !== undefined) this.response.setHeader(name, value);
    return this.response;
  }

  /** A first write means that the body comes in pieces, of which none may leave: neither this one nor those after it. */
  #write(args: unknown[]): boolean {
    if (this.#phase === 'passing') return this.#call('write', args) as boolean;
    if (this.#phase === 'holding') this.#finish(new Uint8Array(0), true);
    callLast(args);
    return true;
  }

  #end(args: unknown[]): ServerResponse {
    if (this.#phase === 'passing') return this.#call('end', args) as ServerResponse;
    const [chunk, encoding] = args as EndArguments;
    if (this.#phase === 'holding') this.#finish(toBytes(chunk, encoding), false);
    callLast(args);
    return this.response;
  }

  #finish(body: Uint8Array, streamed: boolean): void {
    const { response } = this;
    const headers = response.getHeaders();
    const wire = this.transform({
      status: response.statusCode,
      contentType: headerText(headers['content-type']),
      contentEncoding: headerText(headers['content-encoding']),
      headers: this.sealedHeaders.flatMap((name) => fieldOf(name, headers[name])),
      body,
      streamed,
    });
    for (const name in headers) {
      if (BODY_HEADERS.has(name) || this.sealedHeaders.includes(name)) response.removeHeader(name);
    }
    response.statusCode = wire.status;
    if (response.statusMessage) response.statusMessage = '';
    for (const name in wire.headers) response.setHeader(name, wire.headers[name]!);
    response.setHeader('Content-Length', Buffer.byteLength(wire.body));
    this.#phase = 'passing';
    this.#call('end', [wire.body]);
    // A session's save may hold back the end of it: until then the application could still write, in the clear.
    this.#phase = 'dropping';
    endWithin(this.timeout, response);
  }
}

/** A field as it travels inside: several of one name are one value (RFC 9110 §5.3). */
function fieldOf(name: string, value: OutgoingHttpHeader | undefined): HeaderField[] {
  if (value === undefined) return [];
  return [[name, (Array.isArray(value) ? value.join(', ') : String(value)).trim()]];
}

function headerText(value: OutgoingHttpHeader | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

/** The headers of a `writeHead`: an object, a flat array of names and values, or an array of pairs. */
function headerEntries(headers: unknown): [string, OutgoingHttpHeader | undefined][] {
  if (!Array.isArray(headers)) return Object.entries((headers ?? {}) as OutgoingHttpHeaders);
  if (Array.isArray(headers[0])) return headers as [string, OutgoingHttpHeader][];
  const flat = headers as OutgoingHttpHeader[];
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[String(name), flat[index + 1]]] : []));
}

function toBytes(chunk: unknown, encoding: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk !== 'string') return new Uint8Array(0);
  return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
}

/** Node's `write` and `end` take a callback as their last argument; it is called once nothing is owed any more. */
function callLast(args: unknown[]): void {
  const callback = args.at(-1);
  if (typeof callback === 'function') process.nextTick(callback);
}
