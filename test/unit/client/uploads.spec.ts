import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createE2eClient, type E2eClientOptions, type E2eRequestInit } from '../../../src/client/index.js';
import { until } from '../../support/clock.js';
import type { Arrival, Interfere } from './support/counterpart.js';
import { problem } from './support/counterpart.js';
import { errorOf, useCounterpart } from './support/harness.js';

const setup = useCounterpart();
const LIMIT = 65_536;
/** Text of many bytes a character, which no two places have in common. */
const textOf = (length: number) => {
  let text = '';
  for (let index = 0; text.length < length; index++) text += `${index.toString(36)}ä`;
  return text.slice(0, length);
};
const LONG = textOf(200_000);

function streamOf(...pieces: unknown[]): ReadableStream {
  return new ReadableStream({
    pull: (controller) => (pieces.length > 0 ? controller.enqueue(pieces.shift()) : controller.close()),
  });
}

async function* iterableOf(...pieces: unknown[]): AsyncGenerator {
  for (const piece of pieces) yield await Promise.resolve(piece);
}

function formOf(content: string): FormData {
  const form = new FormData();
  form.append('te"xt\n', 'hel\nlo\r\nä');
  form.append('file', new File([content], 'a "b"\r\nä.txt', { type: 'text/plain' }));
  form.append('blob', new Blob(['{}']));
  form.append('empty', '');
  return form;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const post = (body: unknown, init: RequestInit = {}) => ({ method: 'POST', body: body as BodyInit, ...init });

/** What `fetch` itself makes of a body: its media type and its text, with a boundary that does not differ. */
async function plainly(body: BodyInit): Promise<{ type: string | undefined; text: string }> {
  const response = new Response(body);
  return neutral(response.headers.get('content-type') ?? 'application/octet-stream', await response.text());
}

/** Enough to compare a long text by, and to print. */
function brief(text: string): string {
  return `${text.length} ${createHash('sha256').update(text).digest('hex')} ${text.slice(0, 20)}…${text.slice(-20)}`;
}

function neutral(type: string, text: string): { type: string; text: string } {
  const boundary = /boundary=(.*)/.exec(type)?.[1];
  if (boundary === undefined) return { type, text };
  return { type: type.replace(boundary, 'b'), text: text.replaceAll(boundary, 'b').replace(/--b--\r\n$/, '--b--') };
}

describe('a body in frames', () => {
  it.each<[string, E2eClientOptions]>([
    ['RSA', { keyKind: 'RSA' }],
    ['P-256', { keyKind: 'P-256' }],
    ['X25519', { keyKind: 'X25519' }],
    ['noble', { keyKind: 'X25519', engine: 'noble' }],
    ['node-forge', { keyKind: 'RSA', engine: 'forge' }],
  ])('is what fetch would send: %s', async (_, options) => {
    const client = setup.client(options);
    const bodies: [body: () => BodyInit, isLengthKnown: boolean][] = [
      [() => LONG, true],
      [() => bytes(LONG), true],
      [() => bytes(LONG).buffer, true],
      [() => new Blob([LONG]), true],
      [() => new File([LONG], 'a', { type: 'text/plain' }), true],
      [() => formOf(LONG), true],
      [() => new URLSearchParams({ LONG }), true],
      [() => streamOf(bytes(LONG.slice(0, 7)), bytes(LONG.slice(7))) as BodyInit, false],
      [() => streamOf() as BodyInit, false],
    ];
    for (const [make, isLengthKnown] of bodies) {
      expect((await client.fetch('/x', post(make()))).status).toBe(200);
      const { header, headers, plaintext } = setup.server.arrivals.at(-1)!;
      const expected = await plainly(make());
      const sent = neutral(header.cty!, plaintext);
      expect([sent.type, brief(sent.text)]).toEqual([expected.type, brief(expected.text)]);
      expect(header.frames).toBe('body');
      expect(header.length).toBe(isLengthKnown ? Buffer.byteLength(plaintext) : undefined);
      expect(headers['content-type']).toBe('application/vnd.e2e.stream');
    }
  });

  it('may come from any iterable, of strings, views and buffers, each piece a frame', async () => {
    const client = setup.client();
    for (const body of [
      iterableOf('ab', bytes('c').buffer, new Uint16Array(bytes('de').buffer)),
      Readable.from(['ab', Buffer.from('cde')]),
      streamOf('ab', bytes('cde')),
    ]) {
      await client.fetch('/x', post(body));
      expect(setup.server.arrivals.at(-1)!.plaintext).toBe('abcde');
    }
    const error = await errorOf(client.fetch('/x', post(iterableOf('ab', 7))));
    expect(error).toMatchObject({ code: 'body-failed', cause: { name: 'TypeError' } });
    await expect(async () => {
      const stream = streamOf('a');
      stream.getReader();
      await client.fetch('/x', post(stream));
    }).rejects.toBeInstanceOf(TypeError);
  });

  it('begins above the size of one message, and its frames are full but for the last', async () => {
    const client = setup.client();
    for (const [length, frames] of [
      [LIMIT, 0],
      [LIMIT + 1, 2],
      [131_072, 2],
      [3_000_000, 46],
    ] as const) {
      const text = 'x'.repeat(length);
      for (const body of [text, bytes(text), new Blob([text]), new File([text], 'a')]) {
        await client.fetch('/x', post(body));
        const { plaintext, header, body: wire } = setup.server.arrivals.at(-1)!;
        expect(plaintext.length).toBe(length);
        expect(header.frames).toBe(frames === 0 ? undefined : 'body');
        if (frames > 0) expect(wire.length - wire.indexOf('\n') - 1).toBe(length + frames * 20);
      }
    }
    const form = new FormData();
    form.append('a', 'b');
    await client.fetch('/x', post(form));
    const { header, plaintext } = setup.server.arrivals.at(-1)!;
    expect(header.frames).toBeUndefined();
    expect(neutral(header.cty!, plaintext)).toEqual(await plainly(form));
  });

  it('that is JSON and is to be padded stays in one message', async () => {
    const text = JSON.stringify(LONG);
    const type = { headers: { 'content-type': 'application/json' } };
    await setup.client({ padding: true }).fetch('/x', post(text, type));
    expect(setup.server.arrivals.at(-1)!.header.frames).toBeUndefined();
    expect(brief(setup.server.arrivals.at(-1)!.plaintext.trim())).toBe(brief(text));
  });

  it('may be that of a Request, short or long', async () => {
    const client = setup.client();
    for (const body of ['', 'short', LONG, textOf(1_500_000), formOf(LONG)]) {
      const make = () => new Request(`${setup.server.url}/x`, { method: 'PUT', body });
      await client.fetch(make());
      const { header, plaintext } = setup.server.arrivals.at(-1)!;
      expect(brief(neutral(header.cty ?? '', plaintext).text)).toBe(brief((await plainly(body)).text));
    }
    await client.fetch(new Request(`${setup.server.url}/x`, { method: 'POST', body: 'old' }), post(new Blob([LONG])));
    expect(brief(setup.server.arrivals.at(-1)!.plaintext)).toBe(brief(LONG));
  });

  it('leaves as it is written', async () => {
    const seen: string[] = [];
    let write!: (piece: string) => void;
    let end!: () => void;
    const body = new ReadableStream({
      start: (controller) => {
        write = (piece) => controller.enqueue(piece);
        end = () => controller.close();
      },
    });
    const arrived = new Promise<void>(
      (resolve) =>
        (setup.server.onChunk = (chunk) => {
          seen.push(chunk);
          if (seen.length === 2) resolve();
        }),
    );
    const call = setup.client().fetch('/x', post(body));
    write('first');
    await arrived;
    expect(seen[0]).toMatch(/^ey[\w.-]+\n$/);
    expect(seen[1]).toHaveLength('first'.length + 20);
    end();
    await call;
    expect(setup.server.arrivals.at(-1)!.plaintext).toBe('first');
  });
});

/** Answers the first request as from a server that has lost its channels. */
function loseFirst(): void {
  let isFirst = true;
  setup.server.interfere = (response) => {
    if (!isFirst) return false;
    isFirst = false;
    problem(response, 428, 'handshake-required');
    return true;
  };
}

describe('a body in frames that is sent again', () => {
  it.each<[string, () => unknown]>([
    ['bytes', () => bytes(LONG)],
    ['a Blob', () => new Blob([LONG])],
    ['a form', () => formOf(LONG)],
  ])('is read again from its start, under a head of its own: %s', async (_, make) => {
    const client = setup.client();
    loseFirst();
    await client.fetch('/x', { method: 'PUT', body: make() as BodyInit });
    const [first, copy] = setup.server.arrivals as [Arrival, Arrival];
    expect(brief(copy.plaintext)).toBe(brief(first.plaintext));
    expect(copy.plaintext.length).toBeGreaterThanOrEqual(LONG.length);
    expect(copy.header.again).toMatchObject({ kid: first.header.kid, seq: first.header.seq });
    expect(copy.body.slice(-100)).not.toBe(first.body.slice(-100));
  });

  it('is not, where it is a stream, and the error says so', async () => {
    const client = setup.client();
    for (const body of [streamOf(LONG), iterableOf(LONG)]) {
      loseFirst();
      const error = await errorOf(client.fetch('/x', post(body, { method: 'PUT' })));
      expect(error).toMatchObject({ code: 'plain-answer', problem: 'handshake-required' });
      expect(error.message).toMatch(/its body is a stream/);
    }
    expect(setup.server.arrivals).toHaveLength(2);
  });

  it('follows a redirect that keeps the method, but for a stream', async () => {
    setup.server.reply = ({ target }) => (target === '/x' ? { status: 307, location: '/y' } : {});
    const client = setup.client();
    await client.fetch('/x', post(new Blob([LONG])));
    expect(setup.server.arrivals.map(({ target, plaintext }) => [target, plaintext.length])).toEqual([
      ['/x', LONG.length],
      ['/y', LONG.length],
    ]);
    expect((await errorOf(client.fetch('/x', post(streamOf(LONG))))).message).toMatch(/stream/);
    setup.server.reply = ({ target }) => (target === '/x' ? { status: 303, location: '/y' } : {});
    expect((await client.fetch('/x', post(streamOf(LONG)))).status).toBe(200);
  });
});

describe('an early answer', () => {
  const early =
    (status: number): Interfere =>
    (response, _arrival, seal) => {
      response
        .writeHead(status, { 'content-type': 'application/jose' })
        .end(seal({ status, body: '{}' }, { early: true }));
      return true;
    };

  it.each([400, 404, 413, 422, 500, 503])('is handed over where it refuses: %d', async (status) => {
    setup.server.interfere = early(status);
    expect((await setup.client().fetch('/x', post(new Blob([LONG])))).status).toBe(status);
  });

  it.each([200, 201, 299])('is stream-broken where it says that all is well: %d', async (status) => {
    setup.server.interfere = early(status);
    expect((await errorOf(setup.client().fetch('/x', post(new Blob([LONG]))))).code).toBe('stream-broken');
  });

  it('is stream-broken where it redirects, or streams', async () => {
    setup.server.interfere = (response, _arrival, seal) => {
      response
        .writeHead(200, { 'content-type': 'application/jose' })
        .end(seal({ status: 303, location: '/y' }, { early: true }));
      return true;
    };
    expect((await errorOf(setup.client().fetch('/x', post(streamOf(LONG))))).code).toBe('stream-broken');
    setup.server.interfere = (response, arrival, seal) => {
      const head = seal({}, { cty: 'text/plain', frames: 'body', early: true });
      const frame = arrival.sealFrames(head).seal(1, Buffer.from('x'));
      response.writeHead(200, { 'content-type': 'application/vnd.e2e.stream' });
      response.end(Buffer.concat([Buffer.from(`${head}\n`), frame]));
      return true;
    };
    expect((await errorOf(setup.client().fetch('/x', post(streamOf(LONG))))).code).toBe('stream-broken');
  });
});

describe('a body that cannot be read', () => {
  it('is given up, and its error is the cause', async () => {
    const reason = new Error('the disk is gone');
    async function* failing(): AsyncGenerator<string> {
      yield await Promise.resolve('one');
      throw reason;
    }
    const broken = new ReadableStream({ start: (controller) => controller.error(reason) });
    for (const body of [failing(), Readable.from(failing()), broken]) {
      const error = await errorOf(setup.client().fetch('/x', post(body)));
      expect(error.code).toBe('body-failed');
      expect(error.cause).toBe(reason);
    }
    await until(() => setup.server.arrivals.length === 3);
    expect(setup.server.arrivals.map(({ plaintext }) => plaintext)).toEqual(Array(3).fill('stream-failed'));
  });

  it('is body-failed in one message too, which is not sent', async () => {
    const blob = new Blob([LONG]);
    const file = new File(['short'], 'a');
    for (const each of [blob, file]) {
      each.slice = () => {
        throw new Error('changed on disk');
      };
    }
    const form = new FormData();
    form.append('file', file);
    const [sent] = form.getAll('file') as [File];
    sent.slice = file.slice.bind(file);
    for (const body of [blob, form]) {
      expect((await errorOf(setup.client().fetch('/x', post(body)))).cause).toMatchObject({
        message: 'changed on disk',
      });
    }
    expect(setup.server.arrivals).toHaveLength(0);
  });

  it('is never sent as if it were whole where it is of another length than it says', async () => {
    for (const [real, said] of [
      [100_000, 99_999],
      [100_000, 100_001],
      [2_000_000, 1_999_999],
      [2_000_000, 2_000_001],
    ] as const) {
      const blob = new Blob([new Uint8Array(real)]);
      Object.defineProperty(blob, 'size', { value: said });
      blob.slice = (start, end) => new Blob([new Uint8Array(real)]).slice(start, end === said ? real : end);
      const error = await errorOf(setup.client().fetch('/x', post(blob)));
      expect(error).toMatchObject({ code: 'body-failed', cause: { name: 'TypeError' } });
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(setup.server.arrivals.filter(({ plaintext }) => plaintext !== 'stream-failed')).toEqual([]);
  });
});

describe('an aborted body', () => {
  /** Sources that never end, and whether each was let go. */
  function sources(): { body: unknown; isLetGo: () => boolean }[] {
    const letGo = new Set<string>();
    const cancelling = (name: string, pull?: UnderlyingDefaultSource['pull']) => ({
      body: new ReadableStream({ ...(pull && { pull }), cancel: () => void letGo.add(name) }),
      isLetGo: () => letGo.has(name),
    });
    const iterator = {
      next: () => new Promise((resolve) => setTimeout(resolve, 1, { value: 'x' })),
      return: () => Promise.resolve({ done: true, value: letGo.add('iterable') }),
    };
    const node = new Readable({ read: () => undefined });
    return [
      cancelling('endless', (controller) => controller.enqueue('x')),
      cancelling('stuck'),
      { body: { [Symbol.asyncIterator]: () => iterator }, isLetGo: () => letGo.has('iterable') },
      { body: node, isLetGo: () => node.destroyed },
    ];
  }
  const reason = new Error('mine');

  it('ends at once, and its source is let go', async () => {
    for (const { body, isLetGo } of sources()) {
      const controller = new AbortController();
      const arrived = new Promise<void>((resolve) => (setup.server.onChunk = () => resolve()));
      const call = setup.client().fetch(`/x`, post(body, { signal: controller.signal }));
      await arrived;
      controller.abort(reason);
      await expect(call).rejects.toBe(reason);
      await until(isLetGo);
    }
    expect(setup.server.arrivals).toHaveLength(0);
  });

  it('lets its source go also where nothing was sent', async () => {
    for (const { body, isLetGo } of sources()) {
      const call = setup.client().fetch('/x', post(body, { signal: AbortSignal.abort(reason) }));
      await expect(call).rejects.toBe(reason);
      await until(isLetGo);
    }
    for (const { body, isLetGo } of sources()) {
      setup.server.refuse = (response) => (problem(response, 422, 'key-rejected'), true);
      expect((await errorOf(setup.client().fetch('/x', post(body)))).code).toBe('handshake-failed');
      await until(isLetGo);
    }
  });

  // Before anything is sealed: of a Request it is read ahead, and a body that is not sealed is read whole.
  it.each<[string, E2eRequestInit['e2e'], isRequest: boolean]>([
    ['a Request', {}, true],
    ['a Request that is not sealed', { request: false }, true],
    ['a stream that is not sealed', { request: false }, false],
    ['a stream with fields', { fields: [] }, false],
  ])('ends at once while it is read first, and its source is let go: %s', async (_, e2e, isRequest) => {
    const client = setup.client();
    await client.handshake();
    for (const when of ['before', 'later']) {
      const controller = new AbortController();
      if (when === 'before') controller.abort(reason);
      let isLetGo = false;
      let pulled: () => void = () => undefined;
      const reading = new Promise<void>((resolve) => (pulled = resolve));
      const body = new ReadableStream(
        { pull: () => (pulled(), new Promise(() => undefined)), cancel: () => void (isLetGo = true) },
        { highWaterMark: 0 },
      );
      const init = { ...post(body, { signal: controller.signal }), duplex: 'half' };
      const call = isRequest
        ? client.fetch(new Request(new URL('/x', setup.server.url), init), { e2e })
        : client.fetch('/x', { ...init, e2e });
      if (when === 'later') void reading.then(() => controller.abort(reason));
      await expect(call).rejects.toBe(reason);
      await until(() => isLetGo);
    }
    expect(setup.server.arrivals).toHaveLength(0);
  });

  it('lets its source go where its media type is refused', async () => {
    for (const type of ['no type', 'multipart/form-data']) {
      for (const { body, isLetGo } of sources()) {
        const error = await errorOf(setup.client().fetch('/x', post(body, { headers: { 'content-type': type } })));
        expect(error.code).toBe('request-unsupported');
        await until(isLetGo);
      }
    }
  });

  it.each<[string, unknown, string]>([
    ['an error', undefined, 'the source broke'],
    ['a piece that is no Uint8Array', 'text', 'The stream of a Request must give Uint8Array.'],
  ])('is body-failed where a Request’s source gives %s', async (_, piece, message) => {
    for (const e2e of [{}, { request: false }]) {
      const body = new ReadableStream({
        pull(controller) {
          if (piece === undefined) throw new Error(message);
          controller.enqueue(piece);
        },
      });
      const request = new Request(new URL('/x', setup.server.url), { ...post(body), duplex: 'half' } as RequestInit);
      const error = await errorOf(setup.client().fetch(request, { e2e }));
      expect(error).toMatchObject({ code: 'body-failed', cause: { message } });
    }
    expect(setup.server.arrivals).toHaveLength(0);
  });
});

describe('a fetch that takes no stream', () => {
  const stringly =
    (bodies: unknown[]): typeof fetch =>
    (input, init) => {
      bodies.push(init?.body);
      // As node-fetch does, and whatever does not know streams as bodies.
      return fetch(
        input,
        init?.body instanceof ReadableStream ? { ...init, body: String(init.body as unknown) } : init,
      );
    };

  it('gets the same bytes from memory, and is not asked a second time', async () => {
    const bodies: unknown[] = [];
    const client = createE2eClient({ baseUrl: setup.server.url, keyKind: 'X25519', fetch: stringly(bodies) });
    await client.handshake();
    bodies.length = 0;
    const long = textOf(2_000_000);
    await client.fetch('/x', post(new Blob([long])));
    await client.fetch('/x', post(streamOf(long)));
    expect(setup.server.arrivals.map(({ plaintext }) => plaintext === long)).toEqual([true, true]);
    expect(bodies.map((body) => body instanceof ReadableStream)).toEqual([true, false, false]);
  });

  it('is request-unsupported over maxBufferedUpload, before anything is sent where the length is known', async () => {
    const bodies: unknown[] = [];
    const fetch = stringly(bodies);
    const client = createE2eClient({
      baseUrl: setup.server.url,
      keyKind: 'X25519',
      fetch,
      maxBufferedUpload: 1_500_000,
    });
    let read = 0;
    const blob = new Blob([textOf(2_000_000)]);
    const slice = blob.slice.bind(blob);
    blob.slice = (...range) => (read++, slice(...range));
    const error = await errorOf(client.fetch('/x', post(blob)));
    expect(error.code).toBe('request-unsupported');
    expect(error.message).toMatch(/maxBufferedUpload, 1500000 bytes/);
    expect(read).toBe(0);
    expect((await errorOf(client.fetch('/x', post(streamOf(textOf(2_000_000)))))).code).toBe('request-unsupported');
    expect(setup.server.arrivals).toHaveLength(0);
  });

  it.each([0, -1, Number.NaN])('maxBufferedUpload is no %d', (maxBufferedUpload) => {
    expect(() => setup.client({ maxBufferedUpload })).toThrow(/maxBufferedUpload/);
  });
});

it('an answer that comes before anything of a stream was read is that answer', async () => {
  const bodies: unknown[] = [];
  const client = setup.client({
    fetch: (input, init) => {
      bodies.push(init?.body);
      // As a gateway over HTTP/2, which has the head of the request and needs no more.
      const isStream = init?.body instanceof ReadableStream;
      return isStream ? Promise.resolve(new Response('Too many', { status: 429 })) : fetch(input, init);
    },
  });
  await client.handshake();
  bodies.length = 0;
  const error = await errorOf(client.fetch('/x', post(streamOf(LONG))));
  expect(error).toMatchObject({ code: 'plain-answer', status: 429 });
  expect((await errorOf(client.fetch('/x', post(streamOf(LONG))))).status).toBe(429);
  expect(bodies.map((body) => body instanceof ReadableStream)).toEqual([true, true]);
  expect(setup.server.arrivals).toHaveLength(0);
});

describe('in a browser, which does not say why a stream was not sent, a client', () => {
  const getSetCookie = Object.getOwnPropertyDescriptor(Headers.prototype, 'getSetCookie')!;
  // No browser shows a page the cookies of an answer.
  beforeEach(() => void Reflect.deleteProperty(Headers.prototype, 'getSetCookie'));
  afterEach(() => void Object.defineProperty(Headers.prototype, 'getSetCookie', getSetCookie));

  let failing: 'nothing' | 'streams' | 'everything' | 'later';
  let send: () => Promise<string[]>;
  beforeEach(async () => {
    failing = 'nothing';
    let cookie = '';
    const by: string[] = [];
    const client = setup.client({
      baseUrl: setup.server.url.replace('http:', 'https:'),
      fetch: async (input, init) => {
        const way = init?.body instanceof ReadableStream ? 'stream' : 'whole';
        by.push(way);
        const isFailing = failing === 'everything' || (failing === 'streams' && way === 'stream');
        if (isFailing) throw new TypeError('Failed to fetch');
        if (failing === 'later' && way === 'stream') {
          await (init!.body as ReadableStream).getReader().read();
          throw new TypeError('Failed to fetch');
        }
        const headers = new Headers(init?.headers);
        headers.set('cookie', cookie);
        const response = await fetch((input as string).replace('https:', 'http:'), { ...init, headers });
        cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie;
        return response;
      },
    });
    await client.handshake();
    by.length = 0;
    send = async () => {
      const isAnswered = await client.fetch('/x', post(streamOf(LONG))).then(
        () => true,
        () => false,
      );
      return [...by.splice(0), ...(isAnswered ? [] : ['failed'])];
    };
  });

  it('sends it whole, and no stream any more, where that arrives', async () => {
    failing = 'streams';
    expect(await send()).toEqual(['stream', 'whole']);
    expect(await send()).toEqual(['whole']);
    expect(setup.server.arrivals.map(({ plaintext }) => brief(plaintext))).toEqual([brief(LONG), brief(LONG)]);
  });

  it('sends nothing again of a stream that fails after it was read', async () => {
    failing = 'later';
    expect(await send()).toEqual(['stream', 'failed']);
    expect(await send()).toEqual(['stream', 'failed']);
  });

  it('goes on with streams where the network failed, before the first of them or later', async () => {
    failing = 'everything';
    expect(await send()).toEqual(['stream', 'whole', 'failed']);
    failing = 'nothing';
    expect(await send()).toEqual(['stream']);
    failing = 'streams';
    expect(await send()).toEqual(['stream', 'whole']);
    failing = 'nothing';
    expect(await send()).toEqual(['stream']);
  });
});

it('a network that fails does not make streams of the next bodies something else', async () => {
  let isDown = true;
  const bodies: unknown[] = [];
  const client = setup.client({
    fetch: (input, init) => {
      bodies.push(init?.body);
      if (isDown && init?.body instanceof ReadableStream) return Promise.reject(new TypeError('down'));
      return fetch(input, init);
    },
  });
  await client.handshake();
  bodies.length = 0;
  await expect(client.fetch('/x', post(streamOf(LONG)))).rejects.toThrow('down');
  isDown = false;
  await client.fetch('/x', post(streamOf(LONG)));
  expect(bodies.every((body) => body instanceof ReadableStream)).toBe(true);
  expect(setup.server.arrivals.map(({ plaintext }) => brief(plaintext))).toEqual([brief(LONG)]);
});
