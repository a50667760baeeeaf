import { describe, expect, it } from '@jest/globals';
import { runInNewContext } from 'node:vm';
import type { E2eClient } from '../../../src/client/index.js';
import { errorOf, useCounterpart } from './support/harness.js';

const setup = useCounterpart();

function last() {
  return setup.server.arrivals.at(-1)!;
}

describe('what is sealed', () => {
  it('puts a JSON body into a message, and nothing of it beside', async () => {
    const client = setup.client();
    const body = JSON.stringify({ title: 'canary-7' });
    const headers = { 'Content-Type': 'application/json', 'X-Own': 'kept' };
    const response = await client.fetch('/notes', { method: 'POST', headers, body });
    expect(await response.json()).toEqual({ title: 'canary-7' });
    expect(last().plaintext).toBe(body);
    expect(last().header).toMatchObject({ method: 'POST', target: '/notes', cty: 'application/json', seq: 1 });
    expect(last().headers['content-type']).toBe('application/jose');
    expect(last().headers['x-own']).toBe('kept');
    expect(last().headers['e2e-request']).toBeUndefined();
    expect(last().body + JSON.stringify(last().headers)).not.toContain('canary');
  });

  it.each<[string, BodyInit, string | undefined, string, string]>([
    ['a string', 'grüße', undefined, 'grüße', 'text/plain;charset=UTF-8'],
    [
      'URLSearchParams',
      new URLSearchParams({ a: '1 2' }),
      undefined,
      'a=1+2',
      'application/x-www-form-urlencoded;charset=UTF-8',
    ],
    ['an ArrayBuffer', new TextEncoder().encode('buffer').buffer, undefined, 'buffer', 'application/octet-stream'],
    ['a view', new TextEncoder().encode('view').subarray(1), undefined, 'iew', 'application/octet-stream'],
    ['a Blob', new Blob(['blob'], { type: 'image/png' }), undefined, 'blob', 'image/png'],
    ['a Blob without a type', new Blob(['blob']), undefined, 'blob', 'application/octet-stream'],
    [
      'a type of its own',
      '{}',
      'application/merge-patch+json; charset=utf-8',
      '{}',
      'application/merge-patch+json; charset=utf-8',
    ],
  ])('takes %s as a body, with the media type that fetch would give it', async (_, body, type, plaintext, cty) => {
    const headers: HeadersInit = type === undefined ? {} : { 'content-type': type };
    await setup.client().fetch('/x', { method: 'PUT', headers, body });
    expect(last().plaintext).toBe(plaintext);
    expect(last().header.cty).toBe(cty);
  });

  it('takes a Request, with its headers and body', async () => {
    const request = new Request(`${setup.server.url}/x?q=1`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json', 'x-own': '1' },
      body: '[1]',
    });
    const response = await setup.client().fetch(request);
    expect(await response.text()).toBe('[1]');
    expect(last()).toMatchObject({ header: { method: 'PATCH', target: '/x' }, meta: { query: 'q=1' } });
    expect(last().headers['x-own']).toBe('1');
    expect(request.bodyUsed).toBe(true);
  });

  it('lets init override what a Request says', async () => {
    await setup.client().fetch(new Request(`${setup.server.url}/x`), { method: 'delete', headers: { 'x-own': '2' } });
    expect(last().header.method).toBe('DELETE');
    expect(last().headers['x-own']).toBe('2');
  });

  it('takes a Request whose pieces are of another realm', async () => {
    const piece: unknown = runInNewContext('new Uint8Array([97])');
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(piece);
        controller.close();
      },
    });
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
    await setup.client().fetch(new Request(`${setup.server.url}/x`, init));
    expect(last().plaintext).toBe('a');
  });

  it('seals an Idempotency-Key', async () => {
    await setup.client().fetch('/x', { method: 'POST', body: 'a', headers: { 'idempotency-key': 'k-1' } });
    expect(last().header.idem).toBe('k-1');
  });

  it('hides the query, and leaves it out of the URL', async () => {
    setup.server.reply = ({ meta }) => ({ body: JSON.stringify(meta) });
    const response = await setup.client().fetch('/notes?search=caf%C3%A9&page=2#top');
    expect(await response.json()).toEqual({ query: 'search=caf%C3%A9&page=2' });
    expect(last().target).toBe('/notes');
    expect(last().header).toMatchObject({ target: '/notes' });
    expect(last().header.cty).toBeUndefined();
    expect(last().body).toBe('');
    expect(response.url).toBe(`${setup.server.url}/notes?search=caf%C3%A9&page=2`);
  });

  it('hides the query of a POST without a body too', async () => {
    await setup.client().fetch('/notes?x=1', { method: 'POST', headers: { 'content-type': 'application/json' } });
    expect(last()).toMatchObject({ target: '/notes', plaintext: '', meta: { query: 'x=1' }, body: '' });
    expect(last().headers['content-type']).toBeUndefined();
  });

  it('leaves the query in the URL if configured', async () => {
    await setup.client({ sealQuery: false }).fetch('/notes?x=1');
    expect(last()).toMatchObject({ target: '/notes?x=1', plaintext: '', meta: {} });
    expect(last().header.cty).toBeUndefined();
  });

  it.each([
    ['/a b/ü?q=ä b|c', '/a%20b/%C3%BC', 'q=%C3%A4%20b|c'],
    ['/a/../b/./c', '/b/c', ''],
    ['/x?', '/x', ''],
    ['/x?#f', '/x', ''],
    ['?q=1', '/', 'q=1'],
    ['', '/', ''],
    ['/a;b/c%2Fd', '/a;b/c%2Fd', ''],
  ])('binds the target that goes over the wire: %s', async (input, target, query) => {
    await setup.client().fetch(input);
    expect(last()).toMatchObject({ target, meta: query ? { query } : {} });
    expect(last().header.target).toBe(last().target);
  });

  it.each(['/x?', '/x?q=1', '/x#f'])('hides the query beside a body: %s', async (input) => {
    await setup.client().fetch(input, { method: 'POST', body: 'b' });
    const meta = input === '/x?q=1' ? { query: 'q=1' } : {};
    expect(last()).toMatchObject({ target: '/x', header: { target: '/x' }, plaintext: 'b', meta });
  });

  it('takes FormData as a body, its parts and their names sealed', async () => {
    const body = new FormData();
    body.append('canary', new Blob(['bytes']), 'canary.txt');
    await setup.client().fetch('/x', { method: 'POST', body });
    expect(last().header.cty).toMatch(/^multipart\/form-data; boundary=/);
    expect(last().plaintext).toContain('filename="canary.txt"');
    expect(last().body + JSON.stringify(last().headers)).not.toContain('canary');
  });

  it('seals the header fields that it is told to, and those alone', async () => {
    const headers = { 'Last-Event-ID': '41', authorization: 'Bearer canary' };
    await setup.client().fetch('/x', { headers });
    expect(last().meta).toEqual({ headers: { 'last-event-id': '41' } });
    expect(last().headers).toMatchObject({ authorization: 'Bearer canary' });
    expect(last().headers['last-event-id']).toBeUndefined();
    await setup.client({ sealHeaders: ['Authorization'] }).fetch('/x', { headers });
    expect(last().meta).toEqual({ headers: { authorization: 'Bearer canary' } });
    expect(last().headers.authorization).toBeUndefined();
  });

  it('seals no header field that never travels inside, and sends nothing', async () => {
    for (const options of [{ sealHeaders: ['Cookie'] }, { sealedResponseHeaders: ['x-forwarded-for'] }]) {
      const error = await errorOf(setup.client(options).fetch('/x'));
      expect([error.code, error.message]).toEqual([
        'invalid-option',
        expect.stringMatching(/"(cookie|x-forwarded-for)"/),
      ]);
    }
    expect(setup.server.arrivals).toHaveLength(0);
  });

  it('takes header fields from inside an answer alone, where they may hide there', async () => {
    const outside = { 'content-disposition': 'evil', link: 'evil', 'x-own': 'evil', digest: 'evil', 'x-free': 'kept' };
    setup.server.reply = () => ({
      body: '1',
      headers: outside,
      inside: { link: '</a>', 'set-cookie': 'a=b', 'x-more': '1' },
    });
    const { headers } = await setup.client({ sealedResponseHeaders: ['X-Own'] }).fetch('/x');
    const named = ['content-disposition', 'link', 'x-own', 'digest', 'x-free', 'x-more', 'set-cookie'];
    expect(named.map((name) => headers.get(name))).toEqual([null, '</a>', null, null, 'kept', '1', null]);
  });

  it('sends no question mark without a query: browsers would, and the target has none', async () => {
    const urls: unknown[] = [];
    const client = setup.client({ fetch: (input, init) => (urls.push(input), fetch(input, init)) });
    await client.fetch('/x?#f');
    await client.fetch('/x?', { method: 'POST', body: 'b' });
    expect(urls.slice(1)).toEqual([`${setup.server.url}/x`, `${setup.server.url}/x`]);
  });

  it('sends one message, whatever headers the caller sets', async () => {
    const headers = { 'E2e-Request': 'x' };
    const client = setup.client();
    expect((await client.fetch('/x', { method: 'POST', body: 'b', headers })).status).toBe(200);
    expect((await client.fetch('/x', { headers })).status).toBe(200);
  });

  it('resolves against baseUrl as a folder', async () => {
    await setup.client({ baseUrl: `${setup.server.url}/api`, path: '/../e2e/' }).fetch('notes');
    expect(last().target).toBe('/api/notes');
  });

  it('pads JSON where padding is on, and nothing else', async () => {
    const client = setup.client({ padding: true });
    const body = JSON.stringify({ long: 'x'.repeat(100) });
    await client.fetch('/x', { method: 'POST', body, headers: { 'content-type': 'application/json' } });
    expect(last().plaintext.length).toBeGreaterThan(body.length);
    expect(last().plaintext.trimEnd()).toBe(body);
    await client.fetch('/x', { method: 'POST', body });
    expect(last().plaintext).toBe(body);
  });

  it('counts its messages, and never uses a number twice', async () => {
    const client = setup.client();
    await Promise.all(Array.from({ length: 30 }, () => client.fetch('/x')));
    expect(setup.server.arrivals.map(({ header }) => header.seq).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 30 }, (_, index) => index + 1),
    );
  });
});

describe('a body in the clear, where the call says so', () => {
  it('goes beside a message without plaintext', async () => {
    setup.server.reply = () => ({ body: '"ok"' });
    const response = await setup.client().fetch('/upload?dir=a', {
      method: 'POST',
      body: 'plain',
      headers: { 'content-type': 'text/csv; charset=latin1' },
      e2e: { request: false },
    });
    expect(await response.json()).toBe('ok');
    expect(last()).toMatchObject({ body: 'plain', plaintext: '', target: '/upload', meta: { query: 'dir=a' } });
    expect(last().headers['content-type']).toBe('text/csv; charset=latin1');
    expect(last().header.cty).toBeUndefined();
  });

  it('may be FormData', async () => {
    const body = new FormData();
    body.set('file', new Blob(['content']), 'a.txt');
    setup.server.reply = () => ({ body: '1' });
    await setup.client().fetch('/upload', { method: 'POST', body, e2e: { request: false } });
    expect(last().headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
    expect(last().body).toContain('filename="a.txt"');
  });
});

describe('what comes back', () => {
  it('is a Response with the true status, headers, media type and body', async () => {
    setup.server.reply = () => ({ status: 422, body: '<p>', cty: 'text/html', headers: { 'x-own': 'a', etag: '"1"' } });
    const response = await setup.client().fetch('/x');
    expect(response).toBeInstanceOf(Response);
    expect(response.status).toBe(422);
    expect(response.ok).toBe(false);
    expect(response.headers.get('content-type')).toBe('text/html');
    expect(response.headers.get('x-own')).toBe('a');
    expect(response.headers.get('etag')).toBeNull();
    expect(response.headers.get('content-length')).toBe('3');
    expect(response.redirected).toBe(false);
    expect(await response.clone().text()).toBe('<p>');
    expect(response.clone().url).toBe(`${setup.server.url}/x`);
    expect(await response.text()).toBe('<p>');
  });

  it.each([204, 205, 304])('has no body at %i', async (status) => {
    setup.server.reply = () => ({ status });
    const response = await setup.client().fetch('/x');
    expect(response.status).toBe(status);
    expect(response.body).toBeNull();
  });

  it('takes media type and location from the message, never from the wire', async () => {
    setup.server.reply = () => ({ status: 201, headers: { location: '/evil' } });
    const response = await setup.client().fetch('/x');
    expect(response.headers.get('location')).toBeNull();
    expect(response.headers.get('content-type')).toBeNull();
    setup.server.reply = () => ({ status: 201, location: '/true', body: '1', headers: { location: '/evil' } });
    const again = await setup.client().fetch('/x');
    expect(again.headers.get('location')).toBe('/true');
    expect(again.headers.get('content-type')).toBe('application/json');
  });

  it('keeps bytes as they are', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    setup.server.reply = () => ({ body: bytes, cty: 'application/octet-stream' });
    expect(new Uint8Array(await (await setup.client().fetch('/x')).arrayBuffer())).toEqual(bytes);
  });

  it('may be plain where the call says so, and only then', async () => {
    setup.server.interfere = (response) => {
      response.writeHead(206, { 'content-type': 'text/plain', location: '/own' }).end('open');
      return true;
    };
    const client = setup.client();
    const response = await client.fetch('/open?q=1', { e2e: { response: false } });
    expect(response.status).toBe(206);
    expect(response.url).toBe(`${setup.server.url}/open?q=1`);
    expect(await response.text()).toBe('open');
    expect((await errorOf(client.fetch('/open'))).code).toBe('plain-answer');
  });
});

describe('what is refused before anything is sent', () => {
  it.each<[string, string, RequestInit, RegExp]>([
    [
      'a charset but UTF-8',
      '/x',
      { method: 'POST', body: 'a', headers: { 'content-type': 'text/plain; charset=latin1' } },
      /"text\/plain; charset=latin1"/,
    ],
    [
      'a message inside the message',
      '/x',
      { method: 'POST', body: 'a', headers: { 'content-type': 'application/jose' } },
      /"application\/jose".*plain OpenAPI document/,
    ],
    ['HEAD', '/x', { method: 'HEAD' }, /GET/],
    ['another origin', 'http://127.0.0.1:1/x', {}, /sends requests only to/],
  ])('%s', async (_, url, init, hint) => {
    const error = await errorOf(setup.client().fetch(url, init));
    expect(error.code).toBe('request-unsupported');
    expect(error.message).toMatch(hint);
    expect(setup.server.handshakes).toBe(0);
  });

  it('a query that does not fit into a header', async () => {
    const client = setup.client();
    for (const length of [4500, 20_000]) {
      const error = await errorOf(client.fetch(`/x?q=${'a'.repeat(length)}`));
      expect(error.code).toBe('request-unsupported');
      expect(error.message).toMatch(/POST/);
    }
    expect(setup.server.arrivals).toHaveLength(0);
    expect((await client.fetch(`/x?q=${'a'.repeat(3500)}`)).status).toBe(200);
  });

  it('what fetch refuses too: a body with GET', async () => {
    await expect(setup.client().fetch('/x', { body: 'a' })).rejects.toMatchObject({ name: 'TypeError' });
  });

  it('an identity key that only looks like one, before it sends anything', async () => {
    const [x, y] = ['A'.repeat(43), 'A'.repeat(43)];
    for (const pin of [
      { kty: 'EC', crv: 'P-256', x, y },
      { kty: 'OKP', crv: 'Ed25519', x, d: x },
      { crv: 'Ed25519' },
    ]) {
      const client = setup.client({ identityKeys: [pin as never] });
      expect((await errorOf(client.fetch('/x'))).code).toBe('invalid-option');
    }
    expect(setup.server.handshakes).toBe(0);
  });

  it('options that are not what they must be', () => {
    for (const options of [
      { baseUrl: 'ftp://x' },
      { baseUrl: 'nonsense' },
      { baseUrl: 'http://u:p@x' },
      { keyKind: 'P-384' },
      { rsaModulusLength: 1024 },
      { maxResponseSize: 0 },
      { identityKeys: [] },
      { identitykeys: ['short'] },
      { identityKeys: ['short'] },
      { identityKeys: [{ kty: 'RSA' }] },
      { identityKeys: [null] },
      // What an environment variable that is not set, or a value that is missing, comes as.
      ...['identityKeys', 'deviceKey', 'keyKind', 'padding'].flatMap((name) =>
        [undefined, null, ''].map((value) => ({ [name]: value })),
      ),
      { identityKeys: 'A'.repeat(43) },
      { deviceKey: 'true' },
      { padding: 'false' },
      { sealQuery: 1 },
    ]) {
      expect(() => setup.client(options as never)).toThrow(expect.objectContaining({ code: 'invalid-option' }));
    }
  });
});

describe('a client in the place of fetch', () => {
  it('sends by the fetch that was there before', async () => {
    const { fetch } = globalThis;
    globalThis.fetch = setup.client().fetch;
    try {
      expect((await globalThis.fetch('/x')).status).toBe(200);
    } finally {
      globalThis.fetch = fetch;
    }
    expect(setup.server.arrivals).toHaveLength(1);
  });

  it.each<[string, (client: E2eClient) => typeof fetch]>([
    ['itself', (client) => client.fetch],
    ['behind a wrapper', (client) => (input, init) => client.fetch(input, init)],
    ['behind a wrapper that copies its options', (client) => (input, init) => client.fetch(input, { ...init })],
  ])('%s, sends by the fetch that was there before it was made', async (_, place) => {
    const { fetch } = globalThis;
    const sent: unknown[] = [];
    globalThis.fetch = (...request) => (sent.push(request[0]), fetch(...request));
    const client = setup.client();
    globalThis.fetch = place(client);
    try {
      expect((await globalThis.fetch(`${setup.server.url}/x`)).status).toBe(200);
      expect((await client.fetch('/x')).status).toBe(200);
    } finally {
      globalThis.fetch = fetch;
    }
    expect(sent).toEqual(['/e2e/handshake', '/x', '/x'].map((path) => setup.server.url + path));
  });

  it('refuses what it has sealed already, where a wrapper has taken its own mark away', async () => {
    const { fetch } = globalThis;
    const client = setup.client();
    globalThis.fetch = (input, init) => client.fetch(new Request(input, init));
    try {
      const error = await errorOf(client.fetch('/x'));
      expect(error).toMatchObject({ code: 'request-unsupported', message: expect.stringContaining('option fetch') });
    } finally {
      globalThis.fetch = fetch;
    }
  });

  it('takes from a Request what it takes from init, and leaves out what is the default', async () => {
    const inits: (RequestInit | undefined)[] = [];
    const client = setup.client({ fetch: (input, init) => (inits.push(init), fetch(input, init)) });
    await client.handshake();
    const members = {
      keepalive: true,
      mode: 'same-origin',
      referrer: `${setup.server.url}/from`,
      referrerPolicy: 'no-referrer',
    } as const;
    inits.length = 0;
    await client.fetch(new Request(`${setup.server.url}/x`, members));
    await client.fetch(new Request(`${setup.server.url}/x`, members), {
      referrerPolicy: 'origin',
      keepalive: undefined as never,
    });
    await client.fetch(new Request(`${setup.server.url}/x`, { integrity: 'sha256-AAAA' }));
    expect(inits[0]).toMatchObject(members);
    expect(inits[1]).toMatchObject({ keepalive: true, mode: 'same-origin', referrerPolicy: 'origin' });
    // As fetch: an init resets it.
    expect(inits[1]).not.toHaveProperty('referrer');
    for (const name of [...Object.keys(members), 'integrity']) expect(inits[2]).not.toHaveProperty(name);
  });

  it('sends by whatever has been put in the place of fetch since', async () => {
    const { fetch } = globalThis;
    const client = setup.client();
    let seen = 0;
    globalThis.fetch = (...request) => (seen++, fetch(...request));
    try {
      expect((await client.fetch('/x')).status).toBe(200);
    } finally {
      globalThis.fetch = fetch;
    }
    expect(seen).toBe(2);
  });
});
