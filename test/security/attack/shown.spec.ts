import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Catch, Controller, Post, Req, Res, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import session from 'express-session';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import {
  E2e,
  E2eGuard,
  E2eInterceptor,
  E2eModule,
  E2eRoutes,
  Encrypted,
  KeyService,
  MemoryReplayGuard,
  type ChannelFacts,
} from '../../../src/index.js';
import { createE2eClient, type E2eClient } from '../../../src/client/index.js';
import { ChannelRegistry } from '../../../src/nest/keys/channel-registry.js';
import { DefaultSession } from '../../../src/nest/keys/default-session.js';
import { Entrance } from '../../../src/nest/keys/entrance.js';
import { MemorySessions } from '../../../src/nest/keys/memory-sessions.js';
import { RunningStreams } from '../../../src/nest/keys/running-streams.js';
import { ServerKeys } from '../../../src/nest/keys/server-keys.js';
import { SessionLocator } from '../../../src/nest/keys/session-locator.js';
import { E2E_SETTINGS } from '../../../src/nest/options/e2e.options.js';
import { TestApp } from '../../integration/e2e/support/apps.js';
import { errorOf, postJson } from '../../integration/e2e/support/raw.js';
import { formsFound, Haystack } from './support/canary.js';
import { makeIdentity } from './support/harness.js';
import { Loopback } from './support/loopback.js';
import { privateParts, serverSecrets, sessionsOf, TellTaleEngine, type Secrets } from './support/secrets.js';

const shown = new Map<string, unknown>();

@Controller('shown')
@Encrypted()
class ShownController {
  @Post()
  show(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
    @E2e() facts: ChannelFacts,
    @Body() body: unknown,
  ): unknown {
    shown.set('request', request).set('response', response).set('@E2e()', facts);
    return body;
  }
}

/** Sees the refusals as the application's own filters do. */
@Catch()
class Filter extends BaseExceptionFilter {
  override catch(exception: unknown, host: ArgumentsHost): void {
    shown.set(`exception ${shown.size}`, exception);
    super.catch(exception, host);
  }
}

/** All that can be had of a value without calling it: what a debugger, a logger or a crash report would print. */
function printed(value: unknown): string {
  const texts = [
    inspect(value, { depth: 12, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null }),
  ];
  const seen = new WeakSet();
  try {
    const serialized = JSON.stringify(value, (_, member: unknown) => {
      if (typeof member !== 'object' || member === null) return member;
      if (seen.has(member)) return undefined;
      seen.add(member);
      return member;
    }) as string | undefined;
    texts.push(serialized ?? '');
  } catch {
    // A getter of the platform's that throws; inspect has shown what there is.
  }
  if (value instanceof Error) texts.push(String(value.stack), printed(value.cause));
  return texts.join('\n');
}

const PARTS = [
  ...[KeyService, ServerKeys, ChannelRegistry, RunningStreams, Entrance, DefaultSession, SessionLocator, E2E_SETTINGS],
  ...[E2eRoutes, E2eGuard, E2eInterceptor],
];

function providersOf({ nest }: TestApp): [string, unknown][] {
  return PARTS.map((token) => [
    typeof token === 'symbol' ? String(token) : token.name,
    nest.get<unknown>(token, { strict: false }),
  ]);
}

describe('what the API hands out shows no key, however it is printed', () => {
  const secret = randomBytes(32).toString('base64url');
  const sessionSecret = randomBytes(32).toString('base64url');
  const identity = makeIdentity();
  const store = new session.MemoryStore();
  const secrets: Secrets = new Map();
  let app: TestApp;

  beforeAll(async () => {
    app = await TestApp.start('express', {
      controllers: [ShownController],
      e2e: E2eModule.forRoot({
        secret,
        session: { secret: sessionSecret, store },
        identityKey: identity.pem,
        keyPool: { size: 0 },
      }),
      configure: (nest) => nest.useGlobalFilters(new Filter(nest.get(HttpAdapterHost).httpAdapter)),
    });
    for (const keyKind of ['RSA', 'P-256', 'X25519'] as const) await use(keyKind);
    for (const [name, bytes] of serverSecrets(sessionsOf(store), secret)) secrets.set(name, bytes);
    secrets.set('secret', Buffer.from(secret)).set('session secret', Buffer.from(sessionSecret));
    const der = createPrivateKey(identity.pem).export({ format: 'der', type: 'pkcs8' });
    for (const part of privateParts(der)) secrets.set(`identity key ${secrets.size}`, part);
  });
  afterAll(() => app.close());

  /** A client's life: answers, refusals, errors. */
  async function use(keyKind: 'RSA' | 'P-256' | 'X25519'): Promise<void> {
    const engine = new TellTaleEngine();
    const make = (pin: string): E2eClient =>
      createE2eClient({ baseUrl: app.url, keyKind, engine, identityKeys: [pin] });
    const client = make(identity.thumbprint);
    shown.set(`${keyKind} client`, client);
    shown.set(`${keyKind} answer`, await client.fetch('/shown', postJson({})));
    shown.set(`${keyKind} handshake`, await client.handshake());
    shown.set(`${keyKind} error`, await errorOf(make(makeIdentity().thumbprint).fetch('/shown')));
    shown.set(`${keyKind} 404`, await client.fetch('/missing'));

    const loopback = new Loopback({ keyKind, engine: new TellTaleEngine() });
    await loopback.client.fetch('/', postJson({}));
    shown.set(`${keyKind} opened message`, loopback.passed!.opened);
    shown.set(`${keyKind} channel`, loopback.passed!.opened.channel);
    loopback.tamper = (answer) => answer.slice(1);
    shown.set(`${keyKind} rejected`, await errorOf(loopback.client.fetch('/', postJson({}))));
    for (const [name, bytes] of engine.secrets) secrets.set(`${keyKind} ${name}`, bytes);
  }

  it('is searched completely: the client’s, the server’s, the deployment’s', async () => {
    await app
      .visitor()
      .send({ method: 'POST', target: '/shown', headers: { 'content-type': 'application/json' }, body: '{}' });
    expect([...shown.keys()].filter((name) => name.startsWith('exception'))).not.toEqual([]);
    const kinds = new Set([...secrets.keys()].map((name) => name.replace(/ \d+$/, '')));
    expect([...kinds].sort()).toEqual(
      [
        ...['RSA', 'P-256', 'X25519'].flatMap((kind) =>
          [`client's ${kind}`, 'IKM', 'channel key', 'content key'].map((name) => `${kind} ${name}`),
        ),
        "server's",
        'secret',
        'session secret',
        'identity key',
      ].sort(),
    );
    expect(secrets.size).toBeGreaterThan(40);
    // What is looked for is found where it is shown.
    for (const [name, bytes] of secrets) expect([name, formsFound(bytes, printed({ bytes }))]).not.toEqual([name, []]);
  });

  it('in none of them', () => {
    for (const [name, provider] of providersOf(app)) shown.set(name, provider);
    shown.set('MemoryReplayGuard', new MemoryReplayGuard());
    shown.set('identityKeys()', app.get(KeyService).identityKeys());
    expect(shown.size).toBeGreaterThan(25);
    const leaks: string[] = [];
    for (const [what, value] of shown) {
      const text = new Haystack(printed(value));
      for (const [name, bytes] of secrets) {
        for (const form of text.find(bytes)) leaks.push(`${what} shows ${name} as ${form}`);
      }
    }
    expect(leaks).toEqual([]);
  });
});

it('shows no password of a store without cookies either', async () => {
  const password = randomBytes(16).toString('hex');
  class PasswordStore extends MemorySessions {
    readonly options = { password };
  }
  const app = await TestApp.start('express', {
    controllers: [ShownController],
    e2e: { session: 'channel', channelStore: new PasswordStore(9), secret: randomBytes(32).toString('base64url') },
  });
  try {
    await createE2eClient({ baseUrl: app.url, keyKind: 'X25519' }).fetch('/shown', postJson({}));
    const shown = providersOf(app).filter(([, provider]) => printed(provider).includes(password));
    expect(shown.map(([name]) => name)).toEqual([]);
    expect(printed(new PasswordStore(9))).toContain(password);
  } finally {
    await app.close();
  }
});
