import fastifyCookie, { Signer } from '@fastify/cookie';
import fastifySession from '@fastify/session';
import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Req } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { MemoryStore, type SessionData } from 'express-session';
import { useApp, type Setup, type TestApp } from './support/apps.js';
import { COOKIE_SECRET, SECRET, SessionController, useOwnSession } from './support/sessions.js';

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

describe('On Fastify, before any hook has run,', () => {
  const read: string[] = [];
  const store = new (class extends MemoryStore {
    override get(id: string, done: (error: unknown, session?: SessionData | null) => void): void {
      read.push(id);
      super.get(id, done);
    }
  })();
  const setup = (cookie: object): Setup => ({
    controllers: [SessionController],
    e2e: { secret: SECRET },
    configure: async (nest) => {
      const fastify = nest as NestFastifyApplication;
      await fastify.register(fastifyCookie);
      const options = { secret: COOKIE_SECRET, saveUninitialized: false, store };
      await fastify.register(fastifySession, {
        ...options,
        cookieName: 'own.sid',
        cookie: { secure: false, ...cookie },
      });
    },
  });
  const signed = (id: number): string => encodeURIComponent(new Signer(COOKIE_SECRET).sign(`ended-${id}`));

  /** A request that looks sealed, and that the router rejects: how often a session is made, and which are read from the store. */
  async function effortOf(app: TestApp, cookie: string): Promise<{ tried: number; read: string[] }> {
    const instance = app.nest.getHttpAdapter().getInstance() as {
      decryptSession: (...args: unknown[]) => unknown;
    };
    const decrypt = instance.decryptSession;
    let tried = 0;
    instance.decryptSession = (...args) => (tried++, decrypt.apply(instance, args));
    read.length = 0;
    try {
      await app.visitor().send({ target: '/%ff', headers: { cookie, 'e2e-request': 'x' } });
    } finally {
      instance.decryptSession = decrypt;
    }
    return { tried, read: [...read] };
  }

  describe.each<[string, object, number]>([
    ['only the session’s own cookie is read', {}, 1],
    // The plugin reads none elsewhere, so its name stays unknown.
    ['a few cookies are read, if its name is not to be found', { path: '/elsewhere' }, 5],
  ])('%s', (_, cookie, most) => {
    const app = useApp('fastify', setup(cookie));

    it.each<[string, (index: number) => string]>([
      ['that are not signed', (index) => `c${index}=x`],
      ['that look signed', (index) => `c${index}=x.y`],
      ['of sessions that have ended', (index) => `c${index}=${signed(index)}`],
    ])('of a hundred %s', async (_name, cookieOf) => {
      const all = Array.from({ length: 100 }, (_each, index) => cookieOf(index)).join('; ');
      const { tried, read: ids } = await effortOf(app(), all);
      expect(tried).toBeLessThanOrEqual(most);
      expect(ids.length).toBeLessThan(most);
    });
  });
});
