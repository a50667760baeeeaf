import { Readable } from 'node:stream';

/** What a response tells of the request that it answers. */
export interface TestRequest {
  readonly method: string;
  readonly url: string;
}

/** What superagent makes of a status of 400 and over. */
export interface TestHttpError extends Error {
  status: number;
  text: string;
  method: string;
  path: string;
}

/** The response to a sealed call, opened; in the shape of superagent's. */
export interface TestResponse {
  /** The true status, out of the message. */
  readonly status: number;
  readonly statusCode: number;
  /** The status' first digit. */
  readonly statusType: number;
  readonly info: boolean;
  readonly ok: boolean;
  readonly redirect: boolean;
  readonly clientError: boolean;
  readonly serverError: boolean;
  readonly error: false | TestHttpError;
  readonly created: boolean;
  readonly accepted: boolean;
  readonly noContent: boolean;
  readonly badRequest: boolean;
  readonly unauthorized: boolean;
  readonly forbidden: boolean;
  readonly notFound: boolean;
  readonly notAcceptable: boolean;
  readonly unprocessableEntity: boolean;
  /** JSON and forms parsed, other types that are not text as a Buffer; else `{}`. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as superagent types it: a test knows what it reads
  readonly body: any;
  readonly text: string;
  readonly bytes: Uint8Array;
  /** By names in lower case; `set-cookie` is an array, which superagent's types do not say either. */
  readonly headers: Record<string, string>;
  readonly header: Record<string, string>;
  /** The media type without its parameters. */
  readonly type: string;
  readonly charset: string;
  /** The `Link` header, by `rel`. */
  readonly links: Record<string, string>;
  /** Where redirects led. */
  readonly redirects: string[];
  readonly request: TestRequest;
  /** A header, whatever the case of its name. */
  get(name: string): string | undefined;
  get(name: 'Set-Cookie'): string[] | undefined;
}

/** Superagent's custom parsers: one reads a stream, and calls back. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- superagent hands over a response that is a stream
export type Parser = (response: any, done: (error: Error | null, body: unknown) => void) => unknown;

const JSON_TYPE = /[/+]json($|[^-\w.])/i;
/** Media types whose body is bytes. */
const BINARY_TYPE = /^(image|audio|video|font)\/|^application\/(octet-stream|pdf|zip|gzip|x-\w+|vnd\.[\w.-]+)$/;
/** How much of a body an error shows. */
const SHOWN = 2000;

export interface Received {
  readonly response: Response;
  readonly bytes: Uint8Array;
  readonly request: TestRequest;
  /** Cookies that the call's own handshake set: to a test they are the call's. */
  readonly handshakeCookies: readonly string[];
  readonly parser?: Parser | undefined;
}

export async function readResponse(received: Received): Promise<TestResponse> {
  const { response, bytes, request, parser } = received;
  const { status } = response;
  const text = new TextDecoder().decode(bytes);
  const contentType = response.headers.get('content-type') ?? '';
  const type = contentType.split(';')[0]!.trim();
  const headers = headersOf(received);
  const is = (expected: number) => status === expected;
  return {
    ...classOf(status),
    error: status >= 400 ? errorOf(status, text, request) : false,
    created: is(201),
    accepted: is(202),
    noContent: is(204),
    badRequest: is(400),
    unauthorized: is(401),
    forbidden: is(403),
    notFound: is(404),
    notAcceptable: is(406),
    unprocessableEntity: is(422),
    body: parser ? await parse(parser, bytes, headers, status) : readBody(type.toLowerCase(), text, bytes),
    text,
    bytes,
    headers,
    header: headers,
    type,
    charset: /;\s*charset="?([^\s;"]+)/i.exec(contentType)?.[1] ?? '',
    links: linksOf(headers.link ?? ''),
    redirects: response.redirected ? [response.url] : [],
    request,
    get: ((name: string) => headers[name.toLowerCase()]) as TestResponse['get'],
  };
}

function classOf(status: number) {
  const statusType = Math.trunc(status / 100);
  const [info, ok, redirect, clientError, serverError] = [1, 2, 3, 4, 5].map((type) => type === statusType);
  return { status, statusCode: status, statusType, info, ok, redirect, clientError, serverError } as Pick<
    TestResponse,
    'status' | 'statusCode' | 'statusType' | 'info' | 'ok' | 'redirect' | 'clientError' | 'serverError'
  >;
}

function headersOf({ response, bytes, handshakeCookies }: Received): Record<string, string> {
  const headers = Object.fromEntries(response.headers);
  const own = response.headers.getSetCookie();
  const nameOf = (line: string) => line.split('=', 1)[0];
  const earlier = handshakeCookies.filter((line) => !own.some((each) => nameOf(each) === nameOf(line)));
  const cookies = [...earlier, ...own];
  // Superagent types what Node gives as an array as a string, too.
  if (cookies.length > 0) headers['set-cookie'] = cookies as unknown as string;
  // On the wire it is the message's.
  if (![204, 304].includes(response.status)) headers['content-length'] ??= String(bytes.length);
  return headers;
}

function readBody(type: string, text: string, bytes: Uint8Array): unknown {
  if (JSON_TYPE.test(type)) {
    try {
      return text === '' ? {} : JSON.parse(text);
    } catch {
      return {}; // The text is beside it, and in the error.
    }
  }
  if (type === 'application/x-www-form-urlencoded') return Object.fromEntries(new URLSearchParams(text));
  return BINARY_TYPE.test(type) ? Buffer.from(bytes) : {};
}

function parse(
  parser: Parser,
  bytes: Uint8Array,
  headers: Record<string, string>,
  statusCode: number,
): Promise<unknown> {
  const stream = Object.assign(Readable.from([Buffer.from(bytes)], { objectMode: false }), { headers, statusCode });
  return new Promise((resolve, reject) => parser(stream, (error, body) => (error ? reject(error) : resolve(body))));
}

/** The parser that gives the bytes themselves. */
export const readBuffer: Parser = (response: Readable, done) => {
  const chunks: Uint8Array[] = [];
  response.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  response.on('end', () => done(null, Buffer.concat(chunks)));
};

function errorOf(status: number, text: string, { method, url }: TestRequest): TestHttpError {
  const path = url.replace(/^\w+:\/\/[^/]*/, '');
  return Object.assign(new Error(`cannot ${method} ${path} (${status})`), { status, text, method, path });
}

function linksOf(header: string): Record<string, string> {
  return Object.fromEntries(
    [...header.matchAll(/<([^>]*)>[^,]*?;\s*rel="?([^",;]+)"?/g)].flatMap(([, url, rels]) =>
      rels!.split(/ +/).map((rel) => [rel, url!]),
    ),
  );
}

/** The opened response, for an error's message. */
export function showResponse(call: string, { status, type, text, bytes }: TestResponse): string {
  const isText = type === '' || type.startsWith('text/') || JSON_TYPE.test(type) || type.endsWith('urlencoded');
  const body = isText ? text.slice(0, SHOWN) + (text.length > SHOWN ? '…' : '') : `(${bytes.length} bytes)`;
  return `The opened response to ${call}:\n  ${status} ${type || '(no media type)'}\n  ${body || '(no body)'}`;
}
