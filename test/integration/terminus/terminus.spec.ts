import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { generateKeyPairSync } from 'node:crypto';
import { Controller, Get, Module, type INestApplication } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule, type HealthCheckResult } from '@nestjs/terminus';
import { afterEach, describe, expect, it } from '@jest/globals';
import session, { MemoryStore } from 'express-session';
import { E2eEvents, E2eModule, Plain, type E2eOptions } from '../../../src/index.js';
import { E2eHealthIndicator } from '../../../src/terminus/index.js';
import { onEachPlatform } from '../e2e/support/apps.js';
import { adapterOf, createNest, moduleOf } from '../module/support/nest.js';

const SECRET = 'a-secret-of-at-least-32-characters';

/** The application's own store, which only the health check is told of. */
let passed: session.Store | undefined;

@Plain()
@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly e2e: E2eHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check(): Promise<HealthCheckResult> {
    return this.health.check([() => this.e2e.check('e2e', passed && { store: passed })]);
  }
}

@Module({ imports: [TerminusModule], controllers: [HealthController], providers: [E2eHealthIndicator] })
class HealthModule {}

class BrokenStore extends MemoryStore {
  override set(_id: string, _session: unknown, done?: (error?: unknown) => void): void {
    done?.(new Error('READONLY redis://user:password@host'));
  }
}

class SilentStore extends MemoryStore {
  override set(): void {
    // never answers
  }
}

/** A session of the application's own. */
async function addSession(nest: INestApplication): Promise<void> {
  if (nest.getHttpAdapter().getType() === 'express') {
    nest.use(session({ secret: SECRET, resave: false, saveUninitialized: false }));
  } else {
    const fastify = nest as NestFastifyApplication;
    await fastify.register(fastifyCookie);
    await fastify.register(fastifySession, { secret: SECRET });
  }
}

onEachPlatform('The health indicator of terminus', (platform) => {
  let nest: INestApplication | undefined;

  afterEach(async () => {
    passed = undefined;
    await nest?.close();
  });

  async function ask(
    options: E2eOptions,
    hasSession = false,
  ): Promise<{ status: number; text: string; e2e: Record<string, unknown> }> {
    ({ nest } = await createNest(
      moduleOf({ imports: [E2eModule.forRoot(options), HealthModule] }),
      adapterOf(platform),
    ));
    if (hasSession) await addSession(nest);
    await nest.listen(0);
    const response = await fetch(`${await nest.getUrl()}/health`);
    const text = await response.text();
    const { details } = JSON.parse(text) as { details: { e2e: Record<string, unknown> } };
    return { status: response.status, text, e2e: details.e2e };
  }

  it('is up, in memory', async () => {
    const { status, e2e } = await ask({ keyKinds: ['X25519'] });
    expect([status, e2e]).toEqual([
      200,
      { status: 'up', store: 'memory', windows: 'memory', keyPool: { ready: 0, waiting: 0 }, identityKey: null },
    ]);
  });

  it('writes to the stores, and names the identity key and no secret', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const store = new MemoryStore();
    const windows: string[] = [];
    const replayGuard = {
      open: (kid: string) => void windows.push(`open ${kid}`),
      claim: () => 'new' as const,
      close: (kid: string) => void windows.push(`close ${kid}`),
    };
    const session = { store, secret: `session-${SECRET}` };
    const { status, text, e2e } = await ask({ session, secret: SECRET, replayGuard, identityKey: privateKey });
    expect(status).toBe(200);
    expect(e2e).toMatchObject({
      status: 'up',
      store: 'up',
      windows: 'up',
      identityKey: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(windows).toEqual(['open health', 'close health']);
    expect(text).not.toContain('secret');
  });

  const failing: [string, E2eOptions, object][] = [
    ['the session store fails', { session: { store: new BrokenStore() } }, { store: 'down' }],
    [
      'the session store does not answer',
      { session: { store: new SilentStore() }, storeTimeout: 50 },
      { store: 'down' },
    ],
    [
      'the windows fail',
      { replayGuard: { open: () => Promise.reject(new Error('no')), claim: () => 'new', close: () => undefined } },
      { windows: 'down' },
    ],
    [
      'the windows do not answer',
      {
        replayGuard: { open: () => new Promise(() => undefined), claim: () => 'new', close: () => undefined },
        storeTimeout: 50,
      },
      { windows: 'down' },
    ],
  ];

  it.each(failing)('is down where %s', async (_what, options, details) => {
    const { status, text, e2e } = await ask({ secret: SECRET, ...options });
    expect([status, e2e]).toEqual([503, expect.objectContaining({ status: 'down', ...details })]);
    expect(text).not.toContain('password');
  });

  it('is down where as many handshakes wait for an RSA key pair as may', async () => {
    await ask({ keyPool: { size: 0, waiting: 2 } });
    nest!.get(E2eEvents).emit({ type: 'key-pool', ready: 0, waiting: 2 });
    const response = await fetch(`${await nest!.getUrl()}/health`);
    expect([response.status, await response.json()]).toMatchObject([503, { details: { e2e: { status: 'down' } } }]);
  });

  it("looks at the application's own store where it is passed", async () => {
    expect((await ask({ secret: SECRET }, true)).e2e).toMatchObject({ status: 'up', store: 'unknown' });
    await nest?.close();
    passed = new BrokenStore();
    expect((await ask({ secret: SECRET }, true)).e2e).toMatchObject({ status: 'down', store: 'down' });
  });
});

describe('the main entry', () => {
  it('does not need terminus', async () => {
    expect(Object.keys(await import('../../../src/index.js'))).not.toContain('E2eHealthIndicator');
  });
});
