import type { Opened } from './reading.js';

/** What a response contains about its request. */
export interface TestRequest {
  readonly method: string;
  readonly url: string;
}

/** Superagent's error for a status of 400 and over. */
export interface TestHttpError extends Error {
  status: number;
  text: string;
  method: string;
  path: string;
}

/** The response to a sealed call, opened; in the shape of superagent's. */
export interface TestResponse {
  /** The true status, from the message. */
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
  /** What a parser made of it; else JSON and forms parsed, other types that are not text as a Buffer, or `{}`. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as superagent types it: a test knows what it reads
  readonly body: any;
  /** As far as it was read; empty where a parser read it and nothing is kept (`.pipe()`, `.buffer(false)`). */
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
  /** A header. Names are case-insensitive. */
  get(name: string): string | undefined;
  get(name: 'Set-Cookie'): string[] | undefined;
}

const JSON_TYPE = /[/+]json($|[^-\w.])/i;
/** Media types whose body is bytes. */
const BINARY_TYPE = /^(image|audio|video|font)\/|^application\/(octet-stream|pdf|zip|gzip|x-\w+|vnd\.[\w.-]+)$/;
/** How much of a body an error shows. */
const SHOWN = 2000;

export interface Received extends Opened {
  readonly request: TestRequest;
  /** Cookies that the call's own handshake set: to a test they are the call's. */
  readonly handshakeCookies: readonly string[];
}

export function readResponse(received: Received): TestResponse {
  const { response, bytes, request, parsed } = received;
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
    body: parsed ? parsed.body : readBody(type.toLowerCase(), text, bytes),
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
