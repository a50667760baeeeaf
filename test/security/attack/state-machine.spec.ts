import { afterEach, describe, expect, it } from '@jest/globals';
import { Body, Controller, Post, Req } from '@nestjs/common';
import fc, { type AsyncCommand } from 'fast-check';
import { Encrypted, KeyService } from '../../../src/index.js';
import { createE2eClient, E2eClientError, type E2eClient } from '../../../src/client/index.js';
import { TestApp } from '../../integration/e2e/support/apps.js';
import { postJson } from '../../integration/e2e/support/raw.js';
import { letTimePass } from '../../support/clock.js';

const TTL = 600;
/** So many seconds before its end the client replaces a channel. */
const MARGIN = 30;
const WITHHELD = 'withheld';
const ROUTES = ['/state/transfer', '/state/refund'] as const;
type Route = (typeof ROUTES)[number];

/** What a handler was given, and in which session. */
interface Run {
  readonly route: Route;
  readonly body: unknown;
  readonly sessionId: string;
}
let runs: Run[] = [];

interface Session {
  readonly sessionID: string;
  readonly session: { destroy(done: (error?: unknown) => void): unknown };
}

@Controller('state')
@Encrypted()
class StateController {
  constructor(private readonly keys: KeyService) {}

  @Post('transfer')
  transfer(@Body() body: unknown, @Req() { sessionID }: Session): unknown {
    runs.push({ route: '/state/transfer', body, sessionId: sessionID });
    return { answer: body };
  }
  @Post('refund')
  refund(@Body() body: unknown, @Req() { sessionID }: Session): unknown {
    runs.push({ route: '/state/refund', body, sessionId: sessionID });
    return { answer: body };
  }
  @Post('login')
  async login(@Req() request: Session): Promise<object> {
    await this.keys.carryOver(request);
    return {};
  }
  @Post('logout')
  async logout(@Req() { session }: Session): Promise<object> {
    await new Promise<void>((resolve, reject) => {
      session.destroy((error) => (error ? reject(new Error('not destroyed')) : resolve()));
    });
    return {};
  }
}

/** A request as the adversary saw it pass. */
interface Seen {
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** What is expected of the two ends: nothing but this decides whether an honest call goes through. */
interface Model {
  /** The channel that the client holds: the server may have forgotten it, which the client learns by its next call. */
  channel: 'none' | 'known' | 'forgotten';
  /** Seconds since the beginning, and when the client replaces its channel by itself. */
  now: number;
  renewAt: number;
}

/** The client begins a new channel where it has none, or where it sees for itself that its own is at its end. */
function openChannel(model: Model): void {
  if (model.channel !== 'none' && model.now < model.renewAt) return;
  model.channel = 'known';
  model.renewAt = model.now + TTL - MARGIN;
}

/** Both ends, the clock that they share, and who stands between them: with every message, and the cookie. */
class World {
  app!: TestApp;
  readonly client: E2eClient;
  readonly seen: Seen[] = [];
  /** What the client asked for, by its marker. */
  readonly sealed = new Map<string, Route>();
  /** Which calls were answered. */
  readonly answered = new Set<string>();
  lastAnswered = '';
  /** Whether sealed requests get no further than to the adversary. */
  isWithholding = false;
  readonly #undo: (() => void)[] = [];
  /** The adversary's own sessions, decoded. */
  readonly #ownCookies: string[] = [];
  readonly #captures: string[] = [];
  #calls = 0;
  #cookie = '';

  private constructor() {
    this.client = createE2eClient({
      baseUrl: 'http://server.test',
      keyKind: 'X25519',
      resend: false,
      fetch: (input, init) => this.#pass(new URL(input as string).pathname, init!),
    });
  }

  static async begin(): Promise<World> {
    runs = [];
    const world = new World();
    await world.start();
    return world;
  }

  async start(): Promise<void> {
    this.app = await TestApp.start('express', {
      controllers: [StateController],
      e2e: { keyKinds: ['X25519'], channelTtl: TTL },
    });
  }

  async stop(): Promise<void> {
    this.#captures.push(this.app.tap.text, this.app.log.text);
    await this.app.close();
  }

  async end(): Promise<void> {
    await this.stop();
    this.client.close();
    for (const undo of this.#undo.reverse()) undo();
  }

  letTimePass(seconds: number): void {
    this.#undo.push(letTimePass(seconds));
  }

  /** An honest call, which carries a marker of its own: whether its own answer came. */
  async call(route: Route): Promise<boolean> {
    const marker = `canary-${++this.#calls}-5e1f`;
    this.sealed.set(marker, route);
    const answered = await this.ask(route, { marker });
    if (!answered) return false;
    expect(answered).toEqual({ answer: { marker } });
    this.answered.add(marker);
    this.lastAnswered = this.seen.at(-1)!.body;
    return true;
  }

  /** The answer's JSON, or `undefined` where the server asks for a handshake first. */
  async ask(path: string, body: object): Promise<unknown> {
    try {
      const response = await this.client.fetch(path, postJson(body));
      expect(response.ok).toBe(true);
      return await response.json();
    } catch (error) {
      if (!(error instanceof E2eClientError) || error.problem !== 'handshake-required') throw error;
      return undefined;
    }
  }

  /** An honest call that does not arrive: the adversary has its message, and nobody else. */
  async withhold(route: Route): Promise<Seen> {
    this.isWithholding = true;
    await expect(this.call(route)).rejects.toThrow(WITHHELD);
    this.isWithholding = false;
    return this.seen.at(-1)!;
  }

  /** The adversary sends something, with the victim's cookie or one of its own: refused, unless a handler ran. */
  async attack(path: string, body: string, cookie = this.#cookie): Promise<void> {
    const headers = { 'content-type': 'application/jose', cookie };
    const before = runs.length;
    const response = await fetch(this.app.url + path, { method: 'POST', headers, body });
    await response.arrayBuffer();
    if (runs.length === before) expect([400, 409, 415, 428]).toContain(response.status);
  }

  /** The cookie of a session that the adversary opened for itself. */
  async ownCookie(): Promise<string> {
    const { publicKey } = JSON.parse(this.seen.find(({ path }) => path === '/e2e/handshake')?.body ?? '{}');
    const response = await fetch(`${this.app.url}/e2e/handshake`, postJson({ publicKey }));
    const cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    this.#ownCookies.push(decodeURIComponent(cookie));
    return cookie;
  }

  /** What must hold after every step. */
  check(): void {
    const markers = runs.map(({ body }) => (body as { marker?: string }).marker ?? 'none');
    expect(new Set(markers).size).toBe(markers.length);
    expect(runs.map(({ route }) => route)).toEqual(markers.map((marker) => this.sealed.get(marker)));
    expect([...this.answered].filter((marker) => !markers.includes(marker))).toEqual([]);
    expect(runs.filter(({ sessionId }) => this.#ownCookies.some((cookie) => cookie.includes(sessionId)))).toEqual([]);
    const passed = [...this.#captures, this.app.tap.text, this.app.log.text].join('\n');
    expect(passed).not.toContain('canary-');
    // What passed is in there, so that what is missing from it did not pass.
    if (this.answered.size > 0) expect(passed).toContain(this.lastAnswered);
  }

  async #pass(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    this.seen.push({ path, headers, body: init.body as string });
    this.#cookie = headers.get('cookie') ?? this.#cookie;
    if (this.isWithholding && path !== '/e2e/handshake') throw new Error(WITHHELD);
    const response = await fetch(this.app.url + path, init);
    this.#cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? this.#cookie;
    return response;
  }
}

type Step = AsyncCommand<Model, World>;

/** A step that can always be taken; its invariants are looked at each time. */
function step(name: string, run: (model: Model, world: World) => Promise<void>): Step {
  return {
    check: () => true,
    run: async (model, world) => {
      await run(model, world);
      world.check();
    },
    toString: () => name,
  };
}

/** An honest request goes through, but for the one by which the client learns that its channel is gone. */
async function expectHonest(model: Model, ask: () => Promise<unknown>): Promise<boolean> {
  openChannel(model);
  const isThrough = Boolean(await ask());
  expect(isThrough).toBe(model.channel === 'known');
  if (!isThrough) model.channel = 'none';
  return isThrough;
}

const taken = new Map<string, number>();
function counted(name: string): string {
  taken.set(name, (taken.get(name) ?? 0) + 1);
  return name;
}

const handshake = () =>
  step('handshake', async (model, world) => {
    counted('handshake');
    openChannel(model);
    await world.client.handshake();
  });

const call = (route: Route) =>
  step(`call ${route}`, async (model, world) => {
    counted('call');
    await expectHonest(model, () => world.call(route));
  });

const login = () =>
  step('login', async (model, world) => {
    counted('login');
    await expectHonest(model, () => world.ask('/state/login', {}));
  });

const logout = () =>
  step('logout', async (model, world) => {
    counted('logout');
    if (await expectHonest(model, () => world.ask('/state/logout', {}))) model.channel = 'forgotten';
  });

const expire = (seconds: number) =>
  step(`${seconds} s pass`, async (model, world) => {
    counted('expire');
    world.letTimePass(seconds);
    model.now += seconds;
    return Promise.resolve();
  });

const restart = () =>
  step('restart', async (model, world) => {
    counted('restart');
    await world.stop();
    await world.start();
    if (model.channel === 'known') model.channel = 'forgotten';
  });

/** What becomes of a message that did not arrive: its number is not spent, so nothing but its binding protects it. */
const FATES: Record<string, (world: World, message: Seen) => Promise<void>> = {
  'is kept': async () => undefined,
  'comes late': (world, { path, body }) => world.attack(path, body),
  'comes ten times at once': async (world, { path, body }) => {
    await Promise.all(Array.from({ length: 10 }, () => world.attack(path, body)));
  },
  'goes to the other route': (world, { path, body }) =>
    world.attack(
      ROUTES.find((route) => route !== path)!,
      body,
    ),
  'goes to another session': async (world, { path, body }) => world.attack(path, body, await world.ownCookie()),
  'is cut': (world, { path, body }) => world.attack(path, body.slice(0, -1)),
};

const withhold = (route: Route, fate: string) =>
  step(`a call of ${route} ${fate}`, async (model, world) => {
    counted(`withheld, ${fate}`);
    openChannel(model);
    const message = await world.withhold(route);
    const before = runs.length;
    await FATES[fate]!(world, message);
    const mayRun = fate.startsWith('comes') && model.channel === 'known';
    expect(runs.length - before).toBe(mayRun ? 1 : 0);
  });

/** The adversary takes a message from its store. */
const attack = (
  name: string,
  which: number,
  send: (world: World, message: Seen, sealed: readonly Seen[]) => Promise<void>,
) =>
  step(`${name} ${which}`, async (_, world) => {
    const sealed = world.seen.filter(({ path }) => path !== '/e2e/handshake');
    if (sealed.length === 0) return;
    counted(name);
    await send(world, sealed[which % sealed.length]!, sealed);
  });

const place = fc.nat(1000);
const adversary: fc.Arbitrary<Step>[] = [
  ...Array.from({ length: 4 }, () => {
    return fc.tuple(fc.constantFrom(...ROUTES), fc.constantFrom(...Object.keys(FATES))).map((all) => withhold(...all));
  }),
  place.map((which) => attack('replay', which, (world, { path, body }) => world.attack(path, body))),
  place.map((which) => {
    return attack('replay with its own cookie', which, (world, { path, headers, body }) => {
      return world.attack(path, body, headers.get('cookie') ?? '');
    });
  }),
  fc.tuple(place, fc.constantFrom(...ROUTES, '/state/login', '/state/logout')).map(([which, route]) => {
    return attack('move to a route', which, (world, { body }) => world.attack(route, body));
  }),
  place.map((which) => {
    return attack('move to a session', which, async (world, { path, body }) => {
      await world.attack(path, body, await world.ownCookie());
    });
  }),
  fc.tuple(place, place).map(([which, length]) => {
    return attack('cut', which, (world, { path, body }) => world.attack(path, body.slice(0, length % body.length)));
  }),
  fc.tuple(place, place, place).map(([which, other, part]) => {
    return attack('splice', which, (world, { path, body }, sealed) => {
      const parts = body.split('.');
      const index = part % 5;
      parts[index] = sealed[other % sealed.length]!.body.split('.')[index]!;
      return world.attack(path, parts.join('.'));
    });
  }),
];

describe('a client, a server, a clock and an adversary, in any order', () => {
  const worlds: World[] = [];
  afterEach(async () => {
    for (const world of worlds.splice(0)) await world.end();
  });

  it('run each sealed message once at most, where it was sealed for, and show nobody what is in it', async () => {
    const route = fc.constantFrom(...ROUTES);
    const honest = [
      fc.constant(handshake()),
      route.map(call),
      route.map(call),
      route.map(call),
      fc.constant(login()),
      fc.constant(logout()),
      fc.constantFrom(5, 305, TTL).map(expire),
      fc.constant(restart()),
    ];
    await fc.assert(
      fc.asyncProperty(fc.commands([...honest, ...adversary], { maxCommands: 40, size: 'max' }), async (commands) => {
        const world = await World.begin();
        worlds.push(world);
        try {
          await fc.asyncModelRun(
            () => ({ model: { channel: 'none' as const, now: 0, renewAt: 0 }, real: world }),
            commands,
          );
        } finally {
          await worlds.pop()!.end();
        }
      }),
      { numRuns: 16, endOnFailure: false },
    );
    console.log([...taken].map(([name, times]) => `${name}: ${times}`).join(', '));
    // Each kind of step was taken, so that the run means something.
    expect(taken.size).toBe(12 + Object.keys(FATES).length);
  });
});
