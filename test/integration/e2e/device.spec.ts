import { sign } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { CompactEncrypt, importJWK } from 'jose';
import { Controller, Get, Post, Req } from '@nestjs/common';
import type { DeviceKey, DeviceStorage, SigningJwk, StoredDevice } from '../../../src/client/index.js';
import { json, type Channel, type Message, type Visitor } from '../../external/conformance/channel.js';
import { b64u, keyPair, thumbprint } from '../../external/conformance/peer.js';
import type { Reply } from '../../external/conformance/wire.js';
import { onEachPlatform, PLATFORMS, TestApp, useApp } from './support/apps.js';
import { ed25519, es256, prove, shakeHands, thief } from './support/devices.js';
import { errorOf, expectPlainProblem, postJson } from './support/raw.js';
import { clientOf, SECRET, SessionController, useOwnSession } from './support/sessions.js';

/** Begins a session on a plain route, as an OAuth redirect does. */
@Controller('plain')
class PlainController {
  @Post()
  begin(@Req() { session }: { session: { begun?: boolean } }): object {
    session.begun = true;
    return {};
  }
  @Get()
  read(@Req() { session }: { session: { begun?: boolean } }): object {
    return { begun: session.begun ?? false };
  }
}

const addNote = (channel: Channel, note: string, dev?: string): Message =>
  channel.message('POST', '/session/notes', json({ note }), { dev });
const send = (channel: Channel, message: Message): Promise<Reply> => channel.post(message);

/** The notes of the session, opened; `dev` goes along. */
async function notes(channel: Channel, dev?: string): Promise<unknown> {
  const sealed = await channel.request('GET', '/session/notes', undefined, { members: { dev } });
  return JSON.parse(sealed.text);
}

onEachPlatform('Where device keys are required', (platform) => {
  const controllers = [SessionController, PlainController];
  const app = useApp(platform, {
    controllers,
    e2e: { deviceBinding: 'required', allowPlainJwe: true, secret: SECRET },
  });

  it.each([
    ['P-256', es256],
    ['Ed25519', ed25519],
  ])('a session is bound to the %s key of the handshake that creates it', async (_, make) => {
    const device = make();
    const visitor = app().visitor();
    const channel = await shakeHands(visitor, device);
    expect(channel.answer.device).toBe(thumbprint(device.jwk));
    const first = addNote(channel, 'mine', prove(device, channel.th));
    expect(channel.open(await send(channel, first), first).status).toBe(201);
    expect(await notes(channel)).toEqual(['mine']);
    const second = await shakeHands(visitor, device);
    expect(second.answer.session).toBe(channel.answer.session);
    expect(await notes(second, prove(device, second.th))).toEqual(['mine']);
  });

  it('a handshake without one is refused', async () => {
    const { jwk } = await keyPair('X25519');
    expectPlainProblem(
      await app().visitor().ask({ publicKey: jwk }),
      'key-rejected',
      'this server accepts only handshakes with a device key',
    );
  });

  it.each<[string, unknown]>([
    ['a text', 'key'],
    ['an X25519 key', { kty: 'OKP', crv: 'X25519', x: b64u(Buffer.alloc(32, 1)) }],
    ['a key with its private half', { ...es256().jwk, d: 'AAAA' }],
    ['a point off the curve', { ...es256().jwk, y: es256().jwk.y }],
  ])('%s for a device key is refused, and nothing is made', async (_, device) => {
    const visitor = app().visitor();
    const reply = await visitor.ask({ publicKey: (await keyPair('X25519')).jwk, device });
    expect(reply.status).toBe(422);
    expect(String(visitor.jar)).toBe('');
  });

  it('a channel opens nothing before a message has proven the key', async () => {
    const device = es256();
    const channel = await shakeHands(app().visitor(), device);
    const other = await shakeHands(app().visitor(), device);
    const good = prove(device, channel.th);
    const [header, payload, signature] = good.split('.') as [string, string, string];
    for (const dev of [
      undefined,
      '',
      'a.b.c',
      `${good}.`,
      `${header}.${payload}`,
      `${header}.${payload}.${b64u(Buffer.alloc(64))}`,
      `${header}.${payload}.${signature.slice(0, -4)}`,
      prove(es256(), channel.th), // another key
      prove(device, other.th), // another channel
      prove(device, channel.th, { typ: 'e2e-handshake+jws' }),
      prove(device, channel.th, { alg: 'Ed25519' }),
      prove(device, channel.th, { alg: 'none' }),
      prove(device, channel.th, { crit: ['x'] }),
    ]) {
      expectPlainProblem(await send(channel, addNote(channel, 'no', dev)), 'message-rejected');
    }
    expect(await notes(channel, good)).toEqual([]);
  });

  it('a stolen cookie opens no channel, with a key of its own, with the victim’s public key, or with none', async () => {
    const device = es256();
    const victim = app().visitor();
    const channel = await shakeHands(victim, device);
    expect(await notes(channel, prove(device, channel.th))).toEqual([]);
    const secret = addNote(channel, 'secret');
    expect(channel.open(await send(channel, secret), secret).status).toBe(201);

    // Its own key: a session of its own, and the victim's stays as it was.
    const own = thief(victim);
    const stolenKey = es256();
    const elsewhere = await shakeHands(own, stolenKey);
    expect(elsewhere.answer.session).not.toBe(channel.answer.session);
    expect(await notes(elsewhere, prove(stolenKey, elsewhere.th))).toEqual([]);
    // None: no handshake.
    expect((await thief(victim).ask({ publicKey: (await keyPair('RSA')).jwk })).status).toBe(422);
    // The victim's, which is public: a channel on which nothing can be proven, even with a proof that was overheard.
    for (const kind of ['RSA', 'X25519'] as const) {
      const posing = await shakeHands(thief(victim), device, kind);
      expect(posing.answer.session).toBe(channel.answer.session);
      expectPlainProblem(await send(posing, addNote(posing, 'no')), 'message-rejected');
      expectPlainProblem(await send(posing, addNote(posing, 'no', prove(device, channel.th))), 'message-rejected');
    }
    expect(await notes(channel)).toEqual(['secret']);
  });

  it('the plain way is closed, since it proves nothing about its sender', async () => {
    const device = es256();
    const channel = await shakeHands(app().visitor(), device, 'RSA');
    expect(await notes(channel, prove(device, channel.th))).toEqual([]);
    const header = channel.header('GET', '/session/notes', { alg: 'RSA-OAEP-256', ek: undefined });
    const jwe = await new CompactEncrypt(new Uint8Array())
      .setProtectedHeader(header as never)
      .encrypt(await importJWK(channel.answer.publicKey, 'RSA-OAEP-256'));
    expectPlainProblem(await channel.post({ jwe, header }), 'message-rejected');
  });

  it('a login that carries the channel over keeps the session’s name and its key', async () => {
    const device = es256();
    const visitor = app().visitor();
    const channel = await shakeHands(visitor, device);
    const cookie = String(visitor.jar);
    const sealed = await channel.request('POST', '/session/login', json({}), {
      members: { dev: prove(device, channel.th) },
    });
    expect(sealed.status).toBe(200);
    expect(String(visitor.jar)).not.toBe(cookie);
    expect(await notes(channel)).toEqual([]); // proven already
    const next = await shakeHands(visitor, device);
    expect(next.answer.session).toBe(channel.answer.session);
    expect(next.answer.device).toBe(thumbprint(device.jwk));
  });

  it('two logins at once leave the session its name and its key: one of them is busy', async () => {
    const device = es256();
    const visitor = app().visitor();
    const channel = await shakeHands(visitor, device);
    expect(await notes(channel, prove(device, channel.th))).toEqual([]);
    const logins = [1, 2].map(() => channel.message('POST', '/session/login', json({})));
    const replies = await Promise.all(logins.map((message) => send(channel, message)));
    // The second one finds its session gone: before its message is opened, or when it comes to carry it over.
    const outcomes = replies.map((reply, index) =>
      reply.status === 428 ? 428 : channel.open(reply, logins[index]!).status,
    );
    expect([
      [200, 428],
      [200, 503],
    ]).toContainEqual(outcomes.sort());
    const next = await shakeHands(visitor, device);
    expect(next.answer.session).toBe(channel.answer.session);
  });

  it('a session that began on a plain route stays as it was, and the application is told once what to change', async () => {
    const visitor = app().visitor();
    await visitor.send({ method: 'POST', target: '/plain' });
    const before = thief(visitor);
    for (let time = 0; time < 2; time++) await shakeHands(thief(visitor), es256());
    const told = app().log.ofModule.filter((line) => line.includes('KeyService.carryOver()'));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('client.handshake()');
    expect((await before.send({ method: 'GET', target: '/plain' })).body).toBe('{"begun":true}');
  });

  it('ten parallel handshakes of one device stay on its one session', async () => {
    const device = es256();
    const visitor = app().visitor();
    const first = await shakeHands(visitor, device);
    const others = await Promise.all(Array.from({ length: 10 }, () => shakeHands(visitor, device)));
    for (const channel of others) {
      expect(channel.answer.session).toBe(first.answer.session);
      expect(await notes(channel, prove(device, channel.th))).toEqual([]);
    }
  });
});

onEachPlatform('The client with a device key', (platform) => {
  const controllers = [SessionController];
  const app = useApp(platform, { controllers, e2e: { deviceBinding: 'required', secret: SECRET } });

  it('proves it until the first response, and then calls as usual', async () => {
    const proofs: boolean[] = [];
    const watch: typeof fetch = (input, init) => {
      const message = new Headers(init?.headers).get('e2e-request') ?? '';
      if (message) {
        proofs.push('dev' in (JSON.parse(Buffer.from(message.split('.')[0]!, 'base64url').toString()) as object));
      }
      return fetch(input, init);
    };
    const client = app().client({ deviceKey: true, fetch: watch });
    for (let call = 0; call < 3; call++) expect(await (await client.fetch('/session/notes')).json()).toEqual([]);
    expect(proofs).toEqual([true, false, false]);
  });

  it.each(['RSA', 'P-256', 'X25519'] as const)('does so on %s channels, over a login', async (keyKind) => {
    const client = app().client({ deviceKey: true, keyKind });
    const { session } = await client.handshake();
    expect((await client.fetch('/session/notes', postJson({ note: 'kept' }))).status).toBe(201);
    expect((await client.fetch('/session/login', postJson({}))).status).toBe(200);
    expect(await (await client.fetch('/session/notes')).json()).toEqual(['kept']);
    expect((await client.handshake()).session).toBe(session);
  });

  it('takes a key of one’s own, which may lie in hardware', async () => {
    const device = ed25519();
    const deviceKey: DeviceKey = {
      publicKey: device.jwk as unknown as SigningJwk,
      sign: (data) => Promise.resolve(sign(null, data, device.privateKey)),
    };
    const visitor = app().visitor();
    const [first, second] = [clientOf(app(), visitor, { deviceKey }), clientOf(app(), visitor, { deviceKey })];
    expect((await first.handshake()).session).toBe((await second.handshake()).session);
    expect((await second.fetch('/session/notes')).status).toBe(200);
  });

  it('keeps key and session in a storage of one’s own; an emptied one leads to a new session, not to a dead end', async () => {
    let kept: StoredDevice | undefined;
    const deviceKey: DeviceStorage = {
      get: () => Promise.resolve(kept),
      set: (device) => {
        kept = device;
        return Promise.resolve();
      },
    };
    const visitor = app().visitor();
    const { session } = await clientOf(app(), visitor, { deviceKey }).handshake();
    expect(kept?.session).toBe(session);
    expect(kept?.keys.privateKey.extractable).toBe(false);
    expect((await clientOf(app(), visitor, { deviceKey }).handshake()).session).toBe(session);
    kept = undefined;
    const client = clientOf(app(), visitor, { deviceKey });
    expect((await client.handshake()).session).not.toBe(session);
    expect((await client.fetch('/session/notes')).status).toBe(200);
  });

  it('never resends a request on another session, but reports it to the caller', async () => {
    const visitor = app().visitor();
    const client = clientOf(app(), visitor, { deviceKey: true });
    await client.fetch('/session/notes', postJson({ note: 'of the old session' }));
    await client.fetch('/session/destroy', postJson({}));
    // Every call fails until the caller, who was told, goes on by a handshake of its own.
    for (let call = 0; call < 3; call++) {
      expect((await errorOf(client.fetch('/session/notes'))).code).toBe('session-changed');
    }
    await client.handshake();
    expect(await (await client.fetch('/session/notes')).json()).toEqual([]);
  });
});

it.each(PLATFORMS)('A client with a device key refuses a server that binds no session to it (%s)', async (platform) => {
  const app = await TestApp.start(platform, { controllers: [SessionController] });
  const error = await errorOf(app.client({ deviceKey: true }).handshake());
  expect(error.code).toBe('handshake-rejected');
  expect(error.message).toContain('deviceBinding');
  await app.close();
});

it.each(PLATFORMS)('An application with a session store of its own may require device keys (%s)', async (platform) => {
  const app = await TestApp.start(platform, {
    controllers: [SessionController],
    e2e: { deviceBinding: 'required', secret: SECRET },
    configure: (nest) => useOwnSession(nest, platform),
  });
  const client = app.client({ deviceKey: true });
  expect((await client.fetch('/session/notes', postJson({ note: 'kept' }))).status).toBe(201);
  expect((await client.fetch('/session/login', postJson({}))).status).toBe(200);
  expect(await (await client.fetch('/session/notes')).json()).toEqual(['kept']);
  await app.close();
});

it.each(
  PLATFORMS.flatMap((platform) =>
    [true, false].flatMap((saveUninitialized) =>
      [true, false].map((rolling) => ({ platform, saveUninitialized, rolling })),
    ),
  ),
)('A session beside an application’s own one has a cookie of its own: %j', async ({ platform, ...options }) => {
  const app = await TestApp.start(platform, {
    controllers: [SessionController, PlainController],
    e2e: { deviceBinding: 'required', secret: SECRET },
    configure: (nest) => useOwnSession(nest, platform, options),
  });
  try {
    const owner = app.visitor();
    await owner.send({ method: 'POST', target: '/plain' });
    const device = es256();
    const other = thief(owner);
    const reply = await other.ask({ publicKey: (await keyPair('X25519')).jwk, device: device.jwk });
    expect(reply.status).toBe(201);
    // One cookie, and no other line that clears it.
    expect(reply.headers['set-cookie']).toEqual([expect.stringMatching(/^own\.sid=[^;]{40}/)]);
    expect(String(other.jar)).not.toBe(String(owner.jar));
    const channel = await shakeHands(other, device);
    expect(await notes(channel, prove(device, channel.th))).toEqual([]);
    const plain = async (visitor: Visitor) => (await visitor.send({ target: '/plain' })).body;
    expect([await plain(owner), await plain(other)]).toEqual(['{"begun":true}', '{"begun":false}']);
  } finally {
    await app.close();
  }
});
