import { FORM_TYPE, OCTETS_TYPE } from './media-types.js';
import { encodeMultipart, type Part } from './multipart.js';
import { toQuery } from './query.js';

/** What a call says of its request, as it is put together. */
export interface Draft {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  /** Query strings, in the order in which they were given. */
  readonly query: string[];
  /** Members of the query that were given as objects: they come last. */
  readonly queryMembers: Record<string, unknown>;
  readonly parts: Part[];
  serialize?: (body: never) => string;
  body?: unknown;
}

/** A request, ready to be sent sealed or plain. */
export interface PreparedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly init: Omit<RequestInit, 'headers' | 'body'> & { readonly headers: Headers; readonly body?: Uint8Array };
}

const JSON_TYPE = 'application/json';

export async function prepare(draft: Draft): Promise<PreparedRequest> {
  const { method, path, query, queryMembers } = draft;
  const [route = '', ...search] = path.split('#')[0]!.split('?');
  const whole = [search.join('?'), ...query, toQuery(queryMembers)].filter((each) => each !== '').join('&');
  const headers = new Headers(draft.headers);
  const body = await encode(draft, headers);
  return {
    method,
    path: whole ? `${route}?${whole}` : route,
    init: { method, headers, redirect: 'manual', ...(body && { body }) },
  };
}

export function newDraft(method: string, path: string): Draft {
  return { method, path, headers: new Headers(), query: [], queryMembers: {}, parts: [] };
}

/** The body's media type, where the test has not set it, is superagent's: JSON for objects, a form for strings. */
async function encode({ body, parts, serialize }: Draft, headers: Headers): Promise<Uint8Array | undefined> {
  if (parts.length > 0) {
    const multipart = await encodeMultipart(parts);
    headers.set('content-type', multipart.type);
    return multipart.body;
  }
  if (body === undefined) return undefined;
  const byDefault = (type: string) => {
    if (!headers.has('content-type')) headers.set('content-type', type);
  };
  if (body instanceof URLSearchParams) {
    byDefault(FORM_TYPE);
    return Buffer.from(body.toString());
  }
  if (body instanceof Uint8Array) {
    byDefault(OCTETS_TYPE);
    return body;
  }
  if (body instanceof ArrayBuffer || body instanceof Blob) {
    byDefault((body instanceof Blob && body.type) || OCTETS_TYPE);
    return new Uint8Array(body instanceof Blob ? await body.arrayBuffer() : body);
  }
  if (typeof body === 'string') {
    byDefault(FORM_TYPE);
    return Buffer.from(body);
  }
  const isForm = headers.get('content-type')?.split(';')[0]!.trim().toLowerCase() === FORM_TYPE;
  if (!isForm) byDefault(JSON_TYPE);
  const write = serialize ?? (isForm ? toQuery : JSON.stringify);
  const text = write(body) as string | undefined;
  return text === undefined ? undefined : Buffer.from(text);
}
