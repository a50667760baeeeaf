import { expect, it } from '@jest/globals';
import { Controller, Get, Post, Req } from '@nestjs/common';
import { MemoryStore } from 'express-session';
import { CompactEncrypt, importJWK } from 'jose';
import { Encrypted, KeyService, MemoryReplayGuard, type E2eOptions } from '../../../src/index.js';
import { json } from '../../external/conformance/channel.js';
import { KINDS } from '../../external/conformance/peer.js';
import { onEachPlatform, TestApp, useApp } from './support/apps.js';
import { expectPlainProblem } from './support/raw.js';
import { SECRET } from './support/sessions.js';

@Encrypted()
@Controller('account')
class AccountController {
  constructor(private readonly keys: KeyService) {}

  @Get()
  session(@Req() request: { session?: unknown }): object {
    return { session: request.session === undefined ? 'none' : 'there is one' };
  }
  @Post('login')
  async login(@Req() request: object): Promise<object> {
    await this.keys.carryOver(request);
    return { login: true };
  }
  @Post('logout')
  async logout(@Req() request: object): Promise<object> {
    await this.keys.revoke(request);
    return { logout: true };
  }
}

const controllers = [AccountController];

onEachPlatform("session: 'channel'", (platform) => {
  const app = useApp(platform, { controllers, e2e: { session: 'channel' } });

  it.each(KINDS)('serves a client that keeps no cookies, and sends none (%s)', async (keyKind) => {
    const client = app().client({ cookies: false, keyKind });
    expect(await (await client.fetch('/account')).json()).toEqual({ session: 'none' });
    expect((await client.fetch('/account/login', { method: 'POST' })).status).toBe(201);
    expect((await client.fetch('/account')).status).toBe(200);
    expect(app().tap.text).not.toMatch(/set-cookie/i);
  });

  it('gives each channel its own name', async () => {
    const [one, two] = [app().client(), app().client()];
    expect((await one.handshake()).session).not.toBe((await two.handshake()).session);
  });

  it('ends only one channel by revoke; its client makes a new handshake', async () => {
    const [leaving, staying] = [await app().visitor().handshake('X25519'), await app().visitor().handshake('X25519')];
    expect((await leaving.request('POST', '/account/logout', json({}))).status).toBe(201);
    expectPlainProblem(await leaving.post(leaving.message('GET', '/account')), 'handshake-required');
    expect((await staying.request('GET', '/account')).status).toBe(200);
  });

  it('accepts no message twice', async () => {
    const channel = await app().visitor().handshake('X25519');
    const message = channel.message('POST', '/account/login', json({}));
    expect(channel.open(await channel.post(message), message).status).toBe(201);
    expect(channel.open(await channel.post(message), message).status).toBe(409);
  });

  it('rejects plain JWE, which does not prove its sender', async () => {
    const channel = await app().visitor().handshake('RSA');
    const header = channel.header('GET', '/account', { alg: 'RSA-OAEP-256', ek: undefined });
    const jwe = await new CompactEncrypt(new Uint8Array())
      .setProtectedHeader(header as { alg: string; enc: string })
      .encrypt(await importJWK(channel.answer.publicKey, 'RSA-OAEP-256'));
    expectPlainProblem(await channel.post({ header, jwe }), 'message-rejected');
  });

  it('is served by every server that shares store, secret and windows', async () => {
    const shared: E2eOptions = {
      session: 'channel',
      channelStore: new MemoryStore(),
      secret: SECRET,
      replayGuard: new MemoryReplayGuard(),
    };
    const servers = [
      await TestApp.start(platform, { controllers, e2e: shared }),
      await TestApp.start(platform, { controllers, e2e: shared }),
    ] as const;
    try {
      const channel = await servers[0].visitor().handshake('X25519');
      const message = channel.message('GET', '/account');
      const reply = await servers[1].visitor().send({ target: '/account', headers: { 'e2e-request': message.jwe } });
      expect(channel.open(reply, message).status).toBe(200);
    } finally {
      await Promise.all(servers.map((server) => server.close()));
    }
  });

  it('opens no channel of a deployment with sessions, though it has the store and the secret', async () => {
    const common = { secret: SECRET, replayGuard: new MemoryReplayGuard() };
    const store = new MemoryStore();
    const withSessions = await TestApp.start(platform, { controllers, e2e: { ...common, session: { store } } });
    const without = await TestApp.start(platform, {
      controllers,
      e2e: { ...common, session: 'channel', channelStore: store },
    });
    try {
      const channel = await withSessions.visitor().handshake('X25519');
      const message = channel.message('GET', '/account');
      const reply = await without.visitor().send({ target: '/account', headers: { 'e2e-request': message.jwe } });
      expectPlainProblem(reply, 'handshake-required');
    } finally {
      await Promise.all([withSessions.close(), without.close()]);
    }
  });

  it('works with device keys, which are bound to the channel', async () => {
    const bound = await TestApp.start(platform, {
      controllers,
      e2e: { session: 'channel', deviceBinding: 'required' },
    });
    try {
      const client = bound.client({ cookies: false, deviceKey: true });
      expect((await client.fetch('/account')).status).toBe(200);
      await expect(bound.visitor().handshake('X25519')).rejects.toThrow('422');
    } finally {
      await bound.close();
    }
  });

  it.each([
    [{ session: 'channel', allowPlainJwe: true }, '"allowPlainJwe" must be false if session is \'channel\''],
    [{ channelStore: new MemoryStore(), secret: SECRET }, '"channelStore" must be left out unless session is'],
    [{ session: 'cookies' }, '"session" must be'],
    [{ session: 'channel', channelStore: new MemoryStore() }, 'needs E2eModule.forRoot({ secret })'],
  ])('rejects incompatible options at start: %#', async (options, message) => {
    await expect(TestApp.start(platform, { controllers, e2e: options as E2eOptions })).rejects.toThrow(message);
  });
});
