import { describe, expect, it } from '@jest/globals';
import { CookieJar } from '../../../src/client/call/cookies.js';
import { leavesCookiesToUs } from '../../../src/client/runtime.js';
import { errorOf, useCounterpart } from './support/harness.js';

const setup = useCounterpart();

function jarWith(...lines: string[]): CookieJar {
  const jar = new CookieJar();
  const headers = new Headers();
  for (const line of lines) headers.append('set-cookie', line);
  jar.store(new URL('http://app.example.com/a/login'), headers);
  return jar;
}
const header = (jar: CookieJar, path = '/a/b') => jar.header(new URL(path, 'http://app.example.com'));

describe('the cookies that a client keeps', () => {
  it('are told apart where Headers has no getSetCookie() and joins them', () => {
    const lines = [
      'first=1; Path=/; Expires=Fri, 31 Dec 2099 23:59:59 GMT',
      'sid=s1; HttpOnly; Path=/',
      'last=a=b; Path=/',
    ];
    const jar = new CookieJar();
    const joined = { get: (name: string) => (name === 'set-cookie' ? lines.join(', ') : null) } as Headers;
    jar.store(new URL('http://app.example.com/a/login'), joined);
    expect(header(jar)).toBe('first=1; sid=s1; last=a=b');
    jar.store(new URL('http://app.example.com/'), { get: () => null } as unknown as Headers);
    expect(header(jar)).toBe('first=1; sid=s1; last=a=b');
  });

  it.each([
    ['sid=s%3A1=2; Path=/; HttpOnly', 'sid=s%3A1=2'],
    ['sid="quoted"', 'sid="quoted"'],
    ['sid=; Path=/', 'sid='],
    ['sid=1; Path=/; Max-Age=60', 'sid=1'],
    ['sid=1; Path=/; Max-Age=0', ''],
    ['sid=1; Path=/; Max-Age=-1', ''],
    ['sid=1; Path=/; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT', 'sid=1'],
    ['sid=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT', ''],
    ['sid=1; Path=/; Expires=Fri, 31 Dec 2099 23:59:59 GMT', 'sid=1'],
    ['sid=1; Path=/; Domain=example.com', 'sid=1'],
    ['sid=1; Path=/; Domain=.app.example.com', 'sid=1'],
    ['sid=1; Path=/; Domain=elsewhere.com', ''],
    ['sid=1; Path=/; Domain=ample.com', ''],
    ['sid=1; Path=/a', 'sid=1'],
    ['sid=1; Path=/a/', 'sid=1'],
    ['sid=1; Path=/a/b', 'sid=1'],
    ['sid=1; Path=/a/bc', ''],
    ['sid=1; Path=/other', ''],
    ['sid=1', 'sid=1'],
    ['no pair', ''],
    ['=nameless', ''],
  ])('%s', (line, expected) => {
    expect(header(jarWith(line))).toBe(expected);
  });

  it('are replaced by name and path, and deleted', () => {
    const jar = jarWith('a=1; Path=/', 'b=2; Path=/', 'a=3; Path=/', 'b=; Path=/; Max-Age=0', 'a=long; Path=/a');
    expect(header(jar)).toBe('a=long; a=3');
  });

  it('have the folder of their URL as default path', () => {
    expect(header(jarWith('sid=1'), '/a')).toBe('sid=1');
    expect(header(jarWith('sid=1'), '/b')).toBe('');
  });

  it('go to their path and what is under it, not to one that begins alike', () => {
    expect(header(jarWith('sid=1; Path=/a'), '/a/b')).toBe('sid=1');
    expect(header(jarWith('sid=1; Path=/a'), '/ab')).toBe('');
  });

  it('are kept here, where fetch keeps none', () => {
    expect(leavesCookiesToUs(new URL('http://x.test'))).toBe(true);
  });
});

describe('a session', () => {
  it('is kept by its cookie from the handshake on', async () => {
    const client = setup.client();
    await client.fetch('/x', { headers: { cookie: 'own=1' } });
    expect(setup.server.arrivals[0]!.headers.cookie).toMatch(/^own=1; sid=[0-9a-f]{16}$/);
  });

  it('follows a new cookie of a sealed answer', async () => {
    setup.server.reply = () => ({ body: '1', headers: { 'set-cookie': ['sid=fresh; Path=/', 'theme=dark; Path=/'] } });
    const client = setup.client();
    const response = await client.fetch('/login', { method: 'POST', body: 'b' });
    expect(response.headers.getSetCookie()).toHaveLength(2);
    expect((await errorOf(client.fetch('/x', { method: 'POST', body: 'b' }))).problem).toBe('handshake-required');
    await client.fetch('/x');
    expect(setup.server.arrivals.at(-1)!.headers.cookie).toBe('sid=fresh; theme=dark');
  });

  it('is one for each client', async () => {
    await setup.client().fetch('/x');
    await setup.client().fetch('/x');
    const [first, second] = setup.server.arrivals.map(({ headers }) => headers.cookie);
    expect(first).not.toBe(second);
  });

  it('is left to others where cookies are off, and on calls that omit credentials', async () => {
    expect((await errorOf(setup.client({ cookies: false }).fetch('/x'))).problem).toBe('handshake-required');
    const client = setup.client();
    expect((await errorOf(client.fetch('/x', { credentials: 'omit' }))).problem).toBe('handshake-required');
    expect((await client.fetch('/x')).status).toBe(200);
  });
});
