import { afterEach, expect, it, jest } from '@jest/globals';
import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import { MemoryStore } from 'express-session';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Encrypted, KeyService, MemoryReplayGuard, type E2eOptions } from '../../../src/index.js';
import { json, type Channel } from '../../external/conformance/channel.js';
import { letTimePass, stopIntervals, until } from '../../support/clock.js';
import { onEachPlatform, TestApp, type PlatformName } from '../e2e/support/apps.js';
import { COOKIE_SECRET, SECRET, SessionController } from '../e2e/support/sessions.js';
import { AnswerReader, inShort } from './support/answer.js';
import { upload } from './support/frames.js';

const INTERVAL = 40;

interface Reply extends ServerResponse {
  raw?: ServerResponse;
  hijack?(): void;
}
/** Those that are open, to be written to by the test. */
const open: ServerResponse[] = [];
interface WithSession {
  readonly session: object;
  readonly sessionStore: object;
}
/** The last request that logged in although a stream of it had begun: too late for its client to get the cookie. */
let loggedIn: WithSession | undefined;
/** The last request that came with a session. */
let seen: WithSession | undefined;
function begin(reply: Reply): void {
  reply.hijack?.();
  const response = reply.raw ?? reply;
  response.write('first');
  open.push(response);
}

@Encrypted()
@Controller('streams')
class StreamController {
  constructor(private readonly keys: KeyService) {}

  @Get()
  stream(@Res() reply: Reply): void {
    begin(reply);
  }
  @Post('login')
  async login(@Req() request: object, @Res() reply: Reply): Promise<void> {
    await this.keys.carryOver(request);
    begin(reply);
  }
  @Get('seen')
  see(@Req() request: WithSession): object {
    seen = request;
    return {};
  }
  @Post('login-late')
  async loginLate(@Req() request: WithSession, @Res() reply: Reply): Promise<void> {
    begin(reply);
    await this.keys.carryOver(request);
    loggedIn = request;
  }
  @Post('login-upload')
  async loginUpload(@Req() request: IncomingMessage & WithSession & { raw?: IncomingMessage }): Promise<object> {
    await this.keys.carryOver(request);
    loggedIn = request;
    return this.upload(request);
  }
  @Post('upload')
  async upload(@Req() request: IncomingMessage & { raw?: IncomingMessage }): Promise<object> {
    let bytes = 0;
    for await (const chunk of request.raw ?? request) bytes += (chunk as Buffer).length;
    return { bytes };
  }
}

/** The same sessions by another object, as another process has them. */
function viewOf(store: MemoryStore): MemoryStore {
  const of = store as unknown as { sessions: object };
  const sessions = { get: () => of.sessions, set: (value: object) => void (of.sessions = value) };
  return Object.defineProperty(new MemoryStore(), 'sessions', sessions);
}

interface FastifyParsers {
  addContentTypeParser(
    type: string,
    parser: (request: unknown, payload: unknown, done: (e: null) => void) => void,
  ): void;
}
const serve = (platform: PlatformName, e2e: E2eOptions): Promise<TestApp> =>
  TestApp.start(platform, {
    controllers: [StreamController, SessionController],
    e2e: { streamCheckInterval: INTERVAL, keyPool: { size: 0 }, ...e2e },
    configure: (nest) => {
      if (platform !== 'fastify') return;
      const instance = nest.getHttpAdapter().getInstance() as FastifyParsers;
      instance.addContentTypeParser('application/x-upload', (_request, _payload, done) => done(null));
    },
  });

/** Two servers that share their sessions, as processes behind a balancer do. */
async function pairOf(
  platform: PlatformName,
  more: E2eOptions = {},
  store = new MemoryStore(),
): Promise<[TestApp, TestApp]> {
  const replayGuard = new MemoryReplayGuard();
  const start = (each: MemoryStore): Promise<TestApp> =>
    serve(platform, { session: { store: each, secret: COOKIE_SECRET }, secret: SECRET, replayGuard, ...more });
  return [await start(store), await start(viewOf(store))];
}
const at = (app: TestApp, { jar }: Channel['visitor']) => Object.assign(app.visitor(), { jar: jar.clone() });

/** An upload whose first frame was read, and which goes on. */
async function uploading(
  channel: Channel,
  path = '/streams/upload',
): Promise<{ status: Promise<number>; stop: () => void }> {
  const { message, head, frames } = upload(channel, path, 'application/x-upload', ['first', 'second']);
  const out = httpRequest(channel.visitor.base + path, {
    method: 'POST',
    agent: false,
    headers: { 'Content-Type': 'application/vnd.e2e.stream', Cookie: String(channel.visitor.jar) },
  });
  const status = new Promise<number>((resolve, reject) => {
    out.on('error', reject);
    out.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('error', reject).on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const { statusCode = 0, headers, rawHeaders } = response;
        resolve(
          channel.open({ status: statusCode, headers, rawHeaders, body: bytes.toString(), bytes }, message).status,
        );
      });
    });
  });
  out.write(Buffer.concat([head, frames[0]!]));
  await sleep(50);
  return { status, stop: () => void out.destroy() };
}

afterEach(() => void jest.useRealTimers());

onEachPlatform('A running stream ends', (platform) => {
  const ACTIONS = ['destroy', 'revoke', 'login', 'regenerate'];

  it('with its session, on this server at once, and on another one soon', async () => {
    const [here, there] = await pairOf(platform);
    try {
      for (const server of [here, there]) {
        for (const action of ACTIONS) {
          const { visitor } = await here.visitor().handshake('X25519');
          const streaming = await at(here, visitor).handshake('X25519');
          const sending = await at(here, visitor).handshake('X25519');
          const answer = await AnswerReader.ask(streaming, 'GET', '/streams');
          expect(inShort([await answer.next()])).toEqual(['0 first']);
          const { status } = await uploading(sending);
          await sleep(3 * INTERVAL);
          open.at(-1)!.write('still');
          expect(inShort([await answer.next()])).toEqual(['0 still']);
          // Another request of the same session, on a channel of its own.
          const other = await at(server, visitor).handshake('X25519');
          expect((await other.request('POST', `/session/${action}`, json({}))).status).toBeLessThan(300);
          expect([action, ...inShort(await answer.rest())]).toEqual([action, '2', 'end']);
          expect([action, await status]).toEqual([action, 400]);
        }
      }
    } finally {
      await Promise.all([here.close(), there.close()]);
    }
  });

  it.each([
    ['at once, by this server', 0, false],
    ['soon, by another one', 1, true],
    ['soon, by another one, before the first check', 1, false],
  ])('whose own request logged in, when its new session is revoked: %s', async (_, by, areChecked) => {
    // With no check, only events in this process end a stream.
    const check = areChecked ? undefined : stopIntervals();
    const servers = await pairOf(platform);
    const [here, server] = [servers[0], servers[by]!];
    /** As another request of the new session does it. */
    const revoke = async (): Promise<void> => {
      await until(() => loggedIn !== undefined);
      await (await server.visitor().handshake('X25519')).request('GET', '/streams/seen');
      const { sessionStore } = seen!;
      await server.get(KeyService).revoke({ headers: {}, session: loggedIn!.session, sessionStore });
      loggedIn = undefined;
      if (by === 1) check?.(INTERVAL);
    };
    try {
      const answer = await AnswerReader.ask(await here.visitor().handshake('X25519'), 'POST', '/streams/login-late');
      expect(inShort([await answer.next()])).toEqual(['0 first']);
      await until(() => loggedIn !== undefined);
      await sleep(3 * INTERVAL);
      open.at(-1)!.write('still');
      expect(inShort([await answer.next()])).toEqual(['0 still']);
      await revoke();
      expect(inShort(await answer.rest())).toEqual(['2', 'end']);

      const { status } = await uploading(await here.visitor().handshake('X25519'), '/streams/login-upload');
      await revoke();
      expect(await status).toBe(400);
    } finally {
      await Promise.all(servers.map((each) => each.close()));
    }
  });

  it('though not while its own request logs in, however long the store takes', async () => {
    const store = new MemoryStore();
    const get = store.get.bind(store);
    store.get = (id, done) => void setTimeout(() => get(id, done), 3 * INTERVAL);
    const servers = await pairOf(platform, {}, store);
    try {
      const channel = await servers[0].visitor().handshake('X25519');
      loggedIn = undefined;
      const answer = await AnswerReader.ask(channel, 'POST', '/streams/login-late');
      expect(inShort([await answer.next()])).toEqual(['0 first']);
      await until(() => loggedIn !== undefined);
      await sleep(9 * INTERVAL);
      open.at(-1)!.write('still');
      expect(inShort([await answer.next()])).toEqual(['0 still']);
    } finally {
      await Promise.all(servers.map((each) => each.close()));
    }
  });

  it('though not with the eviction of its channel, nor at its expiresAt, nor with the login that it answers', async () => {
    const [here, there] = await pairOf(platform, { channelsPerSession: 1, channelTtl: 60 });
    let comeBack: (() => void) | undefined;
    try {
      const channel = await here.visitor().handshake('X25519');
      const answer = await AnswerReader.ask(channel, 'GET', '/streams');
      await answer.next();
      await at(there, channel.visitor).handshake('X25519');
      const login = await here.visitor().handshake('X25519');
      const answered = await AnswerReader.ask(login, 'POST', '/streams/login', json({}));
      await answered.next();
      comeBack = letTimePass(61);
      await sleep(5 * INTERVAL);
      for (const response of open.splice(-2)) response.end('done');
      expect(inShort(await answer.rest())).toEqual(['1 done', 'end']);
      expect(inShort(await answered.rest())).toEqual(['1 done', 'end']);
    } finally {
      comeBack?.();
      await Promise.all([here.close(), there.close()]);
    }
  });

  it("with session: 'channel' at its channel's expiresAt, and when that is revoked", async () => {
    const shared: E2eOptions = { session: 'channel', secret: SECRET, replayGuard: new MemoryReplayGuard() };
    const store = new MemoryStore();
    const here = await serve(platform, { ...shared, channelStore: store, channelTtl: 60 });
    const there = await serve(platform, { ...shared, channelStore: viewOf(store), channelTtl: 60 });
    let comeBack: (() => void) | undefined;
    try {
      for (const server of [here, there]) {
        const channel = await here.visitor().handshake('X25519');
        const answer = await AnswerReader.ask(channel, 'GET', '/streams');
        await answer.next();
        const elsewhere = Object.assign(Object.create(channel) as Channel, { visitor: server.visitor() });
        const message = channel.message('POST', '/session/revoke', json({}));
        expect(channel.open(await elsewhere.post(message), message).status).toBe(201);
        expect(inShort(await answer.rest())).toEqual(['2', 'end']);
      }
      const channel = await here.visitor().handshake('X25519');
      const answer = await AnswerReader.ask(channel, 'GET', '/streams');
      await answer.next();
      comeBack = letTimePass(61);
      expect(inShort(await answer.rest())).toEqual(['2', 'end']);
    } finally {
      comeBack?.();
      await Promise.all([here.close(), there.close()]);
    }
  });

  it('when the application closes: whole, or broken where it takes too long', async () => {
    const app = await serve(platform, { shutdownTimeout: 400 });
    const ask = async (): Promise<AnswerReader> =>
      AnswerReader.ask(await app.visitor().handshake('X25519'), 'GET', '/streams');
    const [slow, quick] = [await ask(), await ask()];
    await Promise.all([slow.next(), quick.next()]);
    const { status } = await uploading(await app.visitor().handshake('X25519'));
    const refused = status.catch(() => 'cut');
    const closed = app.nest.close();
    open.at(-1)!.end('done');
    expect(inShort(await quick.rest())).toEqual(['1 done', 'end']);
    expect(inShort(await slow.rest())).toEqual(['2', 'end']);
    // Nest itself cuts what is left, as this application asks it to.
    expect([400, 'cut']).toContain(await refused);
    await closed;
    await app.close();
  });
});
