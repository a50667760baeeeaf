import { afterEach, expect, it, jest } from '@jest/globals';
import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import { MemoryStore } from 'express-session';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Encrypted, KeyService, MemoryReplayGuard } from '../../../src/index.js';
import { json } from '../../external/conformance/channel.js';
import { stopIntervals, until } from '../../support/clock.js';
import { onEachPlatform, TestApp, useApp } from '../e2e/support/apps.js';
import { COOKIE_SECRET, SECRET } from '../e2e/support/sessions.js';
import { AnswerReader, inShort } from './support/answer.js';

const INTERVAL = 40;

interface Reply extends ServerResponse {
  raw?: ServerResponse;
  hijack?(): void;
}
type Done = (error?: unknown) => void;
interface WithSession {
  readonly session: { cart?: number; regenerate(done: Done): unknown; save(done: Done): unknown };
  readonly sessionStore: object;
}

const open: ServerResponse[] = [];
let goOn: (() => void) | undefined;
/** The last request that replaced its session. */
let replaced: WithSession | undefined;
/** The last request that did nothing. */
let seen: WithSession | undefined;

function begin(reply: Reply): void {
  reply.hijack?.();
  const response = reply.raw ?? reply;
  open.push(response);
  response.write('first');
}

const called = (action: (done: Done) => unknown): Promise<void> =>
  new Promise((resolve, reject) => void action((error) => (error ? reject(new Error('no session')) : resolve())));

@Encrypted()
@Controller('late')
class LateController {
  @Get()
  async late(@Res() reply: Reply): Promise<void> {
    await new Promise<void>((resolve) => (goOn = resolve));
    begin(reply);
  }

  @Get('seen')
  see(@Req() request: WithSession): object {
    seen = request;
    return {};
  }

  /** As after passport's login of a user whose id is a BigInt: no store can save it, and nobody can read it. */
  @Post('odd')
  odd(@Req() { session }: { session: object }, @Res() reply: Reply): void {
    begin(reply);
    Object.assign(session, { passport: { user: 1n } });
  }

  @Post('cart')
  fill(@Req() { session }: WithSession): object {
    session.cart = 1;
    return {};
  }

  @Post('held')
  async held(@Req() request: WithSession, @Res() reply: Reply): Promise<void> {
    seen = request;
    begin(reply);
    await new Promise<void>((resolve) => (goOn = resolve));
    await called((done) => request.session.regenerate(done));
    request.session.cart = 2;
    await called((done) => request.session.save(done));
    replaced = request;
  }

  /** Not a login that is declared as one, so the new session has no channel. */
  @Post('regenerate')
  async regenerate(@Req() request: WithSession, @Res() reply: Reply): Promise<void> {
    await called((done) => request.session.regenerate(done));
    request.session.cart = 2;
    await called((done) => request.session.save(done));
    replaced = request;
    begin(reply);
  }
}

afterEach(() => void jest.useRealTimers());

onEachPlatform('A response in frames that begins late goes on', (platform) => {
  const app = useApp(platform, {
    controllers: [LateController],
    e2e: { streamCheckInterval: INTERVAL, channelsPerSession: 2 },
  });

  async function goesOn(asked: Promise<AnswerReader>): Promise<void> {
    const answer = await asked;
    expect(inShort([await answer.next()])).toEqual(['0 first']);
    await sleep(5 * INTERVAL);
    open.at(-1)!.end('second');
    expect(inShort(await answer.rest())).toEqual(['1 second', 'end']);
  }

  it('although its channel was evicted while the handler worked', async () => {
    const channel = await app().visitor().handshake('X25519');
    goOn = undefined;
    const asked = AnswerReader.ask(channel, 'GET', '/late');
    await until(() => goOn !== undefined);
    for (let count = 0; count < 2; count++) {
      await Object.assign(app().visitor(), { jar: channel.visitor.jar.clone() }).handshake('X25519');
    }
    goOn!();
    await goesOn(asked);
  });

  it('until the session is revoked that its own request has put in its place', async () => {
    const channel = await app().visitor().handshake('X25519');
    await channel.request('POST', '/late/cart', json({}));
    const answer = await AnswerReader.ask(channel, 'POST', '/late/regenerate', json({}));
    expect(inShort([await answer.next()])).toEqual(['0 first']);
    await app().get(KeyService).revoke(replaced!);
    expect(inShort(await answer.rest())).toEqual(['2', 'end']);
  });

  it('although its own request has replaced the session, without its channel', async () => {
    const channel = await app().visitor().handshake('X25519');
    await channel.request('POST', '/late/cart', json({}));
    await goesOn(AnswerReader.ask(channel, 'POST', '/late/regenerate', json({})));
  });

  it('and ends with its session, although the session of another one cannot be read', async () => {
    const rejected: unknown[] = [];
    const note = (error: unknown): void => void rejected.push(error);
    process.on('unhandledRejection', note);
    const odd = await AnswerReader.ask(await app().visitor().handshake('X25519'), 'POST', '/late/odd', json({}));
    expect(inShort([await odd.next()])).toEqual(['0 first']);
    const channel = await app().visitor().handshake('X25519');
    await channel.request('POST', '/late/cart', json({}));
    const answer = await AnswerReader.ask(channel, 'POST', '/late/regenerate', json({}));
    expect(inShort([await answer.next()])).toEqual(['0 first']);
    await sleep(3 * INTERVAL);
    await app().get(KeyService).revoke(replaced!);
    expect(inShort(await answer.rest())).toEqual(['2', 'end']);
    process.off('unhandledRejection', note);
    expect(rejected).toEqual([]);
    // Its own stream ended too: whether its connection was cut is up to the session's middleware, which saves at the end.
    expect(['end', 'cut']).toContain(inShort(await odd.rest()).at(-1));
  });

  it('although the store did not take what its message has proven', async () => {
    const store = new MemoryStore();
    const set = store.set.bind(store);
    let refused = 0;
    const server = await serve(store);
    try {
      const channel = await server.visitor().handshake('RSA');
      store.set = (id, session, done) => {
        if (!id.startsWith('e2e:')) return set(id, session, done);
        refused++;
        done?.(new Error('the store is full'));
      };
      goOn = undefined;
      const asked = AnswerReader.ask(channel, 'GET', '/late');
      await until(() => goOn !== undefined);
      goOn!();
      await goesOn(asked);
      expect(refused).toBeGreaterThan(0);
    } finally {
      await server.close();
    }
  });

  it('until another server revokes the session that its own request has put in its place', async () => {
    const [first, second] = await pair();
    try {
      const channel = await first.visitor().handshake('X25519');
      await channel.request('POST', '/late/cart', json({}));
      const answer = await AnswerReader.ask(channel, 'POST', '/late/regenerate', json({}));
      expect(inShort([await answer.next()])).toEqual(['0 first']);
      const request = await seenBy(second, replaced!);
      // The new session gets a channel there, and with it a record.
      const jwk = { kty: 'OKP', crv: 'X25519', x: Buffer.alloc(32, 9).toString('base64url') };
      await second.get(KeyService).createChannel(request, jwk);
      await sleep(10 * INTERVAL);
      // A check has seen the record by now, and nothing was revoked.
      open.at(-1)!.write('still');
      expect(inShort([await answer.next()])).toEqual(['0 still']);
      await second.get(KeyService).revoke(request);
      expect(inShort(await answer.rest())).toEqual(['2', 'end']);
    } finally {
      await Promise.all([first.close(), second.close()]);
    }
  });

  it('unless another server has revoked its session before its own request replaces that', async () => {
    const check = stopIntervals();
    const [first, second] = await pair();
    try {
      const channel = await first.visitor().handshake('X25519');
      await channel.request('POST', '/late/cart', json({}));
      [goOn, replaced] = [undefined, undefined];
      const answer = await AnswerReader.ask(channel, 'POST', '/late/held', json({}));
      expect(inShort([await answer.next()])).toEqual(['0 first']);
      await until(() => goOn !== undefined);
      await second.get(KeyService).revoke(await seenBy(second, seen!));
      goOn!();
      await until(() => replaced !== undefined);
      check(INTERVAL);
      expect(inShort(await answer.rest())).toEqual(['2', 'end']);
    } finally {
      await Promise.all([first.close(), second.close()]);
    }
  });

  function serve(store: MemoryStore, replayGuard = new MemoryReplayGuard()): Promise<TestApp> {
    const session = { store, secret: COOKIE_SECRET };
    return TestApp.start(platform, {
      controllers: [LateController],
      e2e: { streamCheckInterval: INTERVAL, keyPool: { size: 0 }, secret: SECRET, replayGuard, session },
    });
  }

  /** Two servers that share their sessions. */
  async function pair(): Promise<[TestApp, TestApp]> {
    const [store, guard] = [new MemoryStore(), new MemoryReplayGuard()];
    return [await serve(store, guard), await serve(viewOf(store), guard)];
  }
});

/** Another request of the same session, at this server. */
async function seenBy(server: TestApp, { session }: WithSession): Promise<WithSession & { headers: object }> {
  await (await server.visitor().handshake('X25519')).request('GET', '/late/seen');
  return { headers: {}, session, sessionStore: seen!.sessionStore };
}

/** The same sessions, in a store of another server. */
function viewOf(store: MemoryStore): MemoryStore {
  const of = store as unknown as { sessions: object };
  const sessions = { get: () => of.sessions, set: (value: object) => void (of.sessions = value) };
  return Object.defineProperty(new MemoryStore(), 'sessions', sessions);
}
