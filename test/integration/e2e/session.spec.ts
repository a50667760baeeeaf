import { describe, expect, it } from '@jest/globals';
import { MemoryStore, Store, type SessionData } from 'express-session';
import { json, Visitor, type Channel } from '../../external/conformance/channel.js';
import { keyPair, KINDS } from '../../external/conformance/peer.js';
import { MemoryReplayGuard, type E2eOptions } from '../../../src/index.js';
import type { E2eClient } from '../../../src/client/index.js';
import { letTimePass } from '../../support/clock.js';
import { onEachPlatform, PLATFORMS, TestApp, useApp, type PlatformName, type Setup } from './support/apps.js';
import { expectPlainProblem, postJson } from './support/raw.js';
import { clientOf, SECRET, SessionController, useOwnSession } from './support/sessions.js';

const controllers = [SessionController];

/** The module's own session; and the application's, on stores that applications have. */
const SESSIONS: [name: string, (platform: PlatformName) => Setup][] = [
  ['the session that the module brings', () => ({ controllers })],
  ['a session of the application', (platform) => ownSession(platform, undefined)],
  [
    'a session of the application on the least that a store must have',
    (platform) => ownSession(platform, new LeastStore()),
  ],
];

function ownSession(platform: PlatformName, store: Store | undefined): Setup {
  return {
    controllers,
    e2e: { secret: SECRET },
    configure: (nest) => useOwnSession(nest, platform, store && { store }),
  };
}
/** Without `touch`, `all`, `length` and `clear`, which express-session does not require. */
class LeastStore extends Store {
  readonly #sessions = new Map<string, string>();

  override get(sid: string, callback: (error: unknown, session?: SessionData | null) => void): void {
    const value = this.#sessions.get(sid);
    setImmediate(callback, null, value === undefined ? null : (JSON.parse(value) as SessionData));
  }

  override set(sid: string, session: SessionData, callback?: (error?: unknown) => void): void {
    this.#sessions.set(sid, JSON.stringify(session));
    setImmediate(() => callback?.());
  }

  override destroy(sid: string, callback?: (error?: unknown) => void): void {
    this.#sessions.delete(sid);
    setImmediate(() => callback?.());
  }
}

/** Whether the channel works. */
async function works(channel: Channel): Promise<boolean> {
  const message = channel.message('GET', '/session/notes');
  const reply = await channel.post(message);
  if (reply.status === 428) {
    expectPlainProblem(reply, 'handshake-required');
    return false;
  }
  return channel.open(reply, message).status === 200;
}

/** A new message, for whoever sends it. */
function late(channel: Channel): { target: string; headers: Record<string, string> } {
  return { target: '/session/notes', headers: { 'e2e-request': channel.message('GET', '/session/notes').jwe } };
}

const CASES = PLATFORMS.flatMap((platform) => SESSIONS.map(([name, setup]) => [platform, name, setup] as const));

describe.each(CASES)('On %s, %s', (platform, _, setup) => {
  const app = useApp(platform, () => setup(platform));

  it('holds channels of every kind, and what the application keeps in it', async () => {
    const visitor = app().visitor();
    for (const kind of KINDS) {
      const client = clientOf(app(), visitor, { keyKind: kind });
      expect((await client.fetch('/session/notes', postJson({ note: kind }))).status).toBe(201);
    }
    const notes = await clientOf(app(), visitor).fetch('/session/notes');
    expect(await notes.json()).toEqual([...KINDS]);
  });

  it('keeps every channel of ten parallel handshakes, however often it is saved meanwhile', async () => {
    const visitor = app().visitor();
    const first = await visitor.handshake('X25519');
    const saves = Array.from({ length: 10 }, (_, index) =>
      first.request('POST', '/session/notes', json({ note: String(index) })),
    );
    const channels = await Promise.all(Array.from({ length: 10 }, () => visitor.handshake('X25519')));
    expect((await Promise.all(saves)).map(({ status }) => status)).toEqual(Array(10).fill(201));
    expect(await Promise.all([first, ...channels].map(works))).toEqual(Array(11).fill(true));
    expect(new Set(channels.map(({ answer }) => answer.session)).size).toBe(1);
  });

  it('is not shared: a channel opens under no other cookie', async () => {
    const [mine, theirs] = [await app().visitor().handshake('X25519'), await app().visitor().handshake('X25519')];
    const stolen = mine.message('GET', '/session/notes');
    const headers = { 'e2e-request': stolen.jwe };
    expectPlainProblem(await theirs.visitor.send({ target: '/session/notes', headers }), 'handshake-required');
    expectPlainProblem(await app().visitor().send({ target: '/session/notes', headers }), 'handshake-required');
    expect(await works(mine)).toBe(true);
  });

  it.each(['destroy', 'regenerate', 'revoke'])(
    'ends all its channels at %s, after a last sealed answer',
    async (way) => {
      const visitor = app().visitor();
      const [mine, other] = [await visitor.handshake('X25519'), await visitor.handshake('X25519')];
      expect((await mine.request('POST', '/session/notes', json({ note: 'somebody’s' }))).status).toBe(201);
      const cookie = String(visitor.jar);
      expect((await mine.request('POST', `/session/${way}`)).status).toBe(201);
      for (const channel of [mine, other]) {
        expect(await works(channel)).toBe(false);
        const late = channel.message('GET', '/session/notes');
        expectPlainProblem(await channel.post(late, { headers: { cookie } }), 'handshake-required');
      }
      expect(await works(await visitor.handshake('X25519'))).toBe(true);
    },
  );

  it('passes only the caller’s channel on if an empty session is regenerated', async () => {
    const visitor = app().visitor();
    const [mine, other] = [await visitor.handshake('X25519'), await visitor.handshake('X25519')];
    const cookie = String(visitor.jar);
    expect((await mine.request('POST', '/session/regenerate')).status).toBe(201);
    expect(String(visitor.jar)).not.toBe(cookie);
    expect([await works(mine), await works(other)]).toEqual([true, false]);
    const again = await visitor.handshake('X25519');
    expect(again.answer.session).toBe(mine.answer.session);
    const late = mine.message('GET', '/session/notes');
    expectPlainProblem(await mine.post(late, { headers: { cookie } }), 'handshake-required');
  });

  it('carries the caller’s channel over a login, its windows and all, and no other', async () => {
    const visitor = app().visitor();
    const [mine, other] = [await visitor.handshake('X25519'), await visitor.handshake('X25519')];
    const before = mine.message('POST', '/session/notes', json({ note: 'kept' }));
    expect(mine.open(await mine.post(before), before).status).toBe(201);
    const stolen = visitor.jar.clone();
    expect((await mine.request('POST', '/session/login')).status).toBe(200);
    expect(String(visitor.jar)).not.toBe(String(stolen));

    const notes = await mine.request('GET', '/session/notes');
    expect(JSON.parse(notes.text)).toEqual(['kept']);
    expect(await works(other)).toBe(false);
    expect(mine.open(await mine.post(before), before).status).toBe(409);
    for (const channel of [mine, other]) {
      expectPlainProblem(await new Visitor(app().url, stolen.clone()).send(late(channel)), 'handshake-required');
    }
    const again = await visitor.handshake('X25519');
    expect(again.answer.session).toBe(mine.answer.session);
    expect([await works(again), await works(mine)]).toEqual([true, true]);
  });
});

onEachPlatform('The session that the module brings', (platform) => {
  const app = useApp(platform, { controllers });

  it('has a cookie that no script reads and no other site sends', async () => {
    const visitor = app().visitor();
    const reply = await visitor.ask({ publicKey: (await app().visitor().handshake('X25519')).pair.jwk });
    expect(reply.status).toBe(201);
    const [cookie = '', ...others] = reply.headers['set-cookie'] ?? [];
    expect(others).toEqual([]);
    const [pair = '', ...attributes] = cookie.split('; ');
    expect(pair).toMatch(/^e2e\.sid=./);
    expect(attributes.map((attribute) => attribute.toLowerCase()).sort()).toEqual([
      'httponly',
      'path=/',
      'samesite=lax',
    ]);
  });

  it('begins with the handshake: other requests get no cookie', async () => {
    const reply = await app().visitor().send({ target: '/e2e/identity' });
    expect(reply.headers).not.toHaveProperty('set-cookie');
  });
});

onEachPlatform('Where sessions and windows are kept', (platform) => {
  /** A store by its name, as one that several servers share. */
  class SharedStore extends MemoryStore {}
  const inMemory = 'kept in the memory of this process';
  const unshared = 'SEVERAL SERVERS WILL NOT SHARE CHANNELS';
  const embedded = (options: E2eOptions = {}): Setup => ({
    controllers,
    e2e: { session: { store: new SharedStore() }, secret: SECRET, ...options },
  });

  it.each<[string, string, Setup, string[]]>([
    ['the session that the module brings is warned of, loudly', 'production', { controllers }, [inMemory]],
    ['but not while developing', 'development', { controllers }, []],
    ['a store of the application beside windows in memory is', 'development', embedded(), [unshared]],
    ['not if that was said', 'production', embedded({ replayGuard: new MemoryReplayGuard() }), []],
    [
      'a session of the application may be shared, in production',
      'production',
      ownSession(platform, undefined),
      [unshared],
    ],
    ['and is not, on a store in memory, while developing', 'development', ownSession(platform, undefined), []],
    ['but shows to be, with the first request', 'development', ownSession(platform, new SharedStore()), [unshared]],
  ])('%s', async (_, environment, setup, expected) => {
    const before = process.env.NODE_ENV;
    process.env.NODE_ENV = environment;
    try {
      const app = await TestApp.start(platform, setup);
      await app.visitor().handshake('X25519');
      await app.close();
      const warnings = app.log.ofModule.filter((line) => line.startsWith('warn'));
      // Said at the start and, of a store that shows late, with the first request; never with each.
      expect(warnings.length).toBeLessThanOrEqual(2);
      expect([inMemory, unshared].filter((text) => warnings.some((line) => line.includes(text)))).toEqual(expected);
    } finally {
      process.env.NODE_ENV = before;
    }
  });
});

onEachPlatform('A session with a bound on its channels', (platform) => {
  const app = useApp(platform, { controllers, e2e: { channelsPerSession: 3 } });

  /** Whether a call of the client takes a new channel. */
  async function shakesHands(client: E2eClient): Promise<boolean> {
    app().tap.clear();
    expect((await client.fetch('/session/notes')).status).toBe(200);
    return app().tap.text.includes('POST /e2e/handshake');
  }

  it('lets the least recently used one go, whose client recovers by itself', async () => {
    const visitor = app().visitor();
    const client = clientOf(app(), visitor);
    await client.handshake();
    const [second, third] = [await visitor.handshake('X25519'), await visitor.handshake('X25519')];
    // The client's is the oldest, but used; so the second is the one that was not used for longest.
    const back = letTimePass(1);
    expect((await client.fetch('/session/notes')).status).toBe(200);
    const fourth = await visitor.handshake('X25519');
    expect([await works(second), await works(third), await works(fourth)]).toEqual([false, true, true]);
    expect(await shakesHands(client)).toBe(false);

    // In place of the third, and then of the client's.
    await visitor.handshake('X25519');
    await works(fourth);
    await visitor.handshake('X25519');
    expect(await shakesHands(client)).toBe(true);
    back();
  });
});

onEachPlatform('session: false', (platform) => {
  it('takes the application’s session', async () => {
    const app = await TestApp.start(platform, {
      controllers,
      e2e: { session: false, secret: SECRET },
      configure: (nest) => useOwnSession(nest, platform, { store: new MemoryStore() }),
    });
    try {
      const visitor = app.visitor();
      expect(await works(await visitor.handshake('X25519'))).toBe(true);
      expect(String(visitor.jar)).toMatch(/^own\.sid=/);
    } finally {
      await app.close();
    }
  });

  it('is asked for at start where there is none, or in the log once a handshake was refused', async () => {
    if (platform === 'fastify') {
      const starting = TestApp.start(platform, { controllers, e2e: { session: false, secret: SECRET } });
      await expect(starting).rejects.toThrow('session: false means that the application has its own session');
      return;
    }
    const app = await TestApp.start(platform, { controllers, e2e: { session: false, secret: SECRET } });
    try {
      const { jwk } = await keyPair('X25519');
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ publicKey: jwk });
      const reply = await app.visitor().send({ method: 'POST', target: '/e2e/handshake', headers, body });
      expectPlainProblem(reply, 'busy');
      expect(reply.headers['retry-after']).toBe('1');
      expect(app.log.ofModule.join()).toContain('has no session');
    } finally {
      await app.close();
    }
  });
});

onEachPlatform('A session store that outlives the process', (platform) => {
  const howTo = /needs E2eModule\.forRoot\(\{ secret \}\).*Make one with: node -p /;

  it.each<[string, Setup]>([
    ['by the application’s own middleware', { configure: (nest) => useOwnSession(nest, platform) }],
    ['by the option `session`', { e2e: { session: { store: new MemoryStore(), secret: SECRET } } }],
    ['by `session: false`', { e2e: { session: false } }],
  ])('needs a secret, or the application does not start: %s', async (_, setup) => {
    await expect(TestApp.start(platform, setup)).rejects.toThrow(howTo);
  });
});

onEachPlatform('A session cookie whose options are a function', (platform) => {
  it('is refused at start: it would go without the module’s defaults', async () => {
    const e2e = { session: { cookie: () => ({ secure: true }) } };
    await expect(TestApp.start(platform, { e2e })).rejects.toThrow('session.cookie" must be');
  });
});
