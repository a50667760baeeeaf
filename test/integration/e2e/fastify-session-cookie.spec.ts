import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Req } from '@nestjs/common';
import { useApp } from './support/apps.js';
import { SECRET, SessionController, useOwnSession } from './support/sessions.js';

describe('On Fastify with an application’s own session, whose cookie’s name only its plugin knows', () => {
  @Controller('cookies')
  class CookieController {
    @Get()
    show(@Req() { cookies }: { cookies: object }): object {
      return cookies;
    }
  }
  const app = useApp('fastify', {
    controllers: [SessionController, CookieController],
    e2e: { secret: SECRET },
    configure: (nest) => useOwnSession(nest, 'fastify'),
  });
  const cookiesOf = async (cookie: string): Promise<Record<string, string>> =>
    JSON.parse((await app().visitor().send({ target: '/cookies', headers: { cookie } })).body) as Record<
      string,
      string
    >;
  const sessionCookie = async (): Promise<[string, string]> => {
    // A handshake stores the session, and no request has had its cookie.
    const { visitor } = await app().visitor().handshake('X25519');
    const value = String(visitor.jar).replace(/^own\.sid=/, '');
    return [value, decodeURIComponent(value)];
  };

  it('no client can have another cookie hidden, whatever it calls its session’s value', async () => {
    const [value, decoded] = await sessionCookie();
    const [other] = await sessionCookie();
    // Each in a request of its own, the first of which is the first ever that has a session.
    for (const named of [`token=${value}; own.sid=${value}`, `own.sid=${value}; token=x${value}`, `token=${value}`]) {
      await cookiesOf(named);
      expect(await cookiesOf(`token=mine; own.sid=${other}`)).toMatchObject({ token: 'mine' });
      expect(await cookiesOf('token=mine')).toEqual({ token: 'mine' });
    }
    expect(await cookiesOf(`token=${value}; own.sid=${value}`)).toEqual({ token: decoded, 'own.sid': decoded });
  });

  it('the cookie of a session that has ended is hidden, and no other', async () => {
    expect(await cookiesOf('token=mine; own.sid=ended.forged')).toEqual({ token: 'mine' });
  });
});
