import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, jest } from '@jest/globals';
import { problem, sealedProblem, type Interfere } from './support/counterpart.js';
import type { E2eClientOptions } from '../../../src/client/index.js';
import { errorOf, useCounterpart } from './support/harness.js';

const setup = useCounterpart();
const JOSE = { 'content-type': 'application/jose' };
const post = { method: 'POST', body: 'secret-of-the-request' };

describe('an answer in the clear is a transport error, and never data', () => {
  it.each<[string, number, Record<string, string>, string]>([
    ['a plain 200 with JSON', 200, { 'content-type': 'application/json' }, '{"admin":true}'],
    ['a plain 201 without a type', 201, {}, 'canary'],
    ['a plain 204', 204, {}, ''],
    ['a plain 304', 304, {}, ''],
    ['a plain redirect', 302, { location: '/elsewhere' }, ''],
    ['a proxy’s 502', 502, { 'content-type': 'text/html' }, '<h1>canary</h1>'],
    ['a message under another type', 200, { 'content-type': 'text/plain' }, 'SEALED'],
    ['a problem that is none of ours', 400, { 'content-type': 'application/problem+json' }, '{"type":"about:blank"}'],
    ['a broken problem', 400, { 'content-type': 'application/problem+json' }, '{canary'],
  ])('%s', async (_, status, headers, body) => {
    setup.server.interfere = (response, __, seal) => {
      response.writeHead(status, headers).end(body === 'SEALED' ? seal({ body: '1' }) : body);
      return true;
    };
    const error = await errorOf(setup.client().fetch('/x', post));
    expect(error).toMatchObject({ code: 'plain-answer', status, problem: undefined });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/canary|secret-of|admin/);
    expect(setup.server.arrivals).toHaveLength(1);
  });

  it.each([
    [400, 'message-rejected'],
    [409, 'message-replayed'],
    [413, 'too-large'],
    [415, 'message-required'],
    [503, 'busy'],
  ])('%i %s, whose problem the error tells', async (status, name) => {
    setup.server.interfere = (response) => (problem(response, status, name, { 'retry-after': '3' }), true);
    const error = await errorOf(setup.client().fetch('/x'));
    expect(error).toMatchObject({ code: 'plain-answer', status, problem: name, retryAfter: 3 });
    expect(error.message).toContain(name);
    expect(setup.server.arrivals).toHaveLength(1);
  });

  it('is told apart from a sealed answer of the same status', async () => {
    setup.server.reply = () => ({ status: 409, body: '{"mine":true}' });
    const response = await setup.client().fetch('/x');
    expect([response.status, await response.json()]).toEqual([409, { mine: true }]);
  });
});

describe('a refusal by the server’s module, which comes sealed', () => {
  it.each([
    ['message-stale', 400],
    ['message-replayed', 409],
    ['handshake-required', 428],
    ['busy', 503],
    ['too-large', 413],
    ['stream-broken', 400],
  ] as const)('%s rejects, and is no answer of the application', async (name, status) => {
    setup.server.reply = () => ({ ...sealedProblem(status, name), headers: { 'retry-after': '3' } });
    const error = await errorOf(setup.client().fetch('/x', post));
    expect(error).toMatchObject({ code: 'refused', problem: name, status, retryAfter: 3 });
    expect(error.message).toContain(name);
  });

  it.each([
    ['another type of problem', '{"type":"https://example.com/stale","status":409}', 'application/problem+json'],
    ['a name that is none of ours', '{"type":"urn:e2e:problem:mine","status":409}', 'application/problem+json'],
    ['a problem’s type in JSON', '{"type":"urn:e2e:problem:message-stale"}', 'application/json'],
  ])('is told apart from %s', async (_, body, cty) => {
    setup.server.reply = () => ({ status: 409, body, cty });
    const response = await setup.client().fetch('/x');
    expect([response.status, await response.text()]).toEqual([409, body]);
  });
});

describe('the error says what happened and what to do', () => {
  type Answer = [status: number, headers: Record<string, string>];
  it.each<[string, Answer, RegExp]>([
    [
      'a login proxy’s redirect',
      [302, { location: 'https://login.example.com/?next=x' }],
      /to https:\/\/login\.example\.com before .*login/,
    ],
    ['a redirect without a location', [307, {}], /redirected to .* before it reached the application/],
    ['a proxy’s limit for bodies', [413, {}], /client_max_body_size/],
    ['a plain answer', [200, {}], /Is the route sealed\?/],
  ])('%s', async (_, [status, headers], says) => {
    setup.server.interfere = (response) => (response.writeHead(status, headers).end(), true);
    expect((await errorOf(setup.client().fetch('/x'))).message).toMatch(says);
    setup.server.refuse = (response) => (response.writeHead(status, headers).end(), true);
    const { code, message } = await errorOf(setup.client().handshake());
    expect(code).toBe('handshake-failed');
    if (status !== 200) expect(message).toMatch(says);
  });

  it('a redirect to HTTPS', async () => {
    const location = `${setup.server.url.replace('http:', 'https:')}/e2e/handshake`;
    setup.server.refuse = (response) => (response.writeHead(301, { location }).end(), true);
    const { message } = await errorOf(setup.client().fetch('/x'));
    expect(message).toContain(`redirected to HTTPS. Use ${new URL(location).origin} in baseUrl`);
  });

  it('the answer to another search, as from a cache', async () => {
    let kept: Response | undefined;
    const cacheFirst: typeof fetch = async (input, init) => {
      if (init?.method !== 'GET') return fetch(input, init);
      kept ??= await fetch(input, init);
      return kept.clone();
    };
    const client = setup.client({ fetch: cacheFirst });
    await client.fetch('/find?q=ada');
    const error = await errorOf(client.fetch('/find?q=eve'));
    expect(error).toMatchObject({ code: 'answer-rejected', message: expect.stringMatching(/cache/) });
  });

  it.each<[string, E2eClientOptions, string[] | undefined, RegExp]>([
    ['nobody keeps the cookie', { cookies: false }, undefined, /session cookie .*cookies: false/],
    ['it is omitted', { credentials: 'omit' }, undefined, /session cookie .*credentials is 'omit'/],
    ['its domain is another one', {}, ['sid=1; Path=/; Domain=example.org'], /"sid" .*Domain is not 127\.0\.0\.1/],
    ['its path leaves the call out', {}, ['sid=1; Path=/elsewhere'], /Likely causes: .*Path excludes/],
  ])('a session that is lost, since %s', async (_, options, cookie, says) => {
    setup.server.cookie = cookie;
    const error = await errorOf(setup.client(options).fetch('/x'));
    expect(error).toMatchObject({ code: 'plain-answer', problem: 'handshake-required' });
    expect(error.message).toMatch(says);
    expect(error.message).not.toContain('not sent again');
    expect(setup.server.handshakes).toBe(2);
  });
});

describe('where the call expects a plain answer', () => {
  const plain = { e2e: { response: false } };

  it('one of the protocol’s problems is an error still', async () => {
    setup.server.interfere = (response) => (problem(response, 400, 'message-rejected'), true);
    expect(await errorOf(setup.client().fetch('/x', plain))).toMatchObject({ problem: 'message-rejected' });
  });

  it('a problem of the application’s own is handed over', async () => {
    setup.server.interfere = (response) => {
      response.writeHead(404, { 'content-type': 'application/problem+json' }).end('{"title":"none"}');
      return true;
    };
    const response = await setup.client().fetch('/x', plain);
    expect([response.status, response.url, await response.json()]).toEqual([
      404,
      `${setup.server.url}/x`,
      { title: 'none' },
    ]);
  });

  it('a sealed one is opened', async () => {
    expect(await (await setup.client().fetch('/x', { ...post, ...plain })).text()).toBe(post.body);
  });

  it('a redirect in the clear is not followed, and handed over to who asked for it', async () => {
    setup.server.interfere = (response) => (response.writeHead(303, { location: '/y' }).end(), true);
    expect((await errorOf(setup.client().fetch('/x', plain))).code).toBe('redirect-refused');
    const response = await setup.client().fetch('/x', { ...plain, redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([303, '/y']);
  });
});

describe('a sealed answer that is not this request’s is refused', () => {
  const sealed =
    (make: (...args: Parameters<Interfere>) => string): Interfere =>
    (...args) => {
      args[0].writeHead(200, JOSE).end(make(...args));
      return true;
    };
  const flipped = (message: string, part: number) => {
    const parts = message.split('.');
    parts[part] = parts[part]!.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'));
    return parts.join('.');
  };

  it.each<[string, Interfere]>([
    ['of another channel', sealed((_, __, seal) => seal({ body: '1' }, { kid: 'x'.repeat(43) }))],
    ['of another request', sealed((_, { header }, seal) => seal({ body: '1' }, { seq: header.seq + 1 }))],
    ['in the plain way', sealed((_, __, seal) => seal({ body: '1' }, { alg: 'RSA-OAEP-256' }))],
    ['with zip', sealed((_, __, seal) => seal({ body: '1' }, { zip: 'DEF' }))],
    ['with crit', sealed((_, __, seal) => seal({ body: '1' }, { crit: ['x'] }))],
    ['of another typ', sealed((_, __, seal) => seal({ body: '1' }, { typ: 'e2e-req+jwe' }))],
    ['of another enc', sealed((_, __, seal) => seal({ body: '1' }, { enc: 'A128GCM' }))],
    ['without a status', sealed((_, __, seal) => seal({ body: '1' }, { status: undefined }))],
    ['with a status that is none', sealed((_, __, seal) => seal({ body: '1' }, { status: 99 }))],
    ['with a plaintext of no type', sealed((_, __, seal) => seal({ body: '1' }, { cty: undefined }))],
    ['with a type that is none', sealed((_, __, seal) => seal({ body: '1' }, { cty: 'x' }))],
    ['with an encrypted key', sealed((_, __, seal) => seal({ body: '1' }).replace('..', '.AAAA.'))],
    ['with a changed header', sealed((_, __, seal) => flipped(seal({ body: '1' }), 0))],
    ['with a changed IV', sealed((_, __, seal) => flipped(seal({ body: '1' }), 2))],
    ['with a changed ciphertext', sealed((_, __, seal) => flipped(seal({ body: '1' }), 3))],
    ['with a changed tag', sealed((_, __, seal) => flipped(seal({ body: '1' }), 4))],
    ['with a line end', sealed((_, __, seal) => `${seal({ body: '1' })}\n`)],
    ['with a byte order mark', sealed((_, __, seal) => `\ufeff${seal({ body: '1' })}`)],
    ['that is the request itself', sealed((_, { body }) => body)],
    ['that is empty', sealed(() => '')],
    ['that is no message', sealed(() => '{"admin":true}')],
  ])('%s', async (_, interfere) => {
    setup.server.interfere = interfere;
    expect((await errorOf(setup.client().fetch('/x', post))).code).toBe('answer-rejected');
    expect(setup.server.arrivals).toHaveLength(1);
  });

  it('two answers that were swapped', async () => {
    const waiting: (() => void)[] = [];
    const messages: string[] = [];
    setup.server.interfere = async (response, { plaintext }, seal) => {
      const mine = messages.push(seal({ body: plaintext })) - 1;
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length === 2) waiting.forEach((go) => go());
      });
      response.writeHead(200, JOSE).end(messages[1 - mine]);
      return true;
    };
    const client = setup.client();
    const errors = await Promise.all(['a', 'b'].map((body) => errorOf(client.fetch('/x', { method: 'POST', body }))));
    expect(errors.map(({ code }) => code)).toEqual(['answer-rejected', 'answer-rejected']);
  });

  it('the answer to an earlier request, played again', async () => {
    let first: string | undefined;
    setup.server.interfere = (response, _, seal) => {
      first ??= seal({ body: '"first"' });
      response.writeHead(200, JOSE).end(first);
      return true;
    };
    const client = setup.client();
    expect(await (await client.fetch('/x')).json()).toBe('first');
    expect((await errorOf(client.fetch('/x'))).code).toBe('answer-rejected');
  });
});

describe('the size of an answer', () => {
  it('is bounded, whatever its Content-Length says', async () => {
    const client = setup.client({ maxResponseSize: 10_000 });
    setup.server.reply = () => ({ body: JSON.stringify('x'.repeat(7000)) });
    expect(await (await client.fetch('/x')).json()).toHaveLength(7000);
    setup.server.interfere = (response, _, seal) => {
      const message = seal({ body: 'x'.repeat(8000) });
      response.writeHead(200, JOSE);
      response.write(message.slice(0, 100));
      response.end(message.slice(100));
      return true;
    };
    expect((await errorOf(client.fetch('/x'))).code).toBe('answer-too-large');
  });

  describe.each(['', 'gzip'])('over a raw connection, with the content-encoding "%s"', (encoding) => {
    it.each<[string, (length: number) => string]>([
      ['announced too small', (length) => `Content-Length: ${length - 5000}`],
      ['announced as nothing', () => 'Content-Length: 0'],
      ['announced too large', (length) => `Content-Length: ${length + 5000}`],
      ['announced beside chunks', () => 'Content-Length: 10\r\nTransfer-Encoding: chunked'],
      ['announced twice', (length) => `Content-Length: 10\r\nContent-Length: ${length}`],
      ['announced as an empty string', () => 'Content-Length: '],
      ['announced below zero', () => 'Content-Length: -1'],
      ['not announced', () => 'Connection: close'],
    ])('is bounded where it is %s', async (_how, framing) => {
      const client = setup.client({ maxResponseSize: 5000 });
      await client.fetch('/x');
      setup.server.interfere = (response) => {
        const text = Buffer.from('A'.repeat(100_000));
        const body = encoding ? gzipSync(text) : text;
        const coding = encoding && `Content-Encoding: ${encoding}\r\n`;
        response.socket!.end(
          Buffer.concat([
            Buffer.from(
              `HTTP/1.1 200 OK\r\nContent-Type: application/jose\r\n${coding}${framing(body.length)}\r\n\r\n`,
            ),
            body,
          ]),
        );
        return true;
      };
      const size = jest.spyOn(Response.prototype, 'arrayBuffer');
      const error = await client.fetch('/x').then(
        () => undefined,
        (reason: unknown) => reason,
      );
      // What is left of a cut body does not open; what no client may read (RFC 9112 §6.3) is an error of the connection.
      expect(error).toHaveProperty('message');
      const read = await Promise.all(size.mock.results.map(({ value }) => value as Promise<ArrayBuffer>)).catch(
        () => [],
      );
      size.mockRestore();
      expect(read.filter(({ byteLength }) => byteLength > 5000)).toEqual([]);
    });
  });

  it.each([
    ['a length of its own', { 'content-length': '10' }],
    ['an empty length', { 'content-length': '' }],
    ['a length for the packed body', { 'content-length': '10', 'content-encoding': 'gzip' }],
  ])('is bounded for the answers of a fetch that gives them %s', async (_what, headers) => {
    let read = 0;
    const lying: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (new URL(response.url).pathname !== '/x') return response;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          read += 1000;
          if (read > 1_000_000) controller.close();
          else controller.enqueue(new Uint8Array(1000).fill(65));
        },
      });
      return new Response(body, { headers: { ...JOSE, ...headers } });
    };
    const client = setup.client({ maxResponseSize: 5000, fetch: lying });
    expect((await errorOf(client.fetch('/x'))).code).toBe('answer-too-large');
    expect(read).toBeLessThan(20_000);
  });

  it('may be an endless stream, which is let go', async () => {
    let closed: Promise<void> | undefined;
    setup.server.interfere = (response) => {
      response.writeHead(200, JOSE);
      const timer = setInterval(() => response.write('A'.repeat(4096)), 1);
      closed = new Promise((resolve) =>
        response.on('close', () => {
          clearInterval(timer);
          resolve();
        }),
      );
      return true;
    };
    expect((await errorOf(setup.client({ maxResponseSize: 50_000 }).fetch('/x'))).code).toBe('answer-too-large');
    await closed;
  });
});
