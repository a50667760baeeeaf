import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import type { INestApplication } from '@nestjs/common';
import { Body, Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import session, { type Store } from 'express-session';
import { Encrypted, KeyService } from '../../../../src/index.js';
import type { E2eClient, E2eClientOptions } from '../../../../src/client/index.js';
import type { Visitor } from '../../../external/conformance/channel.js';
import type { PlatformName, TestApp } from './apps.js';

export const COOKIE_SECRET = 'the secret that the application signs its cookies with';
export const SECRET = 'the secret that channel records are wrapped under';

/** An application's own session middleware, as the two platforms have it. */
export async function useOwnSession(
  app: INestApplication,
  platform: PlatformName,
  given: { store?: Store; saveUninitialized?: boolean; rolling?: boolean } = {},
): Promise<void> {
  const options = { secret: COOKIE_SECRET, saveUninitialized: false, ...given };
  if (platform === 'express') {
    app.use(session({ ...options, resave: false, name: 'own.sid' }));
    return;
  }
  const fastify = app as NestFastifyApplication;
  await fastify.register(fastifyCookie);
  await fastify.register(fastifySession, { ...options, cookieName: 'own.sid', cookie: { secure: false } });
}

type Done = (error?: unknown) => void;
interface WithSession {
  session: {
    notes?: string[];
    save(done: Done): unknown;
    destroy(done: Done): unknown;
    regenerate(done: Done): unknown;
  };
}

const called = (action: (done: Done) => unknown): Promise<void> =>
  new Promise((resolve, reject) => {
    action((error) => (error ? reject(new Error('the session failed', { cause: error })) : resolve()));
  });

/** Does to its session what applications do. */
@Encrypted()
@Controller('session')
export class SessionController {
  constructor(private readonly keys: KeyService) {}

  @Get('notes')
  notes(@Req() { session }: WithSession): string[] {
    return session.notes ?? [];
  }
  @Post('notes')
  async add(@Req() { session }: WithSession, @Body() { note }: { note: string }): Promise<string[]> {
    session.notes = [...(session.notes ?? []), note];
    await called((done) => session.save(done));
    return session.notes;
  }
  @Post('login')
  @HttpCode(200)
  async login(@Req() request: WithSession): Promise<object> {
    const { notes } = request.session;
    await this.keys.carryOver(request);
    if (notes) request.session.notes = notes;
    return { login: true };
  }
  @Post('regenerate')
  async regenerate(@Req() { session }: WithSession): Promise<object> {
    await called((done) => session.regenerate(done));
    return { regenerated: true };
  }
  @Post('destroy')
  async destroy(@Req() { session }: WithSession): Promise<object> {
    await called((done) => session.destroy(done));
    return { destroyed: true };
  }
  @Post('revoke')
  async revoke(@Req() request: WithSession): Promise<object> {
    await this.keys.revoke(request);
    return { revoked: true };
  }
}

/** The real client on a visitor's cookies, so that both are in one session. */
export function clientOf(app: TestApp, visitor: Visitor, options: E2eClientOptions = {}): E2eClient {
  const onItsCookies: typeof fetch = async (input, init) => {
    const headers = new Headers(init?.headers);
    if (String(visitor.jar)) headers.set('cookie', String(visitor.jar));
    const response = await fetch(input, { ...init, headers });
    visitor.jar.take({
      status: response.status,
      headers: { 'set-cookie': response.headers.getSetCookie() },
      rawHeaders: [],
      body: '',
    });
    return response;
  };
  return app.client({ ...options, cookies: false, fetch: onItsCookies });
}
