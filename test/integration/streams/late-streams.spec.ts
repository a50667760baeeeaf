import { expect, it } from '@jest/globals';
import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import { MemoryStore } from 'express-session';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Encrypted, KeyService, MemoryReplayGuard } from '../../../src/index.js';
import { json } from '../../external/conformance/channel.js';
import { until } from '../../support/clock.js';
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

  it('until another server revokes the session that its own request has put in its place', async () => {
    const store = new MemoryStore();
    const e2e = {
      streamCheckInterval: INTERVAL,
      keyPool: { size: 0 },
      secret: SECRET,
      replayGuard: new MemoryReplayGuard(),
    };
    const serve = (its: MemoryStore): Promise<TestApp> =>
      TestApp.start(platform, {
        controllers: [LateController],
        e2e: { ...e2e, session: { store: its, secret: COOKIE_SECRET } },
      });
    const [first, second] = [await serve(store), await serve(viewOf(store))];
    try {
      const channel = await first.visitor().handshake('X25519');
      await channel.request('POST', '/late/cart', json({}));
      const answer = await AnswerReader.ask(channel, 'POST', '/late/regenerate', json({}));
      expect(inShort([await answer.next()])).toEqual(['0 first']);
      // The new session gets a channel there, and with it a record.
      await (await second.visitor().handshake('X25519')).request('GET', '/late/seen');
      const request = { headers: {}, session: replaced!.session, sessionStore: seen!.sessionStore };
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
});

/** The same sessions, in a store of another server. */
function viewOf(store: MemoryStore): MemoryStore {
  const of = store as unknown as { sessions: object };
  const sessions = { get: () => of.sessions, set: (value: object) => void (of.sessions = value) };
  return Object.defineProperty(new MemoryStore(), 'sessions', sessions);
}
