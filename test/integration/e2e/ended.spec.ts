import { expect, it } from '@jest/globals';
import { Controller, Post, Req } from '@nestjs/common';
import { MemoryStore } from 'express-session';
import { Encrypted, KeyService, MemoryReplayGuard, type E2eOptions } from '../../../src/index.js';
import { json, type Channel } from '../../external/conformance/channel.js';
import { onEachPlatform, TestApp, type PlatformName } from './support/apps.js';
import { expectPlainProblem } from './support/raw.js';
import { COOKIE_SECRET, SECRET, SessionController } from './support/sessions.js';

type Done = (error?: unknown) => void;
interface WithSession {
  session: { user?: string; touched?: number; regenerate(done: Done): unknown; destroy(done: Done): unknown };
}
const called = (action: (done: Done) => unknown): Promise<void> =>
  new Promise((resolve, reject) => {
    action((error) => (error ? reject(new Error('the session failed', { cause: error })) : resolve()));
  });

/** Logs in and out by plain routes, as pages and OAuth callbacks do. */
@Controller('plain')
class PlainController {
  constructor(private readonly keys: KeyService) {}

  @Post('logout')
  async logout(@Req() { session }: WithSession): Promise<object> {
    await called((done) => session.destroy(done));
    return {};
  }
  @Post('regenerate')
  async regenerate(@Req() request: WithSession): Promise<object> {
    await called((done) => request.session.regenerate(done));
    request.session.user = 'ada';
    return {};
  }
  @Post('revoke')
  async revoke(@Req() request: WithSession): Promise<object> {
    await this.keys.revoke(request);
    return {};
  }
}

/** A request that is in its handler while the session ends, and saves it afterwards. */
let inHandler = Promise.resolve();
let entered: () => void = () => undefined;
@Controller('slow')
@Encrypted()
class SlowController {
  @Post()
  async save(@Req() request: WithSession): Promise<object> {
    const { session } = request;
    entered();
    await inHandler;
    session.touched = 1;
    return {};
  }
}

/** A store as it is over a network: every answer takes its time, about the same. */
class DistantStore extends MemoryStore {
  readonly #delay = (task: () => void): void => void setTimeout(task, 3 + Math.random() * 2);
  override get: MemoryStore['get'] = (id, done) => this.#delay(() => super.get(id, done));
  override set: MemoryStore['set'] = (id, session, done) => this.#delay(() => super.set(id, session, done));
  override destroy: MemoryStore['destroy'] = (id, done) => this.#delay(() => super.destroy(id, done));
}

/** The same sessions by another object, as another process has them. */
function viewOf(store: MemoryStore): MemoryStore {
  const of = store as unknown as { sessions: object };
  const sessions = { get: () => of.sessions, set: (value: object) => void (of.sessions = value) };
  return Object.defineProperty(new MemoryStore(), 'sessions', sessions);
}

const controllers = [SessionController, PlainController, SlowController];
const serve = (platform: PlatformName, store: MemoryStore, replayGuard: MemoryReplayGuard, more: E2eOptions = {}) =>
  TestApp.start(platform, {
    controllers,
    e2e: { session: { store, secret: COOKIE_SECRET }, secret: SECRET, replayGuard, ...more },
  });
const at = (app: TestApp, { jar }: Channel['visitor']) => Object.assign(app.visitor(), { jar });

async function opens(app: TestApp, channel: Channel, cookie: string): Promise<boolean> {
  const message = channel.message('GET', '/session/notes');
  const headers = { 'e2e-request': message.jwe, cookie };
  const reply = await app.visitor().send({ target: '/session/notes', headers });
  if (reply.status !== 428) return channel.open(reply, message).status === 200;
  expectPlainProblem(reply, 'handshake-required');
  return false;
}

onEachPlatform('Channels end with their session', (platform) => {
  it('all of them, at revoke() on one server, while two others make more', async () => {
    const [store, guard] = [new DistantStore(), new MemoryReplayGuard()];
    const servers = await Promise.all([1, 2, 3].map(() => serve(platform, store, guard)));
    try {
      for (let round = 0; round < 3; round++) {
        const { visitor } = await servers[0]!.visitor().handshake('X25519');
        const cookie = String(visitor.jar);
        const made = await Promise.all(
          Array.from({ length: 12 }, (_, index) => at(servers[index % 2]!, visitor).handshake('X25519')),
        );
        for (const channel of made) expect(await opens(servers[2]!, channel, cookie)).toBe(true);
        const reply = await at(servers[2]!, visitor).send({ method: 'POST', target: '/plain/revoke' });
        expect(reply.status).toBe(201);
        for (const server of servers) {
          for (const channel of made) expect(await opens(server, channel, cookie)).toBe(false);
        }
        // The session goes on, with its name.
        const next = await at(servers[1]!, visitor).handshake('X25519');
        expect(next.answer.session).toBe(made[0]!.answer.session);
        expect(await opens(servers[0]!, next, cookie)).toBe(true);
      }
    } finally {
      await Promise.all(servers.map((server) => server.close()));
    }
  });

  it('none is lost, where the first handshakes of a session come to two servers at once', async () => {
    const [store, guard] = [new DistantStore(), new MemoryReplayGuard()];
    const servers = await Promise.all([1, 2].map(() => serve(platform, store, guard)));
    try {
      for (let round = 0; round < 5; round++) {
        const visitor = servers[0]!.visitor();
        await visitor.send({ method: 'POST', target: '/plain/regenerate' });
        const made = await Promise.all([0, 1, 0, 1].map((index) => at(servers[index]!, visitor).handshake('X25519')));
        const cookie = String(visitor.jar);
        for (const channel of made) expect(await opens(servers[0]!, channel, cookie)).toBe(true);
      }
    } finally {
      await Promise.all(servers.map((server) => server.close()));
    }
  });

  it.each<[string, (fresh: TestApp, visitor: Channel['visitor'], store: MemoryStore) => unknown]>([
    [
      'a plain logout on a server that has served nothing',
      (app, visitor) => at(app, visitor).send({ method: 'POST', target: '/plain/logout' }),
    ],
    [
      'a plain login there, which regenerates the session',
      (app, visitor) =>
        at(app, visitor).send({
          method: 'POST',
          target: '/plain/regenerate',
          headers: { cookie: String(visitor.jar) },
        }),
    ],
    ['store.clear()', (_app, _visitor, store) => store.clear()],
    [
      'its key deleted in the store, by whoever may',
      (_app, _visitor, store) => {
        const { sessions } = store as unknown as { sessions: Record<string, string> };
        for (const id of Object.keys(sessions)) if (!id.startsWith('e2e:')) delete sessions[id];
      },
    ],
  ])('by %s, and a late save brings none of them back', async (_, end) => {
    const [store, guard] = [new MemoryStore(), new MemoryReplayGuard()];
    const [busy, fresh] = [await serve(platform, store, guard), await serve(platform, viewOf(store), guard)];
    try {
      const visitor = busy.visitor();
      const channel = await visitor.handshake('X25519');
      const cookie = String(visitor.jar);
      expect(await opens(busy, channel, cookie)).toBe(true);

      let release: () => void = () => undefined;
      inHandler = new Promise((resolve) => (release = resolve));
      const started = new Promise<void>((resolve) => (entered = resolve));
      const message = channel.message('POST', '/slow', json({}));
      const headers = { 'content-type': 'application/jose', cookie };
      const slow = busy.visitor().send({ method: 'POST', target: '/slow', headers, body: message.jwe });
      await started;
      await end(fresh, channel.visitor, store);
      release();
      expect(channel.open(await slow, message).status).toBe(201);

      for (const app of [busy, fresh]) expect(await opens(app, channel, cookie)).toBe(false);
    } finally {
      await Promise.all([busy.close(), fresh.close()]);
    }
  });

  it('none is revived by a handshake that began before its session’s end', async () => {
    const [store, guard] = [new DistantStore(), new MemoryReplayGuard()];
    const app = await serve(platform, store, guard);
    try {
      for (let round = 0; round < 5; round++) {
        const { visitor } = await app.visitor().handshake('X25519');
        const cookie = String(visitor.jar);
        const [during] = await Promise.all([
          at(app, { jar: visitor.jar.clone() } as never)
            .handshake('X25519')
            .catch(() => undefined),
          at(app, { jar: visitor.jar.clone() } as never).send({ method: 'POST', target: '/plain/logout' }),
        ]);
        // It may have been given a session of its own; on the old one it opens nothing.
        if (during) expect(await opens(app, during, cookie)).toBe(false);
      }
    } finally {
      await app.close();
    }
  });
});
