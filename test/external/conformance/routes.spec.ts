import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Channel, form, search, json, value } from './channel.js';
import { type Json, KINDS } from './peer.js';
import { expectProblem, expectStatus, testbed, titles } from './testbed.js';

const bed = testbed();
const ada = json({ username: 'ada', password: 'lovelace' });

const SEALED = [
  ['POST', '/auth/login'],
  ['GET', '/auth/me'],
  ['GET', '/auth/session'],
  ['POST', '/auth/logout'],
  ['GET', '/notes'],
  ['GET', '/notes?search=x'],
  ['POST', '/notes'],
  ['GET', '/notes/1'],
  ['DELETE', '/notes/1'],
  ['POST', '/echo'],
  ['GET', '/boom'],
  ['GET', '/raw'],
] as const;

describe.each(KINDS)('the routes over a channel of kind %s', (kind) => {
  let channel: Channel;
  beforeAll(async () => {
    channel = await bed.visitor().handshake(kind);
  });

  const values: [string, Json][] = [
    ['null', null],
    ['false', false],
    ['true', true],
    ['0', 0],
    ['a fraction', -1.5],
    ['a large number', 1e21],
    ['the empty string', ''],
    ['a string', 'text'],
    ['the empty array', []],
    ['the empty object', {}],
    ['an array', [null, false, 0, '', [], {}, [[1]]]],
    ['nested objects', { a: { b: { c: [{ d: null }] } }, 'x.y': 1, length: 0, toString: 'own' }],
    ['names of Object.prototype', { constructor: 'x', prototype: 1, hasOwnProperty: null, valueOf: [] }],
    ['unicode', { 'ключ 🔑': 'héllo \u0000 \u2028 🔐 日本語 \ud83d\ude00 "quoted" \\ /' }],
    ['200 kB', 'long '.repeat(40_000)],
  ];
  it.each(values)('POST /echo gives back %s, 201', async (_, sent) => {
    const sealed = await channel.request('POST', '/echo', json(sent));
    expectStatus(sealed, 201);
    expect(value(sealed)).toEqual(sent);
  });

  it('GET /boom is 500, GET /raw what res.json was given, and neither says more', async () => {
    const boom = await channel.request('GET', '/boom');
    expectStatus(boom, 500);
    expect(boom.text).not.toMatch(/\bat .*:\d+:\d+|node_modules/);
    const raw = await channel.request('GET', '/raw');
    expectStatus(raw, 200);
    expect(value(raw)).toEqual({ raw: true });
  });

  it('a route that is missing is 404, sealed', async () => {
    for (const [method, path] of [
      ['GET', '/nowhere'],
      ['POST', '/nowhere?x=1'],
      ['PUT', '/notes'],
      ['GET', '//echo'],
    ] as const) {
      expectStatus(await channel.request(method, path, method === 'GET' ? undefined : json(1)), 404);
    }
  });

  it('notes: written 201, listed, read, searched, deleted 204, then 404', async () => {
    expect(await titles(channel)).toEqual([]);
    const ids: Record<string, string> = {};
    for (const title of ['Analytical Engine', 'Café & Bar', 'q']) {
      const made = await channel.request('POST', '/notes', json({ title, body: `about ${title}` }));
      expectStatus(made, 201);
      expect(value(made)).toMatchObject({ title, body: `about ${title}` });
      ids[title] = String((value(made) as { id: string | number }).id);
    }
    expect(await titles(channel)).toEqual(['Analytical Engine', 'Café & Bar', 'q']);
    const path = `/notes/${encodeURIComponent(ids['Café & Bar'] ?? '')}`;
    const read = await channel.request('GET', path);
    expectStatus(read, 200);
    expect(value(read)).toMatchObject({ title: 'Café & Bar', body: 'about Café & Bar' });

    const found = async (target: string, query?: string): Promise<string[]> => {
      const sealed = await channel.request('GET', target, query === undefined ? undefined : search(query));
      expectStatus(sealed, 200);
      return (value(sealed) as { title: string }[]).map(({ title }) => title);
    };
    expect(await found('/notes', 'search=Engine')).toEqual(['Analytical Engine']);
    expect(await found('/notes', 'search=Caf%C3%A9+%26')).toEqual(['Café & Bar']);
    expect(await found('/notes', 'search=nothing')).toEqual([]);
    expect(await found('/notes?search=Engine')).toEqual(['Analytical Engine']);
    expect(await found('/notes?search=Caf%C3%A9%20%26')).toEqual(['Café & Bar']);
    expect(await found('/notes?')).toHaveLength(3);

    const gone = await channel.request('DELETE', path);
    expectStatus(gone, 204);
    expect(gone.wire.status).toBe(200);
    expect(gone.text).toBe('');
    expectStatus(await channel.request('GET', path), 404);
    expectStatus(await channel.request('DELETE', path), 404);
    expect(await titles(channel)).toEqual(['Analytical Engine', 'q']);
  });

  it.each<[string, Json]>([
    ['no title', { body: 'x' }],
    ['an empty title', { title: '', body: 'x' }],
    ['81 characters', { title: 'x'.repeat(81), body: 'x' }],
    ['a title that is no string', { title: ['x'], body: 'x' }],
    ['a body of 10,001', { title: 'x', body: 'x'.repeat(10_001) }],
    ['an unknown property', { title: 'x', body: 'x', admin: true }],
    ['an array', [{ title: 'x', body: 'x' }]],
    ['null', null],
    ['a string', 'x'],
  ])('POST /notes with %s is 400, and keeps nothing', async (_, body) => {
    const before = await titles(channel);
    expectStatus(await channel.request('POST', '/notes', json(body)), 400);
    expect(await titles(channel)).toEqual(before);
  });

  it('POST /notes takes the longest note', async () => {
    const longest = { title: 't'.repeat(80), body: 'b'.repeat(10_000) };
    expectStatus(await channel.request('POST', '/notes', json(longest)), 201);
  });

  it('login: 401 until the password is right, the notes and the channel outlive it', async () => {
    const visitor = bed.visitor();
    const mine = await visitor.handshake(kind);
    await mine.request('POST', '/notes', json({ title: 'before', body: '' }));
    expectStatus(await mine.request('GET', '/auth/me'), 401);
    const strangers: Json[] = [
      { username: 'ada', password: 'byron' },
      { username: 'ada' },
      {},
      { username: ['ada'], password: { $ne: '' } },
    ];
    for (const wrong of strangers) expectStatus(await mine.request('POST', '/auth/login', json(wrong)), 401);
    expectStatus(await mine.request('GET', '/auth/me'), 401);

    const before = visitor.jar.clone();
    const login = await mine.request('POST', '/auth/login', ada);
    expectStatus(login, 200);
    expect(value(login)).toEqual({ username: 'ada' });
    expect(String(visitor.jar)).not.toBe(String(before));

    const me = await mine.request('GET', '/auth/me');
    expectStatus(me, 200);
    expect(value(me)).toMatchObject({ username: 'ada' });
    expect(await titles(mine)).toEqual(['before']);
  });

  it('logout: 204, sealed; the session and its channels end', async () => {
    const visitor = bed.visitor();
    const mine = await visitor.handshake(kind);
    expectStatus(await mine.request('POST', '/auth/login', ada), 200);
    expect(value(await mine.request('GET', '/auth/session'))).toEqual({ username: 'ada' });
    expectStatus(await mine.request('POST', '/auth/logout'), 204);
    expectProblem(await mine.post(mine.message('GET', '/auth/me')), 'handshake-required');
    const next = await visitor.handshake(kind);
    expectStatus(await next.request('GET', '/auth/me'), 401);
    expect(value(await next.request('GET', '/auth/session'))).toEqual({ username: null });
  });

  it('login takes a form too', async () => {
    const mine = await bed.visitor().handshake(kind);
    expectStatus(await mine.request('POST', '/auth/login', form('username=ada&password=lovelace')), 200);
  });

  it('sealed requests to routes in the clear are answered sealed', async () => {
    const echo = await channel.request('POST', '/plain/echo', json({ a: 1 }));
    expectStatus(echo, 201);
    expect(value(echo)).toEqual({ a: 1 });
    expectStatus(await channel.request('GET', '/health'), 200);
    expectStatus(await channel.request('GET', '/e2e/identity'), 200);
  });
});

describe('in the clear', () => {
  it('POST /plain/echo and GET /health stay plain', async () => {
    const headers = { 'Content-Type': 'application/json' };
    const echo = await bed.visitor().send({ method: 'POST', target: '/plain/echo', headers, body: '{"a":[1]}' });
    expect([echo.status, JSON.parse(echo.body)]).toEqual([201, { a: [1] }]);
    expect(echo.headers['content-type']).toMatch(/^application\/json/);
    expect((await bed.visitor().send({ target: '/health' })).status).toBe(200);
    expect((await bed.visitor().send({ target: '/nowhere' })).status).toBe(404);
  });

  it('the page is there', async () => {
    const page = await bed.visitor().send({ target: '/' });
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toMatch(/^text\/html/);
  });

  it.each(SEALED)('%s %s is message-required', async (method, target) => {
    const visitor = bed.visitor();
    await visitor.handshake('X25519');
    const body =
      method === 'POST' ? { body: '{"title":"plain","body":"x","username":"ada","password":"lovelace"}' } : {};
    for (const type of ['application/json', 'application/x-www-form-urlencoded', 'text/plain']) {
      const headers = method === 'POST' ? { 'Content-Type': type } : {};
      expectProblem(await visitor.send({ method, target, headers, ...body }), 'message-required');
    }
  });

  it.each(SEALED.filter(([method]) => method === 'GET'))('HEAD in place of %s %s is 405', async (_, target) => {
    const channel = await bed.visitor().handshake('X25519');
    expect((await channel.visitor.send({ method: 'HEAD', target })).status).toBe(405);
    expect((await channel.post(channel.message('HEAD', target))).status).toBe(405);
  });

  it('no plain request left a note behind', async () => {
    const visitor = bed.visitor();
    const channel = await visitor.handshake('X25519');
    const headers = { 'Content-Type': 'application/json' };
    expectProblem(
      await visitor.send({ method: 'POST', target: '/notes', headers, body: '{"title":"plain","body":""}' }),
      'message-required',
    );
    expect(await titles(channel)).toEqual([]);
  });
});
