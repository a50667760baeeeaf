import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Module, Post, Req, type MiddlewareConsumer, type NestModule } from '@nestjs/common';
import session, { MemoryStore, type SessionOptions } from 'express-session';
import { Encrypted, type E2eOptions } from '../../../src/index.js';
import { TestApp, type PlatformName } from '../e2e/support/apps.js';
import { SECRET } from '../e2e/support/sessions.js';

const store = new MemoryStore();
const OPTIONS: SessionOptions = { name: 'shop.sid', secret: SECRET, store, resave: false, saveUninitialized: false };

@Controller('me')
@Encrypted()
class MeController {
  @Get()
  get(@Req() { sessionStore, session: { user } }: WithSession): object {
    return { own: sessionStore === store, user };
  }
  @Post('login')
  login(@Req() request: WithSession): void {
    request.session.user = 'ada';
  }
}

interface WithSession {
  readonly sessionStore: unknown;
  readonly session: { user?: string };
}

function start(e2e: E2eOptions, platform: PlatformName = 'express', apply = session(OPTIONS)) {
  @Module({})
  class SessionModule implements NestModule {
    configure(consumer: MiddlewareConsumer): void {
      consumer.apply(apply).forRoutes('{*path}');
    }
  }
  return TestApp.start(platform, { controllers: [MeController], imports: [SessionModule], e2e });
}

describe('A session that a module applies', () => {
  it('is the session that channels belong to, in place of the one that E2eModule brings', async () => {
    const app = await start({ secret: SECRET });
    const client = app.client();
    expect((await client.fetch('/me/login', { method: 'POST' })).status).toBe(201);
    expect(await (await client.fetch('/me')).json()).toEqual({ own: true, user: 'ada' });
    expect((await fetch(`${app.url}/me`)).status).toBe(415);
    await app.close();
  });

  it.each<[string, E2eOptions, PlatformName, string]>([
    ['without a secret for what is kept in its store', {}, 'express', 'E2eModule.forRoot({ secret })'],
    [
      'beside a store of the option "session"',
      { secret: SECRET, session: { store } },
      'express',
      'Only one of the two',
    ],
    ['on Fastify, whose routes do not see it', { secret: SECRET }, 'fastify', '@fastify/session'],
  ])('stops the start %s', async (_, e2e, platform, hint) => {
    await expect(start(e2e, platform)).rejects.toThrow(hint);
  });

  it('is nobody else’s: another application of the process has its own', async () => {
    const [with_, without] = [
      await start({ secret: SECRET }),
      await TestApp.start('express', { controllers: [MeController] }),
    ];
    expect(await (await without.client().fetch('/me')).json()).toEqual({ own: false });
    await with_.close();
    await without.close();
  });
});
