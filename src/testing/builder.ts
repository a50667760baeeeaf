import { mediaTypeOf } from './media-types.js';
import { filePart, type MultipartValue, type Part, type PartOptions } from './multipart.js';
import type { Draft } from './request.js';
import type { TestRequest } from './response.js';

/** A header's value; an array for a field that may be there several times. */
type HeaderValue = string | readonly string[] | undefined;
type FieldValue = MultipartValue | readonly MultipartValue[];

/** What a call says of its request: headers, query and body, by superagent's methods. */
export abstract class RequestBuilder implements TestRequest {
  readonly #draft: Draft;

  constructor(draft: Draft) {
    this.#draft = draft;
  }

  get method(): string {
    return this.#draft.method;
  }

  get url(): string {
    return this.#draft.path;
  }

  /** A header, or several as an object. Headers travel in the clear. `Cookie` takes an array, too. */
  set(field: 'Cookie', value: readonly string[]): this;
  set(fields: Readonly<Record<string, HeaderValue>>): this;
  set(field: string, value: string): this;
  set(field: string | Readonly<Record<string, HeaderValue>>, value?: HeaderValue): this {
    const { headers } = this.#draft;
    for (const [name, its] of typeof field === 'string' ? [[field, value] as const] : Object.entries(field)) {
      if (its === undefined) continue;
      headers.set(name, typeof its === 'object' ? its.join(name.toLowerCase() === 'cookie' ? '; ' : ', ') : its);
    }
    return this;
  }

  unset(field: string): this {
    this.#draft.headers.delete(field);
    return this;
  }

  /** A header of the request, as it is set so far. */
  get(field: string): string {
    return this.#draft.headers.get(field)!;
  }

  getHeader(field: string): string {
    return this.get(field);
  }

  /** The body's media type: `json`, `form`, `text`, `png`, …, or in full. */
  type(type: string): this {
    return this.set('content-type', mediaTypeOf(type));
  }

  /** The media type that the response should have. */
  accept(type: string): this {
    return this.set('accept', mediaTypeOf(type));
  }

  /** `auth(user, password)`, or `auth(token, { type: 'bearer' })`. */
  auth(token: string, options: { readonly type: 'bearer' }): this;
  auth(user: string, password?: string, options?: { readonly type: 'basic' | 'auto' }): this;
  auth(user: string, password: string | { readonly type: string } = ''): this {
    if (typeof password === 'object' && password.type === 'bearer') return this.bearer(user);
    const pair = `${user}:${typeof password === 'string' ? password : ''}`;
    return this.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
  }

  bearer(token: string): this {
    return this.set('authorization', `Bearer ${token}`);
  }

  /** Adds to the query: an object or a query string. It travels sealed. */
  query(more: string | object): this {
    const draft = this.#draft;
    if (typeof more === 'string' || more instanceof URLSearchParams) draft.query.push(String(more));
    else Object.assign(draft.queryMembers, more);
    return this;
  }

  /** The body: an object goes as JSON, a string as a form unless `type` says otherwise, bytes as they are. */
  send(data?: string | object): this {
    const draft = this.#draft;
    if (draft.parts.length > 0) throw new Error('A call has one body: use .send(), or .field() and .attach().');
    if (typeof data === 'string') draft.body = this.#appended(data);
    else if (data !== undefined && !isMembers(data)) draft.body = data;
    else if (data !== undefined) {
      const before = isMembers(draft.body) ? draft.body : undefined;
      draft.body = Array.isArray(data)
        ? [...asArray(data), ...asArray(before).slice(data.length)]
        : { ...before, ...data };
      // As superagent decides it: when the body is given, and not when it is sent.
      if (!draft.headers.has('content-type')) this.type('json');
    }
    return this;
  }

  /** Fields of a `multipart/form-data` body. */
  field(fields: Readonly<Record<string, FieldValue>>): this;
  field(name: string, value: FieldValue, options?: string | PartOptions): this;
  field(
    name: string | Readonly<Record<string, FieldValue>>,
    value?: FieldValue,
    options: string | PartOptions = {},
  ): this {
    const given = typeof options === 'string' ? { filename: options } : options;
    for (const [each, values] of typeof name === 'string' ? [[name, value] as const] : Object.entries(name)) {
      for (const one of Array.isArray(values) ? (values as MultipartValue[]) : [values as MultipartValue]) {
        if ((one as unknown) == null) throw new Error(`.field('${each}') needs a value.`);
        this.#parts.push({ name: each, value: one, options: given });
      }
    }
    return this;
  }

  /** A file of a `multipart/form-data` body: bytes, a stream, or its path. */
  attach(field: string, file: MultipartValue, options?: string | PartOptions): this {
    if (file) this.#parts.push(filePart(field, file, options));
    return this;
  }

  /** Writes the body from what `send` was given, in place of JSON or a form. */
  serialize(serializer: (data: never) => string): this {
    this.#draft.serialize = serializer;
    return this;
  }

  get #parts(): Part[] {
    const draft = this.#draft;
    if (draft.body !== undefined) throw new Error('A call has one body: use .send(), or .field() and .attach().');
    return draft.parts;
  }

  #appended(data: string): string {
    const { body, headers } = this.#draft;
    if (!headers.has('content-type')) this.type('form');
    if (typeof body !== 'string') return data;
    return headers.get('content-type') === mediaTypeOf('form') ? `${body}&${data}` : body + data;
  }
}

/** Whether it is an object or array to be serialized, rather than bytes or a form. */
function isMembers(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return !HOSTS.some((host) => value instanceof host);
}

const HOSTS = [Uint8Array, ArrayBuffer, Blob, URLSearchParams];

function asArray(value: object | undefined): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}
