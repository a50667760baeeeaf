import { afterEach, expect, it } from '@jest/globals';
import { Body, Controller, HttpCode, Injectable, Post, Put, Req, UseGuards } from '@nestjs/common';
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport';
import { MemoryStore } from 'express-session';
import passport from 'passport';
import { Strategy as LocalStrategy } from 'passport-local';
import { Encrypted, KeyService, MemoryReplayGuard, type E2eOptions } from '../../../src/index.js';
import { json, type Channel } from '../../external/conformance/channel.js';
import { letTimePass, until } from '../../support/clock.js';
import { onEachPlatform, TestApp } from './support/apps.js';
import { postJson } from './support/raw.js';
import { es256, prove, shakeHands } from './support/devices.js';
import { clientOf, COOKIE_SECRET, SECRET, SessionController, useOwnSession } from './support/sessions.js';

type Done = (error?: unknown) => void;
interface Session {
  user?: string;
  passport?: { user?: { name: string } };
  cookie?: unknown;
  save(done: Done): unknown;
  regenerate(done: Done): unknown;
}
interface WithSession {
  readonly user?: object;
  readonly sessionID?: string;
  readonly session: Session & { readonly sessionId?: string };
  logIn(user: object, options: object, done: Done): void;
}
const called = (action: (done: Done) => unknown): Promise<void> =>
  new Promise((resolve, reject) => {
    action((error) => (error ? reject(new Error('the session failed', { cause: error })) : resolve()));
  });

/** What a handler waits for, in the middle of a login or a logout. */
let meanwhile: (() => Promise<void>) | undefined;
afterEach(() => {
  meanwhile = undefined;
});
/** Whose each payment was. */
const ran: string[] = [];
/** The id of the session that paid last. */
let paidBy = '';
const lockedOut = new Set<string>();

@Injectable()
class Local extends PassportStrategy(LocalStrategy) {
  validate(name: string): { name: string } {
    return { name };
  }
}
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user: { name: string }, done) => done(null, lockedOut.has(user.name) ? false : user));

@Controller('auth')
@Encrypted()
class AuthController {
  constructor(private readonly keys: KeyService) {}

  @Post('passport')
  @HttpCode(200)
  @UseGuards(AuthGuard('local'))
  async passport(@Req() request: WithSession): Promise<object> {
    await called((done) => request.logIn(request.user!, {}, done));
    return {};
  }
  /** As the documentation of express-session has it. */
  @Post('login')
  @HttpCode(200)
  async login(@Req() request: WithSession, @Body('username') name: string): Promise<object> {
    await called((done) => request.session.regenerate(done));
    request.session.user = name;
    await called((done) => request.session.save(done));
    return {};
  }
  @Post('carry-over')
  @HttpCode(200)
  async carryOver(@Req() request: WithSession, @Body('username') name: string): Promise<object> {
    await this.keys.carryOver(request, async () => {
      await meanwhile?.();
      await called((done) => request.session.regenerate(done));
    });
    request.session.user = name;
    return {};
  }
  /** As passport logs out: it saves the emptied session first. */
  @Post('logout')
  @HttpCode(200)
  async logout(@Req() { session }: WithSession): Promise<object> {
    delete session.user;
    await called((done) => session.save(done));
    await meanwhile?.();
    await called((done) => session.regenerate(done));
    return {};
  }
  /** Without a save, which would leave the mark. */
  @Post('leave')
  @HttpCode(200)
  async leave(@Req() { session }: WithSession): Promise<object> {
    delete session.user;
    await called((done) => session.regenerate(done));
    return {};
  }
  /** Logs in without a new session. */
  @Post('stay')
  @HttpCode(200)
  async stay(@Req() { session }: WithSession, @Body('username') name: string): Promise<object> {
    session.user = name;
    await called((done) => session.save(done));
    return {};
  }
  @Post('slow')
  @HttpCode(200)
  async slow(@Req() { session }: WithSession): Promise<object> {
    await meanwhile?.();
    await called((done) => session.save(done));
    return {};
  }
  /** Removes the user alone. */
  @Post('forget')
  @HttpCode(200)
  forget(@Req() { session }: WithSession): object {
    delete session.user;
    return {};
  }
  @Post('pay')
  @HttpCode(200)
  pay(@Req() request: WithSession): object {
    return this.put(request);
  }
  @Put('pay')
  put(@Req() { session, sessionID }: WithSession): object {
    ran.push(session.passport?.user?.name ?? session.user ?? 'nobody');
    paidBy = sessionID ?? session.sessionId ?? '';
    return {};
  }
}

@Controller('callback')
class CallbackController {
  /** As passport's `keepSessionInfo` does it. */
  @Post('keep')
  async keep(@Req() request: WithSession): Promise<object> {
    const kept = Object.entries(request.session).filter(([name]) => name !== 'cookie');
    await called((done) => request.session.regenerate(done));
    for (const [name, value] of kept) {
      if (typeof value !== 'function') Object.assign(request.session, { [name]: value as unknown });
    }
    request.session.user = 'ada';
    return {};
  }
}

const user = (username: string): never => json({ username, password: 'x' }) as never;

onEachPlatform('A session that held somebody', (platform) => {
  const controllers = [AuthController, CallbackController, SessionController];

  function serve(store: MemoryStore, e2e: E2eOptions = {}): Promise<TestApp> {
    const session = { store, secret: COOKIE_SECRET };
    return TestApp.start(platform, { controllers, e2e: { secret: SECRET, session, ...e2e } });
  }

  /** A message that Ada has sealed, and that is withheld. */
  const withhold = (channel: Channel) => channel.message('POST', '/auth/pay', json({ to: 'a friend of Ada’s' }));

  async function neverRuns(channel: Channel, message: ReturnType<typeof withhold>): Promise<void> {
    const reply = await channel.post(message);
    expect([reply.status, ran]).toEqual([428, []]);
  }

  it('and was emptied by a request of its own is nobody’s no more', async () => {
    const app = await serve(new MemoryStore());
    try {
      ran.length = 0;
      const channel = await app.visitor().handshake('X25519');
      expect(await statusOf(channel, '/auth/login', user('ada'))).toBe(200);
      const message = withhold(channel);
      expect(await statusOf(channel, '/auth/forget')).toBe(200);
      expect(await statusOf(channel, '/auth/login', user('bob'))).toBe(200);
      await neverRuns(channel, message);
    } finally {
      await app.close();
    }
  });

  it('and was overwritten by a request that knew it empty, is nobody’s no more', async () => {
    const app = await serve(new MemoryStore());
    try {
      ran.length = 0;
      const channel = await app.visitor().handshake('X25519');
      let message: ReturnType<typeof withhold> | undefined;
      meanwhile = async () => {
        expect(await statusOf(channel, '/auth/stay', user('ada'))).toBe(200);
        message = withhold(channel);
      };
      expect(await statusOf(channel, '/auth/slow')).toBe(200);
      expect(await statusOf(channel, '/auth/login', user('bob'))).toBe(200);
      await neverRuns(channel, message!);
    } finally {
      await app.close();
    }
  });

  it('who was put there by an application without the module, is not nobody’s', async () => {
    const store = new MemoryStore();
    const set = MemoryStore.prototype.set.bind(store);
    const app = await serve(store);
    try {
      const channel = await app.visitor().handshake('X25519');
      expect(await statusOf(channel, '/auth/pay')).toBe(200);
      await called((done) => {
        store.get(paidBy, (_, found) => set(paidBy, Object.assign(found!, { user: 'ada' }), done));
      });
      const message = withhold(channel);
      expect(await statusOf(channel, '/auth/leave')).toBe(200);
      const isKept = (await statusOf(channel, '/auth/pay')) !== 428;
      const next = isKept ? channel : await channel.visitor.handshake('X25519');
      expect(await statusOf(next, '/auth/login', user('bob'))).toBe(200);
      ran.length = 0;
      await neverRuns(channel, message);
    } finally {
      await app.close();
    }
  });

  it.each(['the same server', 'another server'])(
    'and is being logged out passes no channel on, at %s',
    async (where) => {
      const [store, replayGuard] = [new MemoryStore(), new MemoryReplayGuard()];
      const [one, two] = [await serve(store, { replayGuard }), await serve(store, { replayGuard })];
      try {
        ran.length = 0;
        const channel = await one.visitor().handshake('X25519');
        expect(await statusOf(channel, '/auth/login', user('ada'))).toBe(200);
        const message = withhold(channel);
        const jar = channel.visitor.jar.clone();
        meanwhile = async () => {
          const at = where === 'another server' ? two : one;
          expect(await statusOf(channel, '/auth/login', user('bob'), at.visitor().base)).toBe(200);
        };
        const logout = channel.message('POST', '/auth/logout', json({}));
        const headers = { 'content-type': 'application/jose' };
        await Object.assign(one.visitor(), { jar }).send({
          method: 'POST',
          target: '/auth/logout',
          headers,
          body: logout.jwe,
        });
        await neverRuns(channel, message);
      } finally {
        await Promise.all([one.close(), two.close()]);
      }
    },
  );

  it.each(['revoke', 'destroy'])('and its channel does not go on after %s, while a login replaces it', async (way) => {
    const app = await serve(new MemoryStore());
    try {
      const visitor = app.visitor();
      const [mine, other] = [await visitor.handshake('X25519'), await visitor.handshake('X25519')];
      const jar = visitor.jar.clone();
      meanwhile = async () => {
        const message = other.message('POST', `/session/${way}`, json({}));
        const reply = await Object.assign(app.visitor(), { jar }).send({
          method: 'POST',
          target: `/session/${way}`,
          headers: { 'content-type': 'application/jose' },
          body: message.jwe,
        });
        expect(other.open(reply, message).status).toBe(201);
      };
      await mine.post(mine.message('POST', '/auth/carry-over', user('ada')));
      expect(await statusOf(mine, '/auth/pay')).toBe(428);
    } finally {
      await app.close();
    }
  });

  it.each(['renews its channel', 'closes its client'])(
    'and whose page %s at the logout: a call that was under way is not sent again',
    async (how) => {
      const app = await serve(new MemoryStore());
      const { fetch } = globalThis;
      try {
        ran.length = 0;
        const visitor = app.visitor();
        let goOn: (() => void) | undefined;
        globalThis.fetch = async (input, init) => {
          if (init?.method === 'PUT' && !goOn) await new Promise<void>((resolve) => (goOn = resolve));
          return fetch(input, init);
        };
        const page = { client: clientOf(app, visitor) };
        const post = async (target: string, username: string): Promise<number> =>
          (await page.client.fetch(target, { ...postJson({ username }) })).status;
        expect(await post('auth/carry-over', 'ada')).toBe(200);
        const under = page.client
          .fetch('auth/pay', { ...postJson({}), method: 'PUT' })
          .catch((error: unknown) => error);
        await until(() => goOn !== undefined);
        expect(await post('auth/logout', '')).toBe(200);
        if (how === 'renews its channel') await page.client.handshake({ renew: true });
        else {
          page.client.close();
          page.client = clientOf(app, visitor);
        }
        expect(await post('auth/carry-over', 'bob')).toBe(200);
        goOn!();
        expect(await under).toMatchObject({ code: 'plain-answer', problem: 'handshake-required' });
        expect(ran).toEqual([]);
      } finally {
        globalThis.fetch = fetch;
        await app.close();
      }
    },
  );

  it('keeps its device key where a plain login copies what the old session held', async () => {
    const app = await serve(new MemoryStore(), { deviceBinding: 'required' });
    try {
      const device = es256();
      const visitor = app.visitor();
      const channel = await shakeHands(visitor, device);
      expect(await statusOf(channel, '/auth/pay', undefined, undefined, { dev: prove(device, channel.th) })).toBe(200);
      expect((await visitor.send({ method: 'POST', target: '/callback/keep' })).status).toBe(201);
      const loggedIn = String(visitor.jar);
      await shakeHands(visitor, device);
      expect(String(visitor.jar)).toBe(loggedIn);
    } finally {
      await app.close();
    }
  });

  it('keeps its name and its device key as long as requests extend it', async () => {
    const app = await serve(new MemoryStore(), {
      deviceBinding: 'required',
      session: { store: new MemoryStore(), secret: COOKIE_SECRET, rolling: true, cookie: { maxAge: 1_800_000 } },
    });
    const undo: (() => void)[] = [];
    try {
      const device = es256();
      const channel = await shakeHands(app.visitor(), device);
      expect(await statusOf(channel, '/auth/pay', undefined, undefined, { dev: prove(device, channel.th) })).toBe(200);
      for (const minutes of [20, 20, 15]) {
        undo.unshift(letTimePass(minutes * 60));
        expect(await statusOf(channel, '/auth/pay')).toBe(200);
      }
      undo.unshift(letTimePass(20 * 60));
      expect((await shakeHands(channel.visitor, device)).answer.session).toBe(channel.answer.session);
    } finally {
      for (const each of undo) each();
      await app.close();
    }
  });
});

it('A user whom passport no longer knows leaves no session of nobody', async () => {
  const app = await TestApp.start('express', {
    imports: [PassportModule.register({})],
    controllers: [AuthController],
    providers: [Local],
    e2e: { secret: SECRET },
    configure: async (nest) => {
      await useOwnSession(nest, 'express', { store: new MemoryStore() });
      nest.use(passport.session());
    },
  });
  try {
    const channel = await app.visitor().handshake('X25519');
    expect(await statusOf(channel, '/auth/passport', user('ada'))).toBe(200);
    const message = channel.message('POST', '/auth/pay', json({}));
    lockedOut.add('ada');
    expect(await statusOf(channel, '/auth/pay')).toBe(200);
    expect(await statusOf(channel, '/auth/passport', user('bob'))).toBe(200);
    ran.length = 0;
    const reply = await channel.post(message);
    expect([reply.status, ran]).toEqual([428, []]);
  } finally {
    lockedOut.clear();
    await app.close();
  }
});

/** @param base of the server, if that is not the visitor's. */
async function statusOf(
  channel: Channel,
  target: string,
  body = json({}) as never,
  base = channel.visitor.base,
  members = {},
): Promise<number> {
  const message = channel.message('POST', target, body, members);
  const { visitor } = channel;
  const before = visitor.base;
  Object.assign(visitor, { base });
  const reply = await channel.post(message);
  Object.assign(visitor, { base: before });
  return reply.status === 428 ? 428 : channel.open(reply, message).status;
}
