import { BadRequestException, type HttpServer } from '@nestjs/common';
import { isAscii } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { E2eProblem } from '../../protocol/problem.js';
import { collectBody } from '../request/body-collector.js';
import { essence, JSON_MEDIA_TYPE } from '../../protocol/media-type.js';
import { middlewareOf, type ExpressStack } from './express-stack.js';

type Parser = (request: object, response: object, next: (error?: unknown) => void) => void;

/** A request as body-parser and its options (`type`, `verify`) read and write it. */
interface ParsedRequest extends IncomingMessage {
  body?: unknown;
  rawBody?: unknown;
}

/** Nest's adapter for parsers. It is Nest's way to load body-parser, which may not be resolvable from here. */
interface ParserAdapter extends HttpServer {
  useBodyParser?: (this: object, type: string, rawBody: boolean, options?: object) => unknown;
  /** Nest 12. */
  mapException?(error: unknown): unknown;
}

/** body-parser's functions by their names, and what Nest calls them. */
const KINDS: Readonly<Record<string, string>> = {
  jsonParser: 'json',
  urlencodedParser: 'urlencoded',
  textParser: 'text',
  rawParser: 'raw',
};

/** Nest's own parsers, with no option that shows in what they make of a body; and whether they keep the raw body. */
const DEFAULTS = new WeakMap<Parser, boolean>();

/** Options without effect here: the limit of a sealed body is this module's, and it is never compressed. */
const UNSEEN_OPTIONS = ['limit', 'inflate'];

/** Finds out which parsers are Nest's own. Call it before the application initializes if possible. */
export function noteDefaultParsers(adapter: ParserAdapter): void {
  const app = adapter.getInstance() as ExpressStack;
  const noting = <T>(rawBody: boolean | undefined, register: () => T): T => {
    const before = parsersOf(app);
    const result = register();
    for (const parser of parsersOf(app)) if (!before.includes(parser)) DEFAULTS.set(parser, rawBody === true);
    return result;
  };
  const registerDefaults = adapter.registerParserMiddleware.bind(adapter);
  adapter.registerParserMiddleware = (prefix?: string, rawBody?: boolean) =>
    noting(rawBody, () => registerDefaults(prefix, rawBody) as unknown);
  const { useBodyParser } = adapter;
  adapter.useBodyParser &&= function (type, rawBody, options = {}) {
    const register = () => useBodyParser?.call(this, type, rawBody, options);
    const isDefault = Object.keys(options).every((name) => UNSEEN_OPTIONS.includes(name));
    return isDefault ? noting(rawBody, register) : register();
  };
}

/**
 * Gives a sealed request's body to the parsers that the application has for plain ones, in their order and with their
 * options. Two things differ: the limit is that of this module, and JSON for Nest's own parser is parsed right here,
 * which takes a fifth of the time; a body that does not parse still goes to the parser, for its error.
 */
export class ExpressParsers {
  readonly #app: ExpressStack;
  #parsers: readonly Parser[] | undefined;

  constructor(
    private readonly adapter: ParserAdapter,
    private readonly maxBodySize: number,
  ) {
    this.#app = adapter.getInstance() as ExpressStack;
  }

  /** @throws Nest's exception for the parser's error. */
  async parse(request: ParsedRequest, response: ServerResponse, body: Buffer): Promise<void> {
    this.#parsers ??= parsersOf(this.#app);
    if (parseByDefault(this.#parsers[0], request, body)) {
      // Read to its end, as the parser would have done: `end` is emitted in the next tick.
      request.read();
      await new Promise<void>((resolve) => process.nextTick(resolve));
      return;
    }
    const parser = this.#parsers.find((each) => takes(each, request));
    const isOpen = !request.readableEnded;
    if (isOpen) request.unshift(body);
    // Behind a parent's parser the request itself can no longer be read.
    else if ('rawBody' in request) request.rawBody = body;
    try {
      if (!parser) await this.#parseWithoutParsers(request, response, body);
      else if (isOpen) await run(parser, request, response);
      else await runApart(parser, request, response, body);
    } catch (error) {
      if (!parser || !isTooLarge(error)) throw this.#mapped(error);
      await this.#parseAnyLength(parser, request, response, body);
    }
  }

  /** Collects a streamed body if a parser accepts its type. Other bodies stay streams. */
  async parseStream(request: ParsedRequest, response: ServerResponse): Promise<void> {
    this.#parsers ??= parsersOf(this.#app);
    if (!this.#parsers.some((each) => takes(each, request))) return;
    const body = await collectBody(request, this.maxBodySize);
    if (body instanceof E2eProblem) throw body;
    await this.parse(request, response, body);
  }

  /**
   * An application without any parser: a parser on a route cannot read a message, so JSON and forms are parsed here. The
   * request stays readable.
   */
  async #parseWithoutParsers(request: ParsedRequest, response: ServerResponse, body: Buffer): Promise<void> {
    if (this.#parsers?.length !== 0) return;
    for (const kind of ['json', 'urlencoded']) {
      const parser = this.#makeParser(kind, false, {});
      if (takes(parser, request)) await runApart(parser, request, response, body);
    }
  }

  /** For bodies over the parser's own limit but within the module's. */
  async #parseAnyLength(parser: Parser, request: ParsedRequest, response: ServerResponse, body: Buffer): Promise<void> {
    const kind = KINDS[parser.name]!;
    const keepsRaw = DEFAULTS.get(parser) ?? (await keepsRawBody(parser, request, response));
    try {
      await runApart(this.#makeParser(kind, keepsRaw, { type: () => true }), request, response, body);
    } catch (error) {
      throw this.#mapped(error);
    }
  }

  #makeParser(kind: string, keepsRaw: boolean, options: object): Parser {
    let made: Parser | undefined;
    const stack = { use: (parser: Parser) => void (made = parser) };
    const extended = kind === 'urlencoded' ? { extended: true } : {};
    this.adapter.useBodyParser?.call(stack, kind, keepsRaw, { limit: this.maxBodySize, ...extended, ...options });
    if (!made) throw new Error("E2eModule: Nest's Express adapter has no useBodyParser(). Is it of Nest 11 or 12?");
    return made;
  }

  #mapped(error: unknown): unknown {
    if (this.adapter.mapException) return this.adapter.mapException(error);
    return error instanceof SyntaxError ? new BadRequestException(error.message) : error;
  }
}

function parsersOf(app: ExpressStack): Parser[] {
  return middlewareOf(app).filter(
    (handle): handle is Parser => typeof handle === 'function' && Object.hasOwn(KINDS, handle.name),
  );
}

/** The fast path. Anything but an object or an array in JSON is left to the parser, and its error. */
function parseByDefault(first: Parser | undefined, request: ParsedRequest, body: Buffer): boolean {
  const keepsRaw = first?.name === 'jsonParser' ? DEFAULTS.get(first) : undefined;
  if (keepsRaw === undefined || essence(request.headers['content-type'] ?? '') !== JSON_MEDIA_TYPE) return false;
  const value = parseJson(body);
  if (value === undefined) return false;
  request.body = value;
  if (keepsRaw) request.rawBody = body;
  return true;
}

function parseJson(body: Buffer): object | undefined {
  const hasMark = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
  try {
    // ASCII needs no decoding: a fifth of the time.
    const value: unknown = JSON.parse(isAscii(body) ? body.toString('latin1') : body.toString('utf8', hasMark ? 3 : 0));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function run(parser: Parser, request: object, response: object): Promise<void> {
  return new Promise((resolve, reject) => {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- passed on as it is
    parser(request, response, (error) => (error === undefined ? resolve() : reject(error)));
  });
}

/** Parses a stand-in for the request that delivers these bytes, because the request's own may have been read. */
async function runApart(parser: Parser, request: ParsedRequest, response: object, body: Buffer): Promise<void> {
  const standIn = likeness(request);
  standIn.push(body);
  standIn.push(null);
  await run(parser, standIn, response);
  request.body = standIn.body;
  if (standIn.rawBody !== undefined) request.rawBody = standIn.rawBody;
}

/** Whether a parser takes bodies of the request's type: it then listens for one, or refuses it at once. */
function takes(parser: Parser, request: IncomingMessage): boolean {
  const standIn = likeness(request);
  let isPassedOn = false;
  parser(standIn, {}, (error) => (isPassedOn = error === undefined));
  return !isPassedOn;
}

/** Whether a parser of the application's own keeps the raw body. */
async function keepsRawBody(parser: Parser, request: IncomingMessage, response: object): Promise<boolean> {
  const body = Buffer.from('{}');
  const standIn = likeness(request);
  standIn.headers['content-length'] = String(body.length);
  standIn.push(body);
  standIn.push(null);
  await run(parser, standIn, response).catch(() => undefined);
  return standIn.rawBody !== undefined;
}

type StandIn = Readable & { headers: Record<string, unknown>; body?: unknown; rawBody?: unknown };

function likeness({
  headers,
  rawHeaders,
  method,
  url,
  originalUrl,
}: ParsedRequest & { originalUrl?: string }): StandIn {
  const stream = new Readable({ read: () => undefined });
  return Object.assign(stream, { headers: { ...headers }, rawHeaders, method, url, originalUrl });
}

function isTooLarge(error: unknown): boolean {
  return (error as { type?: unknown } | null)?.type === 'entity.too.large';
}
