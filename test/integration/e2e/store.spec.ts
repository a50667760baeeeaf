import { expect, it } from '@jest/globals';
import session, { MemoryStore, type SessionData } from 'express-session';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import { MemoryReplayGuard, type E2eOptions } from '../../../src/index.js';
import { json } from '../../external/conformance/channel.js';
import { KINDS } from '../../external/conformance/peer.js';
import { onEachPlatform, TestApp, type PlatformName } from './support/apps.js';
import { expectPlainProblem } from './support/raw.js';
import { clientOf, COOKIE_SECRET, SECRET, SessionController } from './support/sessions.js';

const NEW_SECRET = 'another secret, which comes to replace the first one';

/** A store that can be made to answer nothing, or an error, for records of channels; or an error for sessions, too. */
class FickleStore extends MemoryStore {
  mood: 'good' | 'silent' | 'failing' | 'down' = 'good';
  override get(id: string, done: (error: unknown, session?: SessionData | null) => void): void {
    if (this.mood === 'good' || (this.mood !== 'down' && !id.startsWith('e2e:'))) super.get(id, done);
    else if (this.mood !== 'silent') done(new Error('the store is down'));
  }
  /** Every record, as it stands. */
  get records(): [name: string, record: { e2e?: unknown }][] {
    const { sessions } = this as unknown as { sessions: Record<string, string> };
    return Object.entries(sessions).map(([name, text]) => [name, JSON.parse(text) as { e2e?: unknown }]);
  }
}

/** A server on that store; several share it as processes share Redis. */
function serve(platform: PlatformName, store: FickleStore, options: E2eOptions = {}): Promise<TestApp> {
  const session = { store, secret: COOKIE_SECRET };
  return TestApp.start(platform, {
    controllers: [SessionController],
    e2e: { session, secret: SECRET, storeTimeout: 3000, ...options },
  });
}

onEachPlatform('Records in the session store', (platform) => {
  it('hold no key, no secret and no session id in a form that anyone can read', async () => {
    const store = new FickleStore();
    const app = await serve(platform, store);
    try {
      for (const kind of KINDS) {
        const channel = await app.visitor().handshake(kind);
        expect((await channel.request('POST', '/session/notes', json({ note: kind }))).status).toBe(201);
        const record = store.records.find(([name]) => name === `e2e:channel:${channel.kid}`)?.[1];
        const at = Buffer.from(String(record?.e2e), 'base64url');
        expect(at.length).toBeGreaterThan(100);
        const { n, x, pub } = channel.pair.jwk;
        const publicKey = Buffer.from(n ?? x ?? pub ?? '', 'base64url');
        const { request, response } = channel.keys;
        // Of a hybrid key a record may hold the X25519 half alone: the last 32 bytes.
        for (const secret of [channel.th, channel.ss, request, response, publicKey.subarray(-32)]) {
          if (secret === undefined) continue;
          expect(secret.length).toBeGreaterThan(15);
          expect(at.includes(secret)).toBe(false);
        }
        expect(at.includes('clientKey')).toBe(false);
      }
      const sessions = store.records.map(([name]) => name).filter((name) => !name.startsWith('e2e:'));
      expect(sessions).toHaveLength(KINDS.length);
      for (const id of sessions) {
        for (const [name, { e2e }] of store.records) {
          if (name !== id) expect(name + String(e2e)).not.toContain(id);
        }
      }
    } finally {
      await app.close();
    }
  });

  it('end when their channels do, by the store’s own clock', async () => {
    const store = new FickleStore();
    const app = await serve(platform, store, { channelTtl: 60 });
    try {
      const before = Date.now();
      const { kid } = await app.visitor().handshake('X25519');
      const record = store.records.find(([name]) => name === `e2e:channel:${kid}`)?.[1] as unknown as {
        cookie: { expires: string };
      };
      const expires = Date.parse(record.cookie.expires);
      expect(expires).toBeGreaterThan(before + 59_000);
      expect(expires).toBeLessThanOrEqual(Date.now() + 60_000);
    } finally {
      await app.close();
    }
  });

  it('open on every server that shares store, secret and windows, and there the message counts once', async () => {
    const [store, replayGuard] = [new FickleStore(), new MemoryReplayGuard()];
    const [one, two] = [await serve(platform, store, { replayGuard }), await serve(platform, store, { replayGuard })];
    try {
      for (const kind of KINDS) {
        const channel = await one.visitor().handshake(kind);
        const message = channel.message('POST', '/session/notes', json({ note: 'a' }));
        const there = Object.assign(two.visitor(), { jar: channel.visitor.jar });
        const sent = { method: 'POST', target: '/session/notes', headers: { 'content-type': 'application/jose' } };
        const reply = await there.send({ ...sent, body: message.jwe });
        expect(channel.open(reply, message).status).toBe(201);
        expect(channel.open(await channel.post(message), message).status).toBe(409);
      }
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });

  it('outlive a new secret that is put before the old one, and no longer than that', async () => {
    const [store, replayGuard] = [new FickleStore(), new MemoryReplayGuard()];
    const servers = [
      await serve(platform, store, { replayGuard }),
      await serve(platform, store, { replayGuard, secret: [NEW_SECRET, SECRET] }),
      await serve(platform, store, { replayGuard, secret: NEW_SECRET }),
    ] as const;
    try {
      const [before, during, after] = servers;
      const { jar } = (await before.visitor().handshake('X25519')).visitor;
      const at = (app: TestApp) => Object.assign(app.visitor(), { jar });
      const old = await at(before).handshake('X25519');
      const fresh = await at(during).handshake('X25519');
      const ask = async (app: TestApp, channel: typeof old): Promise<number> => {
        const message = channel.message('GET', '/session/notes');
        const reply = await at(app).send({ target: '/session/notes', headers: { 'e2e-request': message.jwe } });
        return reply.status === 428 ? 428 : channel.open(reply, message).status;
      };
      expect([await ask(during, old), await ask(during, fresh)]).toEqual([200, 200]);
      expect([await ask(after, old), await ask(after, fresh)]).toEqual([428, 200]);
      expect(await ask(before, fresh)).toBe(428);
    } finally {
      await Promise.all(servers.map((app) => app.close()));
    }
  });

  it('without their windows, as after a restart, make the client shake hands again', async () => {
    const store = new FickleStore();
    const one = await serve(platform, store);
    const visitor = one.visitor();
    const channel = await visitor.handshake('X25519');
    expect((await channel.request('GET', '/session/notes')).status).toBe(200);
    await one.close();

    const two = await serve(platform, store);
    try {
      const there = Object.assign(two.visitor(), { jar: visitor.jar });
      const message = channel.message('GET', '/session/notes');
      const reply = await there.send({ target: '/session/notes', headers: { 'e2e-request': message.jwe } });
      const sealed = channel.open(reply, message);
      expect(sealed.status).toBe(428);
      expect(JSON.parse(sealed.text)).toMatchObject({ type: 'urn:e2e:problem:handshake-required' });
      expect((await clientOf(two, there).fetch('/session/notes')).status).toBe(200);
    } finally {
      await two.close();
    }
  });

  it.each(['silent', 'failing'] as const)('in a store that is %s: busy, and nothing is let through', async (mood) => {
    const store = new FickleStore();
    const app = await serve(platform, store);
    try {
      const channel = await app.visitor().handshake('X25519');
      store.mood = mood;
      const reply = await channel.post(channel.message('GET', '/session/notes'));
      expectPlainProblem(reply, 'busy');
      expect(reply.headers['retry-after']).toBe('1');
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ publicKey: channel.pair.jwk });
      const handshake = await channel.visitor.send({ method: 'POST', target: '/e2e/handshake', headers, body });
      expectPlainProblem(handshake, 'busy');
      store.mood = 'good';
      expect((await channel.request('GET', '/session/notes')).status).toBe(200);
    } finally {
      await app.close();
    }
  });

  it('in a store that is down, for sessions too: busy', async () => {
    const store = new FickleStore();
    const app = await serve(platform, store);
    try {
      const channel = await app.visitor().handshake('X25519');
      store.mood = 'down';
      const body = json({ note: 'lost' });
      for (const message of [
        channel.message('GET', '/session/notes'),
        channel.message('POST', '/session/notes', body),
      ]) {
        const reply = await channel.post(message);
        expectPlainProblem(reply, 'busy');
        expect(reply.headers['retry-after']).toBe('1');
      }
      const headers = { 'content-type': 'application/json' };
      const hello = JSON.stringify({ publicKey: channel.pair.jwk });
      const handshake = { method: 'POST', target: '/e2e/handshake', headers, body: hello };
      expectPlainProblem(await channel.visitor.send(handshake), 'busy');
      store.mood = 'good';
      expect(JSON.parse((await channel.request('GET', '/session/notes')).text)).toEqual([]);
    } finally {
      await app.close();
    }
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('the windows are down');
      },
    ],
    ['rejects', () => Promise.reject(new Error('the windows are down'))],
    ['says nothing', () => undefined],
    ['says something else', () => Promise.resolve(true)],
  ])('with windows whose guard %s: busy, and nothing is let through', async (_, claim) => {
    const replayGuard = new MemoryReplayGuard();
    const app = await serve(platform, new FickleStore(), { replayGuard });
    try {
      const channel = await app.visitor().handshake('X25519');
      replayGuard.claim = claim as unknown as typeof replayGuard.claim;
      const message = channel.message('POST', '/session/notes', json({ note: 'lost' }));
      expect(channel.open(await channel.post(message), message)).toMatchObject({ status: 503 });
      replayGuard.claim = (...args) => MemoryReplayGuard.prototype.claim.apply(replayGuard, args);
      expect(JSON.parse((await channel.request('GET', '/session/notes')).text)).toEqual([]);
    } finally {
      await app.close();
    }
  });

  it.each([
    ['cut in half', (record: string) => record.slice(0, record.length / 2)],
    ['of another make', () => JSON.stringify({ cookie: {}, e2e: 'bm90IG91cnM' })],
    ['no record at all', () => '{}'],
  ])('that are %s count as absent, with one log line that holds nothing of them', async (_, spoil) => {
    const store = new FickleStore();
    const app = await serve(platform, store);
    try {
      const visitor = app.visitor();
      const client = clientOf(app, visitor);
      const { kid } = await client.handshake();
      const { sessions } = store as unknown as { sessions: Record<string, string> };
      const names = Object.keys(sessions).filter((name) => name.startsWith('e2e:'));
      expect(names).toHaveLength(4);
      for (const name of names) sessions[name] = spoil(sessions[name]!);

      app.tap.clear();
      expect((await client.fetch('/session/notes')).status).toBe(200);
      expect(app.tap.text).toContain('POST /e2e/handshake');
      const lines = app.log.ofModule.filter((line) => line.includes('could not be read'));
      expect(lines).toHaveLength(1);
      expect(app.log.text).not.toContain(kid);
    } finally {
      await app.close();
    }
  });
});

it('A session of the application’s own whose store is gone is not replaced: busy, and no cookie', async () => {
  const store = new MemoryStore();
  const app = await TestApp.start('express', {
    controllers: [SessionController],
    e2e: { secret: SECRET, replayGuard: new MemoryReplayGuard() },
    configure: (nest) => {
      const own = session({ store, secret: COOKIE_SECRET, resave: false, saveUninitialized: false });
      // By a function of the application's, so that it is seen with the first request only.
      (nest as NestExpressApplication).use((request: Request, response: Response, next: NextFunction) =>
        own(request, response, next),
      );
    },
  });
  try {
    const channel = await app.visitor().handshake('X25519');
    store.emit('disconnect');
    const reply = await channel.post(channel.message('GET', '/session/notes'));
    expectPlainProblem(reply, 'busy');
    expect(reply.headers['set-cookie']).toBeUndefined();
    store.emit('connect');
    expect((await channel.request('GET', '/session/notes')).status).toBe(200);
  } finally {
    await app.close();
  }
});
