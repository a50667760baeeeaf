import { expect, it } from '@jest/globals';
import {
  Controller,
  ForbiddenException,
  Get,
  Injectable,
  Module,
  SetMetadata,
  VersioningType,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { APP_GUARD, Reflector } from '@nestjs/core';
import { E2eModule, Encrypted, KeyService, type E2eOptions } from '../../../src/index.js';
import { onEachPlatform, TestApp, useApp, type Setup } from './support/apps.js';
import { errorOf, expectPlainProblem } from './support/raw.js';

@Encrypted()
@Controller('read')
class ReadController {
  @Get()
  read(): object {
    return { read: true };
  }
}

const controllers = [ReadController];

@Injectable()
class Config {
  readonly ttl = 120;
}
@Module({ providers: [Config], exports: [Config] })
class ConfigModule {}

@Injectable()
class OptionsFactory {
  create(): E2eOptions {
    return { channelTtl: 240 };
  }
}
@Module({ providers: [OptionsFactory], exports: [OptionsFactory] })
class FactoryModule {}

onEachPlatform('forRootAsync', (platform) => {
  it.each([
    [
      'useFactory, beside a path',
      E2eModule.forRootAsync({
        path: 'secure',
        imports: [ConfigModule],
        inject: [Config],
        useFactory: async ({ ttl }: Config) => ({ channelTtl: ttl }),
      }),
      120,
      'secure',
    ],
    ['useClass', E2eModule.forRootAsync({ useClass: OptionsFactory }), 240, 'e2e'],
    ['useExisting', E2eModule.forRootAsync({ imports: [FactoryModule], useExisting: OptionsFactory }), 240, 'e2e'],
  ] as const)('takes %s', async (_, e2e, ttl, path) => {
    const app = await TestApp.start(platform, { e2e, controllers });
    try {
      const client = app.client({ path });
      const before = Date.now();
      const expires = (await client.handshake()).expiresAt.getTime();
      expect(expires).toBeGreaterThan(before + (ttl - 1) * 1000);
      expect(expires).toBeLessThanOrEqual(Date.now() + ttl * 1000);
      expect(await (await client.fetch('/read')).json()).toEqual({ read: true });
      expect(app.get(KeyService).options.channelTtl).toBe(ttl);
    } finally {
      await app.close();
    }
  });
});

/** Under these setups the handshake is at this path, and the route at the other. */
const PATHS: [what: string, setup: Setup, handshake: string, route: string][] = [
  ['no option at all', { e2e: E2eModule.forRoot() }, '/e2e', '/read'],
  ['a path of one’s own', { e2e: { path: 'secure/channel' } }, '/secure/channel', '/read'],
  ['a path with slashes around', { e2e: { path: '/secure/' } }, '/secure', '/read'],
  ['a global prefix', { configure: (nest) => nest.setGlobalPrefix('api/v1') }, '/api/v1/e2e', '/api/v1/read'],
  [
    'versions in the URI',
    { configure: (nest) => nest.enableVersioning({ type: VersioningType.URI, defaultVersion: '2' }) },
    '/e2e',
    '/v2/read',
  ],
  [
    'a prefix that the handshake is left out of',
    { configure: (nest) => nest.setGlobalPrefix('api', { exclude: ['e2e/{*path}'] }) },
    '/e2e',
    '/api/read',
  ],
];

onEachPlatform('With', (platform) => {
  it.each(PATHS)('%s the handshake and the sealed routes are where one expects them', async (_, setup, path, route) => {
    const app = await TestApp.start(platform, { ...setup, controllers });
    try {
      const response = await app.client({ path }).fetch(route);
      expect(await response.json()).toEqual({ read: true });
      expectPlainProblem(await app.visitor().send({ target: route }), 'message-required');
      expect((await fetch(`${app.url}${path}/identity`)).status).toBe(200);
    } finally {
      await app.close();
    }
  });
});

/** A guard before everything that is not marked, as applications with accounts have it. */
const Public = (): ClassDecorator => SetMetadata('public', true);
@Injectable()
class AccountGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}
  canActivate(context: ExecutionContext): boolean {
    const isPublic = this.reflector.getAllAndOverride<boolean>('public', [context.getHandler(), context.getClass()]);
    const { authorization } = context.switchToHttp().getRequest<{ headers: { authorization?: string } }>().headers;
    if (isPublic || authorization === 'Bearer ada') return true;
    throw new ForbiddenException();
  }
}

onEachPlatform('An application-wide guard', (platform) => {
  const providers = [{ provide: APP_GUARD, useClass: AccountGuard }];
  const open = useApp(platform, { controllers, providers, e2e: { decorators: [Public()] } });
  const shut = useApp(platform, { controllers, providers });

  it('lets the handshake through by the option `decorators`, and guards the sealed routes', async () => {
    const client = open().client();
    expect((await client.fetch('/read')).status).toBe(403);
    const headers = { authorization: 'Bearer ada' };
    expect(await (await client.fetch('/read', { headers })).json()).toEqual({ read: true });
  });

  it('without it stands before the handshake, and the client’s error says so', async () => {
    const error = await errorOf(shut().client().handshake());
    expect(error).toMatchObject({ code: 'handshake-failed', status: 403 });
    expect(error.message).toContain('does a guard reject it?');
    expect(error.message).toContain('Does CSRF middleware reject it?');
  });
});

onEachPlatform('keyKinds', (platform) => {
  const app = useApp(platform, { controllers, e2e: { keyKinds: ['P-256'] } });

  it('says which kinds the server takes', async () => {
    expect((await app().client({ keyKind: 'P-256' }).handshake()).kind).toBe('P-256');
    const error = await errorOf(app().client({ keyKind: 'X25519' }).handshake());
    expect(error).toMatchObject({ code: 'handshake-failed', status: 422, problem: 'key-rejected' });
  });
});
