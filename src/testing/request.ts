/** What a call says of its request, as it is put together. */
export interface Draft {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly query: URLSearchParams;
  body?: unknown;
}

/** A request, ready to be sent sealed or plain. */
export interface PreparedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly init: RequestInit & { readonly headers: Headers };
  /** What it says, for the search of the wire. */
  readonly says: { readonly body: unknown; readonly query: unknown };
}

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';

/** Short names of media types, as superagent has them. */
export const TYPES: Readonly<Record<string, string>> = {
  json: JSON_TYPE,
  form: FORM_TYPE,
  urlencoded: FORM_TYPE,
  text: 'text/plain',
  html: 'text/html',
  xml: 'application/xml',
};

export function prepare({ method, path, headers: given, query, body }: Draft): PreparedRequest {
  const [route = '', search = ''] = path.split('#')[0]!.split('?', 2);
  const whole = new URLSearchParams([...new URLSearchParams(search), ...query]);
  const headers = new Headers(given);
  const encoded = encode(body, headers);
  return {
    method,
    path: whole.size > 0 ? `${route}?${whole}` : route,
    init: { method, headers, redirect: 'manual', ...(encoded !== undefined && { body: encoded }) },
    says: { body: body instanceof Uint8Array ? undefined : body, query: Object.fromEntries(whole) },
  };
}

/** Adds to the query as superagent does: an object's members, each of a list's values, or a query string. */
export function addQuery(query: URLSearchParams, more: string | object): void {
  const pairs =
    typeof more === 'string' || more instanceof URLSearchParams
      ? [...new URLSearchParams(more)]
      : Object.entries(more).flatMap(([name, value]: [string, unknown]) =>
          (Array.isArray(value) ? (value as unknown[]) : [value]).map((each): [string, unknown] => [name, each]),
        );
  for (const [name, value] of pairs) {
    if (value !== undefined) query.append(name, `${value as string | number | boolean}`);
  }
}

/** The body as it goes out, its media type set where the test has not: objects as JSON, texts as a form (superagent). */
function encode(body: unknown, headers: Headers): BodyInit | undefined {
  if (body === undefined) return undefined;
  const byDefault = (type: string) => {
    if (!headers.has('content-type')) headers.set('content-type', type);
  };
  if (body instanceof URLSearchParams) return body;
  if (body instanceof Uint8Array || body instanceof ArrayBuffer || body instanceof Blob) {
    if (!(body instanceof Blob && body.type)) byDefault('application/octet-stream');
    return body as BodyInit;
  }
  if (typeof body === 'string') {
    byDefault(FORM_TYPE);
    return body;
  }
  if (headers.get('content-type')?.startsWith(FORM_TYPE) && typeof body === 'object' && body !== null) {
    const form = new URLSearchParams();
    addQuery(form, body);
    return form.toString();
  }
  byDefault(JSON_TYPE);
  return JSON.stringify(body);
}
