import { expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { onEachPlatform } from '../e2e/support/apps.js';
import { SESSION_COOKIE, TRANSPORT, usePair, type Fetch } from './support/compare.js';
import { endless, EndlessController, ShapeController, SHAPES } from './support/shapes.js';

/** The bytes, or of long ones as much as tells them apart. */
const hex = (bytes: ArrayBuffer | Uint8Array | string): string => {
  const buffer = Buffer.from(bytes as Uint8Array);
  return buffer.length < 1000
    ? buffer.toString('hex')
    : `${buffer.length} bytes, ${createHash('sha256').update(buffer).digest('hex')}`;
};

async function readAll(body: ReadableStream<Uint8Array> | null): Promise<unknown> {
  if (!body) return body;
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return { kinds: [...new Set(chunks.map((each) => each.constructor.name))], hex: hex(Buffer.concat(chunks)) };
}

async function entries(form: FormData): Promise<unknown> {
  const values = [...form].map(async ([name, value]) =>
    typeof value === 'string'
      ? [name, value]
      : [name, { name: value.name, type: value.type, text: await value.text(), is: value instanceof File }],
  );
  return Promise.all(values);
}

const outcome = async (make: () => unknown): Promise<unknown> => {
  try {
    const came = await make();
    return { came: came instanceof Response ? 'a Response' : came };
  } catch (error) {
    const { name, message } = error as Error;
    return error === REASON ? { thrown: message } : { thrown: name };
  }
};

/** What every response is asked. */
const READINGS: Record<string, (response: Response) => unknown> = {
  text: (response) => response.text(),
  json: (response) => response.json(),
  formData: async (response) => entries(await response.formData()),
  blob: async (response) => {
    const blob = await response.blob();
    return { type: blob.type, size: blob.size, hex: hex(await blob.arrayBuffer()), is: blob instanceof Blob };
  },
};

/** What is not as it is plain, as docs/client.md lists it. */
const DIFFERS: Record<string, object> = {
  'no media type': {
    fields: { 'content-length': '5', 'content-type': 'application/octet-stream' },
    read: {
      text: { came: 'hello' },
      json: { thrown: 'SyntaxError' },
      formData: { thrown: 'TypeError' },
      blob: { came: { type: 'application/octet-stream', size: 5, hex: hex('hello'), is: true } },
    },
  },
  empty: {
    fields: { 'content-length': '0' },
    read: {
      text: { came: '' },
      json: { thrown: 'SyntaxError' },
      formData: { thrown: 'TypeError' },
      blob: { came: { type: '', size: 0, hex: '', is: true } },
    },
  },
  'no content': { statusText: '' },
  'reset content': { statusText: '', fields: {} },
  'not modified': { statusText: '' },
  'a redirect without a location': { statusText: '' },
};

/** What code does to a body, whatever is in it. */
const PROBES: Record<string, (response: Response) => unknown> = {
  arrayBuffer: async (response) => {
    const buffer = await response.arrayBuffer();
    return { is: buffer instanceof ArrayBuffer, hex: hex(new Uint8Array(buffer)) };
  },
  bytes: async (response) => (typeof response.bytes === 'function' ? hex(await response.bytes()) : 'none'),
  'by for await': (response) => readAll(response.body),
  'by a reader': async (response) => {
    const reader = response.body?.getReader();
    if (!reader) return 'none';
    const chunks: Uint8Array[] = [];
    for (let read = await reader.read(); !read.done; read = await reader.read()) chunks.push(read.value);
    await reader.closed;
    return [hex(Buffer.concat(chunks)), await reader.read(), response.bodyUsed, await outcome(() => response.text())];
  },
  'by a reader with its own buffers': async (response) => {
    const reader = response.body?.getReader({ mode: 'byob' });
    if (!reader) return 'none';
    const chunks: Uint8Array[] = [];
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(10_000));
      if (value) chunks.push(value.slice());
      if (done) return [hex(Buffer.concat(chunks)), value?.constructor.name];
    }
  },
  tee: async (response) => (response.body ? Promise.all(response.body.tee().map(readAll)) : 'none'),
  clone: async (response) => {
    const clone = response.clone();
    return {
      facts: [clone.url === response.url, clone.status, clone.type, clone.redirected, clone instanceof Response],
      texts: (await Promise.all([clone.text(), response.text()])).map(hex),
      used: await outcome(() => clone.clone()),
    };
  },
  'clone of a clone': async (response) => {
    const clone = response.clone().clone();
    return [clone.url === response.url, clone.type, hex(await clone.text())];
  },
  'clone after reading': async (response) => {
    await response.text();
    return outcome(() => response.clone());
  },
  'read twice': async (response) => [
    hex(await response.text()),
    await outcome(() => response.text()),
    response.bodyUsed,
  ],
  'read while locked': async (response) => {
    response.body?.getReader();
    return [await outcome(() => response.text()), await outcome(() => response.clone()), response.bodyUsed];
  },
  'bodyUsed at once': async (response) => {
    const text = response.text();
    return [response.bodyUsed, hex(await text), response.bodyUsed];
  },
  cancel: async (response) => [
    await outcome(() => response.body?.cancel('reason')),
    response.bodyUsed,
    await outcome(() => response.text()),
  ],
  'cancel by a reader': async (response) => {
    const reader = response.body?.getReader();
    await reader?.read();
    return [await outcome(() => reader?.cancel()), await outcome(() => reader?.read()), response.bodyUsed];
  },
  'leave for await': async (response) => {
    if (!response.body) return 'none';
    const iterator = response.body[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.return!();
    return [response.bodyUsed, response.body.locked, await outcome(() => response.text())];
  },
  pipeTo: async (response) => {
    const chunks: Uint8Array[] = [];
    await response.body?.pipeTo(new WritableStream<Uint8Array>({ write: (chunk) => void chunks.push(chunk) }));
    return [hex(Buffer.concat(chunks)), response.bodyUsed];
  },
  pipeThrough: async (response) => {
    let text = '';
    if (!response.body) return 'none';
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) text += piece;
    return hex(text);
  },
  'a new Response of it': async (response) => {
    const copy = new Response(response.body, response);
    return [copy.status, copy.headers.get('content-type'), hex(await copy.text()), response.bodyUsed];
  },
  structuredClone: (response) => outcome(() => Object.prototype.toString.call(structuredClone(response))),
};

const REASON = new Error('the caller left');

/** The ways in which a call is left: what the caller gets. */
const LEAVING: Record<string, (fetch: Fetch) => Promise<unknown>> = {
  'before it': (fetch) => outcome(() => fetch('/shapes/json', { signal: AbortSignal.abort() })),
  'before it, with a reason': (fetch) => outcome(() => fetch('/shapes/json', { signal: AbortSignal.abort(REASON) })),
  'by the signal of a Request': (fetch) =>
    outcome(() => fetch(new Request(`${fetch.base}/shapes/json`, { signal: AbortSignal.abort() }))),
  'at once': (fetch) => {
    const leaving = new AbortController();
    const left = outcome(() => fetch('/shapes/json', { signal: leaving.signal }));
    leaving.abort();
    return left;
  },
  'before its head': async (fetch) => {
    const leaving = new AbortController();
    const started = once(endless, 'begun');
    const left = outcome(() => fetch('/endless/nothing', { signal: leaving.signal }));
    await started;
    leaving.abort(REASON);
    return left;
  },
  'by a time limit, before its head': (fetch) =>
    outcome(() => fetch('/endless/nothing', { signal: AbortSignal.timeout(300) })),
  'by a time limit, before its body': (fetch) =>
    outcome(async () => (await fetch('/endless/head', { signal: AbortSignal.timeout(300) })).text()),
  'by a time limit, in its body': (fetch) =>
    outcome(async () => (await fetch('/endless/body', { signal: AbortSignal.timeout(300) })).text()),
  'after its head': async (fetch) => {
    const leaving = new AbortController();
    const response = await fetch('/endless/head', { signal: leaving.signal });
    leaving.abort();
    return outcome(() => response.text());
  },
  'after its head, with a short body': async (fetch) => {
    const leaving = new AbortController();
    const response = await fetch('/shapes/json', { signal: leaving.signal });
    leaving.abort();
    return outcome(() => response.text());
  },
  'while its body is read': async (fetch) => {
    const leaving = new AbortController();
    const response = await fetch('/endless/body', { signal: leaving.signal });
    const left = outcome(() => response.text());
    leaving.abort(REASON);
    return left;
  },
  'in its body, between two reads': async (fetch) => {
    const leaving = new AbortController();
    const response = await fetch('/endless/body', { signal: leaving.signal });
    const reader = response.body!.getReader();
    const { value } = await reader.read();
    leaving.abort(REASON);
    return [hex(value!), await outcome(() => reader.read()), await outcome(() => reader.closed)];
  },
  'in its body, during a read': async (fetch) => {
    const leaving = new AbortController();
    const response = await fetch('/endless/body', { signal: leaving.signal });
    const reader = response.body!.getReader();
    await reader.read();
    const left = outcome(() => reader.read());
    leaving.abort();
    return left;
  },
  'in for await': async (fetch) => {
    const leaving = new AbortController();
    const response = await fetch('/endless/body', { signal: leaving.signal });
    return outcome(async () => {
      for await (const chunk of response.body!) {
        expect(hex(chunk)).toBe(hex('begun'));
        leaving.abort();
      }
    });
  },
  'with a clone': async (fetch) => {
    const leaving = new AbortController();
    const response = await fetch('/endless/body', { signal: leaving.signal });
    const reads = [response.clone(), response].map((each) => outcome(() => each.text()));
    leaving.abort(REASON);
    return Promise.all(reads);
  },
  'during pipeTo': async (fetch) => {
    const leaving = new AbortController();
    const response = await fetch('/endless/body', { signal: leaving.signal });
    const aborted: unknown[] = [];
    const sink = new WritableStream<Uint8Array>({
      abort: (reason: Error) => void aborted.push(reason.name),
      write: () => leaving.abort(),
    });
    return [await outcome(() => response.body!.pipeTo(sink)), aborted];
  },
  'when it is over': async (fetch) => {
    const leaving = new AbortController();
    const response = await fetch('/shapes/a%20long%20body', { signal: leaving.signal });
    const text = await response.text();
    leaving.abort();
    return hex(text);
  },
};

/** What `url` says is of the server that was called, and what only carries an answer may differ. */
function factsOf(response: Response, base: string): object {
  const { status, ok, redirected, type, bodyUsed, headers } = response;
  return {
    facts: { status, ok, redirected, type, bodyUsed, url: response.url.replace(base, '') },
    kinds: [response, response.body, headers].map((each) => Object.prototype.toString.call(each)),
    is: [response instanceof Response, headers instanceof Headers, Object.keys(response)],
    fields: Object.fromEntries([...headers].filter(([name]) => !CARRYING.includes(name))),
    cookies: headers.getSetCookie().filter((cookie) => !SESSION_COOKIE.test(cookie)),
  };
}
const CARRYING = [...TRANSPORT.filter((name) => !['content-type', 'content-length'].includes(name)), 'x-powered-by'];

async function probe(call: () => Promise<Response>, probes: typeof PROBES): Promise<Record<string, unknown>> {
  const seen = Object.entries(probes).map(async ([name, look]) => [
    name,
    await outcome(async () => look(await call())),
  ]);
  return Object.fromEntries((await Promise.all(seen)) as [string, unknown][]);
}

/** By what a body is made of, as far as the client is concerned: none, one message, frames, frames of a known length. */
const KINDS = ['no content', 'json', 'a long body', 'a body in pieces', 'an error in pieces', 'a redirect'];

onEachPlatform('A response of the client', (platform) => {
  const pair = usePair(platform, { controllers: [ShapeController, EndlessController] });
  const both = async <Seen>(see: (fetch: Fetch) => Promise<Seen>) => {
    const { plain, sealed } = pair().fetches;
    return { plain: await see(plain), sealed: await see(sealed) };
  };

  it.each(Object.keys(SHAPES))('says and holds what that of fetch does: %s', async (name) => {
    const path = `/shapes/${encodeURIComponent(name)}`;
    const { plain, sealed } = await both(async (fetch) => ({
      ...factsOf(await fetch(path), fetch.base),
      statusText: (await fetch(path)).statusText,
      read: await probe(() => fetch(path), READINGS),
    }));
    expect(sealed).toEqual({ ...plain, ...(name in DIFFERS ? DIFFERS[name] : {}) });
  });

  // Nothing of that depends on the platform.
  if (platform === 'express') {
    it.each(KINDS)('is read in every way that one of fetch is: %s', async (name) => {
      const path = `/shapes/${encodeURIComponent(name)}`;
      const { plain, sealed } = await both((fetch) => probe(() => fetch(path), PROBES));
      expect(sealed).toEqual(plain);
    });

    it.each(Object.keys(LEAVING))('is left as one of fetch is: %s', async (name) => {
      const { plain, sealed } = await both((fetch) => LEAVING[name]!(fetch));
      expect(sealed).toEqual(plain);
    });
  }
});
