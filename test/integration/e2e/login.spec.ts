import { expect, it } from '@jest/globals';
import { Body, Controller, HttpCode, Param, Post, Req, UseGuards } from '@nestjs/common';
import { AuthGuard, PassportModule, PassportStrategy } from '@nestjs/passport';
import { MemoryStore } from 'express-session';
import { generateKeyPairSync, sign } from 'node:crypto';
import passport from 'passport';
import { Strategy as LocalStrategy } from 'passport-local';
import { Injectable } from '@nestjs/common';
import { Encrypted, KeyService, MemoryReplayGuard, type E2eOptions } from '../../../src/index.js';
import { Channel, json, type Visitor } from '../../external/conformance/channel.js';
import { b64u, keyPair, thumbprint, type HandshakeResponse, type Jwk } from '../../external/conformance/peer.js';
import { onEachPlatform, PLATFORMS, TestApp, useApp, type PlatformName } from './support/apps.js';
import { errorOf, expectPlainProblem, postJson } from './support/raw.js';
import { COOKIE_SECRET, SECRET, SessionController, useOwnSession } from './support/sessions.js';

type Done = (error?: unknown) => void;
interface WithSession {
  user?: { name: string };
  session: {
    user?: string;
    cart?: string;
    passport?: object;
    regenerate(done: Done): unknown;
    reload(done: Done): unknown;
  };
  logIn(user: object, options: object, done: Done): void;
  logout(options: object, done: Done): void;
}
const called = (action: (done: Done) => unknown): Promise<void> =>
  new Promise((resolve, reject) => {
    action((error) => (error ? reject(new Error('the session failed', { cause: error })) : resolve()));
  });

@Injectable()
class Local extends PassportStrategy(LocalStrategy) {
  validate(name: string): { name: string } {
    return { name };
  }
}
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user: object, done) => done(null, user));

/** As passport's documentation has it: no word of channels. */
@Controller('auth')
@Encrypted()
class AuthController {
  constructor(private readonly keys: KeyService) {}

  @Post('login')
  @HttpCode(200)
  @UseGuards(AuthGuard('local'))
  async login(@Req() request: WithSession): Promise<object> {
    await called((done) => request.logIn(request.user!, {}, done));
    return { user: request.user };
  }
  /** The guard is there because it gives a Fastify request its `logout()`. */
  @Post('logout')
  @HttpCode(200)
  @UseGuards(AuthGuard('local'))
  async logout(@Req() request: WithSession): Promise<object> {
    await called((done) => request.logout({}, done));
    return {};
  }
  /** As where another request of the session revokes it while this one checks the password. */
  @Post('revoked/:way')
  @HttpCode(200)
  async revoked(@Req() request: WithSession, @Param('way') way: string): Promise<object> {
    await this.keys.revoke(request);
    if (way === 'regenerate') await called((done) => request.session.regenerate(done));
    else if (way === 'carry-over') await this.keys.carryOver(request);
    else if (way === 'a login that fails') {
      await this.keys.carryOver(request, () => Promise.reject(new Error('no'))).catch(() => undefined);
    } else await this.keys.carryOver(request, () => Promise.resolve());
    return {};
  }
  @Post('switch')
  @HttpCode(200)
  @UseGuards(AuthGuard('local'))
  async switch(@Req() request: Required<WithSession>): Promise<object> {
    const { user } = request;
    await called((done) => request.logout({}, done));
    await called((done) => request.logIn(user, {}, done));
    return { user: request.user };
  }
  /** Forgets the user who was logged in, and declares a login. */
  @Post('over')
  @HttpCode(200)
  @UseGuards(AuthGuard('local'))
  async over(@Req() request: Required<WithSession>): Promise<object> {
    const { user } = request;
    delete request.session.passport;
    await this.keys.carryOver(request, () => called((done) => request.logIn(user, {}, done)));
    return {};
  }
  @Post('forget')
  @HttpCode(200)
  async forget(@Req() { session }: WithSession): Promise<object> {
    delete session.cart;
    await called((done) => session.regenerate(done));
    return {};
  }
  @Post('cart')
  @HttpCode(200)
  cart(@Req() { session }: WithSession): object {
    session.cart = 'a book';
    return {};
  }
}

@Controller('twice')
@Encrypted()
class TwiceController {
  constructor(private readonly keys: KeyService) {}

  @Post()
  @HttpCode(200)
  async twice(@Req() request: WithSession, @Body() { ways }: { ways: string[] }): Promise<object> {
    for (const way of ways) {
      if (way === 'carry-over') await this.keys.carryOver(request);
      else await called((done) => (way === 'reload' ? request.session.reload(done) : request.session.regenerate(done)));
    }
    request.session.user = 'ada';
    return {};
  }
}

/** Logs in by a plain route, as an OAuth callback does. */
@Controller('callback')
class CallbackController {
  constructor(private readonly keys: KeyService) {}

  @Post('regenerate')
  async regenerate(@Req() request: WithSession): Promise<object> {
    await called((done) => request.session.regenerate(done));
    request.session.user = 'ada';
    return {};
  }
  @Post('carry-over')
  async carryOver(@Req() request: WithSession): Promise<object> {
    await this.keys.carryOver(request);
    request.session.user = 'ada';
    return {};
  }
  @Post('revoke')
  async revoke(@Req() request: WithSession): Promise<object> {
    await this.keys.revoke(request);
    return {};
  }
}

const ADA = json({ username: 'ada', password: 'x' });
const BOB = json({ username: 'bob', password: 'x' });
const status = async (channel: Channel, method: string, target: string, body?: Uint8Array): Promise<number> => {
  const message = channel.message(method, target, body as never);
  const reply = await channel.post(message);
  if (reply.status !== 428) return channel.open(reply, message).status;
  expectPlainProblem(reply, 'handshake-required');
  return 428;
};

onEachPlatform('passport, used as its documentation has it', (platform) => {
  const app = useApp(platform, {
    imports: [PassportModule.register({})],
    controllers: [AuthController, SessionController],
    providers: [Local],
    e2e: { secret: SECRET },
    configure: async (nest) => {
      await useOwnSession(nest, platform);
      if (platform === 'express') nest.use(passport.session());
    },
  });

  it('keeps the channel over a login, and no other: the next POST works', async () => {
    const visitor = app().visitor();
    const [mine, other] = [await visitor.handshake('X25519'), await visitor.handshake('X25519')];
    const cookie = String(visitor.jar);
    expect(await status(mine, 'POST', '/auth/login', ADA as never)).toBe(200);
    expect(String(visitor.jar)).not.toBe(cookie);
    expect(await status(mine, 'POST', '/session/notes', json({ note: 'a' }) as never)).toBe(201);
    expect(await status(other, 'GET', '/session/notes')).toBe(428);
  });

  it('keeps none where the session held data, and the log says what to call', async () => {
    const channel = await app().visitor().handshake('X25519');
    expect(await status(channel, 'POST', '/auth/cart')).toBe(200);
    expect(await status(channel, 'POST', '/auth/login', ADA as never)).toBe(200);
    expect(await status(channel, 'GET', '/session/notes')).toBe(428);
    expect(app().log.ofModule.filter((line) => line.includes('keys.carryOver(request'))).toHaveLength(1);
  });

  it('keeps none where the session held data: the client’s error says what to call, and that works', async () => {
    const client = app().client();
    const post = (target: string, body: object): Promise<Response> => client.fetch(target, postJson(body));
    expect((await post('/auth/cart', {})).status).toBe(200);
    expect((await post('/auth/login', { username: 'ada', password: 'x' })).status).toBe(200);
    const error = await errorOf(post('/session/notes', { note: 'a' }));
    expect(error).toMatchObject({ code: 'plain-answer', problem: 'handshake-required' });
    expect(error.message).toMatch(
      /may have created a new session: call client\.handshake\(\{ renew: true \}\) after it/,
    );

    expect((await post('/auth/cart', {})).status).toBe(200);
    expect((await post('/auth/login', { username: 'bob', password: 'x' })).status).toBe(200);
    await client.handshake({ renew: true });
    expect((await post('/session/notes', { note: 'a' })).status).toBe(201);
  });

  it.each(['carry-over', 'regenerate', 'a login that fails', 'a login that replaces nothing'])(
    'keeps no channel that was revoked before: %s',
    async (way) => {
      const channel = await app().visitor().handshake('X25519');
      expect(await status(channel, 'POST', `/auth/revoked/${encodeURIComponent(way)}`)).toBe(200);
      expect(await status(channel, 'GET', '/session/notes')).toBe(428);
      expect(await status(await channel.visitor.handshake('X25519'), 'GET', '/session/notes')).toBe(200);
    },
  );

  it('logs one user out and another one in, in one request', async () => {
    const channel = await app().visitor().handshake('X25519');
    expect(await status(channel, 'POST', '/auth/login', ADA as never)).toBe(200);
    expect(await status(channel, 'POST', '/auth/switch', BOB as never)).toBe(200);
    expect(await status(channel, 'GET', '/session/notes')).toBe(428);
  });

  it('never runs a message of one user as the next one, after another login or a logout', async () => {
    const channel = await app().visitor().handshake('X25519');
    expect(await status(channel, 'POST', '/auth/login', ADA as never)).toBe(200);
    const held = channel.message('POST', '/session/notes', json({ note: 'ada’s' }));
    expect(await status(channel, 'POST', '/auth/login', BOB as never)).toBe(200);
    expectPlainProblem(await channel.post(held), 'handshake-required');
    // The next handshake names another session.
    const next = await channel.visitor.handshake('X25519');
    expect(next.answer.session).not.toBe(channel.answer.session);

    expect(await status(next, 'POST', '/auth/logout', BOB as never)).toBe(200);
    const { visitor } = next;
    const hers = await visitor.handshake('X25519');
    expect(await status(hers, 'POST', '/auth/login', ADA as never)).toBe(200);
    const late = hers.message('POST', '/session/notes', json({ note: 'ada’s, too' }));
    expect(await status(hers, 'POST', '/auth/logout', ADA as never)).toBe(200);
    // The client has no reason to open a new channel, if the server still accepts this one.
    const isKept = (await status(hers, 'GET', '/session/notes')) !== 428;
    const his = isKept ? hers : await visitor.handshake('X25519');
    expect(await status(his, 'POST', '/auth/login', BOB as never)).toBe(200);
    expectPlainProblem(await hers.post(late), 'handshake-required');
    expect(his.answer.session).not.toBe(hers.answer.session);
  });

  it('keeps no channel where one user logs in over another, who was removed first', async () => {
    const channel = await app().visitor().handshake('X25519');
    expect(await status(channel, 'POST', '/auth/login', ADA as never)).toBe(200);
    expect(await status(channel, 'POST', '/auth/over', BOB as never)).toBe(200);
    expect(await status(channel, 'GET', '/session/notes')).toBe(428);
  });

  it('keeps no channel over a logout of the application’s own, which removes its data first', async () => {
    const channel = await app().visitor().handshake('X25519');
    expect(await status(channel, 'POST', '/auth/cart')).toBe(200);
    expect(await status(channel, 'POST', '/auth/forget')).toBe(200);
    expect(await status(channel, 'GET', '/session/notes')).toBe(428);
  });
});

/** A device key, and its proof. */
class Device {
  readonly #pair = generateKeyPairSync('ed25519');
  readonly jwk = this.#pair.publicKey.export({ format: 'jwk' }) as Jwk;
  prove(th: Uint8Array): string {
    const input = `${b64u(JSON.stringify({ alg: 'Ed25519', typ: 'e2e-device+jws' }))}.${b64u(b64u(th))}`;
    return `${input}.${b64u(sign(null, Buffer.from(input), this.#pair.privateKey))}`;
  }
  async shakeHands(visitor: Visitor): Promise<Channel> {
    const pair = await keyPair('X25519');
    const reply = await visitor.ask({ publicKey: pair.jwk, device: this.jwk });
    expect(reply.status).toBe(201);
    return new Channel(visitor, pair, JSON.parse(reply.body) as HandshakeResponse);
  }
  async opens(channel: Channel): Promise<number> {
    const message = channel.message('GET', '/session/notes', undefined, { dev: this.prove(channel.th) });
    const reply = await channel.post(message);
    return reply.status === 428 ? 428 : channel.open(reply, message).status;
  }
}

const serve = (platform: PlatformName, e2e: E2eOptions): Promise<TestApp> =>
  TestApp.start(platform, { controllers: [CallbackController, SessionController], e2e: { secret: SECRET, ...e2e } });

it.each(PLATFORMS.flatMap((platform) => ['regenerate', 'carry-over'].map((way) => ({ platform, way }))))(
  'A plain login by $way keeps the device key, and no channel ($platform)',
  async ({ platform, way }) => {
    const app = await serve(platform, { deviceBinding: 'required' });
    try {
      const device = new Device();
      const visitor = app.visitor();
      const channel = await device.shakeHands(visitor);
      expect(await device.opens(channel)).toBe(200);
      const cookie = String(visitor.jar);
      expect((await visitor.send({ method: 'POST', target: `/callback/${way}` })).status).toBe(201);
      expect(String(visitor.jar)).not.toBe(cookie);
      expect(await device.opens(channel)).toBe(428);

      const loggedIn = String(visitor.jar);
      const next = await device.shakeHands(visitor);
      // On the session that was logged in, under a new name, bound to the same key.
      expect(String(visitor.jar)).toBe(loggedIn);
      expect(next.answer.device).toBe(thumbprint(device.jwk));
      expect(next.answer.session).not.toBe(channel.answer.session);
      expect(await device.opens(next)).toBe(200);
      // Whoever has the cookie alone gets a session of its own.
      const thief = new Device();
      const stolen = await thief.shakeHands(Object.assign(app.visitor(), { jar: visitor.jar.clone() }));
      expect(stolen.answer.session).not.toBe(next.answer.session);
    } finally {
      await app.close();
    }
  },
);

onEachPlatform('A sealed request that replaces its session twice', (platform) => {
  const app = useApp(platform, {
    controllers: [TwiceController, SessionController],
    e2e: { secret: SECRET, deviceBinding: 'required' },
  });

  it.each([
    ['regenerate, regenerate', false, 200],
    ['carry-over, regenerate', false, 200],
    ['regenerate, carry-over', false, 200],
    ['carry-over, carry-over', false, 200],
    ['carry-over, carry-over', true, 200],
    ['reload, regenerate', false, 200],
    ['reload, regenerate', true, 428],
    ['regenerate, regenerate', true, 428],
    ['carry-over, regenerate', true, 428],
    ['regenerate, carry-over', true, 428],
  ])('keeps its device key: %s (with data: %s)', async (ways, hasData, its) => {
    const device = new Device();
    const visitor = app().visitor();
    const channel = await device.shakeHands(visitor);
    expect(await device.opens(channel)).toBe(200);
    if (hasData) expect(await status(channel, 'POST', '/session/notes', json({ note: 'a' }) as never)).toBe(201);
    expect(await status(channel, 'POST', '/twice', json({ ways: ways.split(', ') }) as never)).toBe(200);
    expect(await status(channel, 'GET', '/session/notes')).toBe(its);
    const cookie = String(visitor.jar);
    const next = await device.shakeHands(visitor);
    // On the session that the request has left, not on another one.
    expect(String(visitor.jar)).toBe(cookie);
    expect(await device.opens(next)).toBe(200);
  });
});

it.each(PLATFORMS)('revoke() keeps the device key (%s)', async (platform) => {
  const app = await serve(platform, { deviceBinding: 'required' });
  try {
    const device = new Device();
    const visitor = app.visitor();
    const channel = await device.shakeHands(visitor);
    expect(await device.opens(channel)).toBe(200);
    expect((await visitor.send({ method: 'POST', target: '/callback/revoke' })).status).toBe(201);
    expect(await device.opens(channel)).toBe(428);
    const next = await device.shakeHands(visitor);
    expect([next.answer.session, next.answer.device]).toEqual([channel.answer.session, thumbprint(device.jwk)]);
    expect(await device.opens(next)).toBe(200);
  } finally {
    await app.close();
  }
});

it.each(PLATFORMS)('A channel without a device key opens nothing where one is required (%s)', async (platform) => {
  const shared = { session: { store: new MemoryStore(), secret: COOKIE_SECRET }, replayGuard: new MemoryReplayGuard() };
  const [lenient, strict] = [
    await serve(platform, shared),
    await serve(platform, { ...shared, deviceBinding: 'required' }),
  ];
  try {
    const channel = await lenient.visitor().handshake('X25519');
    expect(await status(channel, 'GET', '/session/notes')).toBe(200);
    const message = channel.message('GET', '/session/notes');
    const there = Object.assign(strict.visitor(), { jar: channel.visitor.jar });
    const reply = await there.send({ target: '/session/notes', headers: { 'e2e-request': message.jwe } });
    expectPlainProblem(reply, 'handshake-required');
  } finally {
    await Promise.all([lenient.close(), strict.close()]);
  }
});

onEachPlatform('A request that arrives late, on a session that a login has ended', (platform) => {
  it.each([
    ['the module’s session', undefined],
    ['an application’s own session', {}],
    ['an application’s own session, rolling', { rolling: true }],
  ])('leaves the browser the cookie of the new session: %s', async (_, own) => {
    const app = await TestApp.start(platform, {
      controllers: [SessionController],
      e2e: { secret: SECRET },
      configure: (nest) => own && useOwnSession(nest, platform, own),
    });
    try {
      const visitor = app.visitor();
      const channel = await visitor.handshake('X25519');
      expect((await channel.request('POST', '/session/notes', json({ note: 'old' }))).status).toBe(201);
      const before = { cookie: `theme=dark; ${String(visitor.jar)}; other=1` };
      expect((await channel.request('POST', '/session/login')).status).toBe(200);
      const late = await channel.post(channel.message('GET', '/session/notes'), { headers: before });
      expectPlainProblem(late, 'handshake-required');
      expect(late.headers['set-cookie']).toBeUndefined();
      // Nor does a plain request or one to nowhere, with a cookie that nobody ever signed.
      for (const cookie of [before.cookie, before.cookie.replace(/\.[^.;]+;/, '.forged;')]) {
        const reply = await visitor.send({ target: '/nowhere', headers: { cookie } });
        expect([reply.status, reply.headers['set-cookie']]).toEqual([404, undefined]);
      }
      expect(JSON.parse((await channel.request('GET', '/session/notes')).text)).toEqual(['old']);
    } finally {
      await app.close();
    }
  });
});
