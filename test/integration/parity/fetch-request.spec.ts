import { expect, it } from '@jest/globals';
import { All, Controller, Param, Req, Res } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { onEachPlatform } from '../e2e/support/apps.js';
import { usePair, type Fetch } from './support/compare.js';

/** What the transport adds, or replaces. */
const CARRYING =
  /^(host|connection|accept-encoding|cookie|e2e-|transfer-encoding|content-length|expect|cache-control|pragma)/;

/** What a server sees of a request: of a form everything but the boundary, of a long body enough to tell it by. */
async function seen(request: IncomingMessage): Promise<object> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method, url, headers } = request;
  const [, boundary] = /boundary=(.+)$/.exec(headers['content-type'] ?? '') ?? [];
  const strip = (text: string): string => (boundary ? text.replaceAll(boundary.replaceAll('"', ''), 'BOUNDARY') : text);
  const body = strip(Buffer.concat(chunks).toString('latin1'));
  const fields = Object.entries(headers).filter(([name]) => !CARRYING.test(name));
  const seen = Object.fromEntries(fields.map(([name, value]) => [name, strip(String(value))]));
  // As docs/client.md says: a body without a media type has this one, and no body has none.
  if (body === '') delete seen['content-type'];
  else seen['content-type'] ??= 'application/octet-stream';
  const shown = body.length < 2000 ? body : `${body.length} ${createHash('sha256').update(body).digest('hex')}`;
  return { method, url, headers: seen, body: shown };
}

interface AnyReply {
  status: (status: number) => AnyReply;
  header: (name: string, value: string) => AnyReply;
  send: (body: unknown) => unknown;
}

@Controller()
class EchoController {
  @All('echo')
  echo(@Req() request: IncomingMessage & { raw?: IncomingMessage }): Promise<object> {
    return seen(request.raw ?? request);
  }
  @All('to/:status')
  async to(
    @Param('status') status: string,
    @Req() request: IncomingMessage & { raw?: IncomingMessage },
    @Res() reply: AnyReply,
  ): Promise<void> {
    await seen(request.raw ?? request);
    reply.status(Number(status)).header('location', '/echo').send('');
  }
}

const LONG = new Uint8Array(150_000).map((_, index) => (index * 7919) >> 3);
const BUFFER = new TextEncoder().encode('0123456789').buffer;
const stream = (...pieces: Uint8Array[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
async function* pieces(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(new TextEncoder().encode('one '));
  yield LONG;
}
const form = (fill: (form: FormData) => void = () => undefined): FormData => {
  const made = new FormData();
  fill(made);
  return made;
};

/** Every kind of body, made anew for each call. */
const BODIES: Record<string, () => unknown> = {
  'a string': () => 'hä',
  'an empty string': () => '',
  'a long string': () => 'ä'.repeat(80_000),
  'a number': () => 42,
  'an object': () => ({ a: 1 }),
  null: () => null,
  undefined: () => undefined,
  URLSearchParams: () => new URLSearchParams({ a: 'ä b', c: '' }),
  'empty URLSearchParams': () => new URLSearchParams(),
  'a Blob with a type': () => new Blob(['<p>'], { type: 'text/HTML;charset=utf-8' }),
  'a Blob without a type': () => new Blob(['blob']),
  'an empty Blob': () => new Blob([], { type: 'text/plain' }),
  'a long Blob': () => new Blob([LONG], { type: 'image/png' }),
  'a File': () => new File(['file'], 'ä.txt', { type: 'text/plain' }),
  'an ArrayBuffer': () => BUFFER,
  'a Uint8Array in the middle of a buffer': () => new Uint8Array(BUFFER, 2, 3),
  'a DataView': () => new DataView(BUFFER, 4, 4),
  'an Int16Array': () => new Int16Array(BUFFER, 2, 2),
  'a Buffer': () => Buffer.from('buffer'),
  'long bytes': () => LONG,
  'a form': () =>
    form((each) => {
      each.append('text', 'hä\nlo');
      each.append('text', 'again');
      each.append('na"me\n', '');
      each.append('file', new File(['file'], 'ä "b"\n.txt', { type: 'text/plain' }));
      each.append('blob', new Blob([LONG]));
      each.append('blob', new Blob(['x'], { type: 'a/b' }), '日本.bin');
    }),
  'a form without files': () => form((each) => each.append('a', '1')),
  'an empty form': () => form(),
  'a stream': () => stream(new Uint8Array([1, 2]), LONG),
  'an empty stream': () => stream(),
  'an async iterable': () => pieces(),
  'a Node stream of strings': () => Readable.from(['hä', 'lo']),
};

type Make = (base: string) => [string | Request, RequestInit?];
const init = (given: object): RequestInit => given;

/** Every other thing that a call may have. */
const CALLS: Record<string, Make> = {
  'method in lower case': () => ['/echo', { method: 'put', body: 'x' }],
  'a method of its own': () => ['/echo', { method: 'DELETE', body: 'x' }],
  'GET with a body': () => ['/echo', { body: 'x' }],
  'a forbidden method': () => ['/echo', { method: 'TRACE' }],
  'no method at all': () => ['/echo', { method: 'A B' }],
  'headers of an object': () => ['/echo', { headers: { 'X-A': ' a ', 'x-b': '1, 2' } }],
  'headers of Headers': () => [
    '/echo',
    {
      headers: new Headers([
        ['x-a', '1'],
        ['X-A', '2'],
      ]),
    },
  ],
  'headers of pairs': () => [
    '/echo',
    {
      headers: [
        ['x-a', '1'],
        ['x-a', '2'],
      ],
    },
  ],
  'headers of a Map': () => ['/echo', { headers: new Map([['x-a', '1']]) as never }],
  'a header that is no name': () => ['/echo', { headers: { 'a b': '1' } }],
  'a header that is no value': () => ['/echo', { headers: { 'x-a': 'a\nb' } }],
  'a header that is not Latin-1': () => ['/echo', { headers: { 'x-a': '日本' } }],
  'a header in Latin-1': () => ['/echo', { headers: { 'x-a': 'ä' } }],
  'a media type over that of the body': () => [
    '/echo',
    { method: 'POST', body: new URLSearchParams('a=1'), headers: { 'content-type': 'text/plain' } },
  ],
  'an accept and a language': () => ['/echo', { headers: { accept: 'text/html', 'accept-language': 'de' } }],
  'a null init': () => ['/echo', null as never],
  'a null signal': () => ['/echo', { signal: null }],
  'no signal at all': () => ['/echo', init({ signal: 'now' })],
  'credentials, mode, cache, referrer': () => [
    '/echo',
    {
      mode: 'same-origin',
      cache: 'no-cache',
      referrer: '',
      referrerPolicy: 'no-referrer',
      priority: 'low',
    },
  ],
  'credentials of no kind': () => ['/echo', init({ credentials: 'perhaps' })],
  'a redirect mode of no kind': () => ['/echo', init({ redirect: 'perhaps' })],
  keepalive: () => ['/echo', { method: 'POST', body: 'x', keepalive: true }],
  'keepalive with a long body': () => ['/echo', { method: 'POST', body: new Uint8Array(63_000), keepalive: true }],
  window: () => ['/echo', { window: null }],
  'a length of its own': () => ['/echo', { method: 'POST', body: '12345', headers: { 'content-length': '5' } }],
  'a length of its own, of a long body': () => [
    '/echo',
    { method: 'POST', body: LONG, headers: { 'content-length': `${LONG.length}` } },
  ],
  'a length of its own, of a stream': () => [
    '/echo',
    init({ method: 'POST', body: stream(LONG), duplex: 'half', headers: { 'content-length': `${LONG.length}` } }),
  ],
  'a fragment': () => ['/echo#part'],
  'a path that is not ASCII': () => ['/echo?'],
  'a URL with a name and a password': (base) => [
    new URL('/echo', base.replace('://', '://ada:pw@')).href.replace(base, ''),
  ],
  'a Request': (base) => [new Request(`${base}/echo`, { headers: { 'x-a': '1' } })],
  'a Request with a string': (base) => [new Request(`${base}/echo`, { method: 'POST', body: 'hä' })],
  'a Request with a form': (base) => [
    new Request(`${base}/echo`, { method: 'POST', body: form((each) => each.append('a', new Blob([LONG]), 'ä')) }),
  ],
  'a Request with a stream': (base) => [
    new Request(`${base}/echo`, init({ method: 'POST', body: stream(LONG, LONG), duplex: 'half' })),
  ],
  'a Request with a Blob': (base) => [
    new Request(`${base}/echo`, { method: 'PUT', body: new Blob(['x'], { type: 'a/b' }) }),
  ],
  'a Request and an init over it': (base) => [
    new Request(`${base}/echo`, { method: 'POST', body: 'x', headers: { 'x-a': '1', 'x-b': '1' } }),
    { method: 'PUT', body: 'y', headers: { 'x-b': '2' } },
  ],
  'a Request and headers over it': (base) => [
    new Request(`${base}/echo`, { method: 'POST', body: 'x' }),
    { headers: { 'content-type': 'a/b' } },
  ],
  'a clone of a Request': (base) => [new Request(`${base}/echo`, { method: 'POST', body: 'x' }).clone()],
  'a Request of a Request': (base) => [
    new Request(new Request(`${base}/echo`, { method: 'POST', body: LONG }), { headers: { 'x-a': '1' } }),
  ],
  'a Request that is aborted': (base) => [new Request(`${base}/echo`, { signal: AbortSignal.abort() })],
  'a Request that is aborted, and a null signal': (base) => [
    new Request(`${base}/echo`, { signal: AbortSignal.abort() }),
    { signal: null },
  ],
};
for (const status of [301, 302, 303, 307, 308]) {
  for (const method of ['GET', 'POST', 'PUT']) {
    CALLS[`${status} of a ${method}`] = () => [
      `/to/${status}`,
      { method, headers: { 'x-a': '1', 'content-type': 'a/b' }, ...(method !== 'GET' && { body: 'x' }) },
    ];
  }
}

async function outcomeOf(call: () => Promise<Response>, base: string): Promise<unknown> {
  try {
    const response = await call();
    const text = await response.text();
    const { status, redirected } = response;
    return {
      status,
      redirected,
      text: text.startsWith('{') ? (JSON.parse(text) as object) : text,
      base: response.url.startsWith(base),
    };
  } catch (error) {
    return { thrown: (error as Error).name };
  }
}

/** What is not as by `fetch`, as docs/client.md lists it: what came of it. */
const DIFFERS: Record<string, readonly [make: Make, plain: object, sealed: object]> = {
  'an error at a redirect': [
    () => ['/to/302', { redirect: 'error' }],
    { thrown: 'TypeError' },
    { thrown: 'E2eClientError' },
  ],
  'a redirect with a stream': [
    () => ['/to/307', init({ method: 'POST', body: stream(LONG), duplex: 'half' })],
    { thrown: 'TypeError' },
    { thrown: 'E2eClientError' },
  ],
  'a stream without duplex': [
    () => ['/echo', { method: 'POST', body: stream(new Uint8Array([65])) }],
    { thrown: 'TypeError' },
    { text: { body: 'A' } },
  ],
  HEAD: [() => ['/echo', { method: 'HEAD' }], { status: 200 }, { thrown: 'E2eClientError' }],
  'a form with a type of its own': [
    () => [
      '/echo',
      {
        method: 'POST',
        body: form((each) => each.append('a', '1')),
        headers: { 'Content-Type': 'Multipart/Form-Data', 'x-a': '1' },
      },
    ],
    { text: { headers: { 'content-type': 'Multipart/Form-Data' } } },
    {
      text: {
        headers: { 'content-type': 'multipart/form-data; boundary=BOUNDARY', 'x-a': '1' },
        body: expect.stringMatching(/^--BOUNDARY\r\n/),
      },
    },
  ],
  'a form that was written before, without its boundary': [
    (base) => [
      new Request(`${base}/echo`, {
        method: 'POST',
        body: form((each) => each.append('a', '1')),
        headers: { 'content-type': 'multipart/form-data' },
      }),
    ],
    { text: { headers: { 'content-type': 'multipart/form-data' } } },
    { thrown: 'E2eClientError' },
  ],
};

onEachPlatform('A request of the client', (platform) => {
  const pair = usePair(platform, {
    controllers: [EchoController],
    options: { bodyParser: false },
    configure: (nest) => {
      if (platform !== 'fastify') return;
      const fastify = (nest as NestFastifyApplication).getHttpAdapter().getInstance();
      fastify.removeAllContentTypeParsers();
      fastify.addContentTypeParser('*', (_request, _payload, done) => done(null));
    },
  });
  const call = async (fetch: Fetch, make: Make): Promise<unknown> =>
    outcomeOf(async () => fetch(...make(fetch.base)), fetch.base);

  it.each(Object.keys(BODIES))('arrives as one of fetch does: %s', async (name) => {
    const make: Make = () => ['/echo', init({ method: 'POST', body: BODIES[name]!(), duplex: 'half' })];
    const { plain, sealed } = pair().fetches;
    expect(await call(sealed, make)).toEqual(await call(plain, make));
  });

  it.each(Object.keys(CALLS))('is what one of fetch is: %s', async (name) => {
    const { plain, sealed } = pair().fetches;
    expect(await call(sealed, CALLS[name]!)).toEqual(await call(plain, CALLS[name]!));
  });

  it.each(Object.keys(DIFFERS))('differs on purpose from one of fetch: %s', async (name) => {
    const { plain, sealed } = pair().fetches;
    const [make, byFetch, byClient] = DIFFERS[name]!;
    expect(await call(plain, make)).toMatchObject(byFetch);
    expect(await call(sealed, make)).toMatchObject(byClient);
  });
});
