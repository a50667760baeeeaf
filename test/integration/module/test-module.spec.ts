import { afterEach, expect, it } from '@jest/globals';
import { Controller, Get, Inject, Injectable, Module, Req } from '@nestjs/common';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { E2eEvents, E2eModule, E2eRoutes, Encrypted, KeyService } from '../../../src/index.js';
import { e2eAgent, type E2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform, type PlatformName } from '../e2e/support/apps.js';
import { adapterOf } from './support/nest.js';

@Injectable()
class Settings {
  readonly channelTtl: number = 3600;
}
@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

@Controller('account')
@Encrypted()
class AccountController {
  constructor(
    @Inject(KeyService) private readonly keys: KeyService,
    @Inject(E2eRoutes) private readonly routes: E2eRoutes,
    @Inject(E2eEvents) private readonly events: E2eEvents,
  ) {}
  @Get('routes')
  list(): object {
    return { routes: this.routes.list().map(({ path }) => path), handshakes: this.events.counters.handshakes };
  }
  @Get('logout')
  async logout(@Req() request: object): Promise<object> {
    await this.keys.revoke(request);
    return { out: true };
  }
}

const e2e = E2eModule.forRootAsync({
  imports: [SettingsModule],
  inject: [Settings],
  useFactory: ({ channelTtl }: Settings) => ({ channelTtl, keyPool: { size: 0 } }),
});

@Module({ imports: [e2e], controllers: [AccountController] })
class AppModule {}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function agentOf(
  platform: PlatformName,
  override: (testing: TestingModuleBuilder) => TestingModuleBuilder,
): Promise<E2eAgent> {
  const testing = await override(Test.createTestingModule({ imports: [AppModule] })).compile();
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its options as a class, and takes literals
  const app = testing.createNestApplication(adapterOf(platform), { logger: false });
  closing.push(() => app.close());
  const agent = await e2eAgent(app);
  closing.push(() => agent.close());
  return agent;
}

onEachPlatform('In Test.createTestingModule()', (platform) => {
  it('routes are sealed as in the application', async () => {
    const agent = await agentOf(platform, (testing) => testing);
    await agent
      .get('/account/routes')
      .expectSealed()
      .expect(200, { routes: ['/account/routes', '/account/logout'], handshakes: 1 });
  });

  it('overrideProvider(KeyService) replaces what the application’s code is given, and routes stay sealed', async () => {
    const revoked: unknown[] = [];
    const keys = { revoke: async (request: unknown) => Promise.resolve(revoked.push(request)) };
    const agent = await agentOf(platform, (testing) => testing.overrideProvider(KeyService).useValue(keys));
    await agent.get('/account/logout').expectSealed().expect(200, { out: true });
    expect(revoked).toHaveLength(1);
    // Nothing was revoked in truth: the channel goes on.
    await agent.get('/account/logout').expect(200);
    const routes = ['/account/routes', '/account/logout'];
    await agent.get('/account/routes').expect(200, { routes, handshakes: 1 });
  });

  it('overrideProvider() of E2eRoutes and E2eEvents does the same', async () => {
    const agent = await agentOf(platform, (testing) =>
      testing
        .overrideProvider(E2eRoutes)
        .useValue({ list: () => [{ path: '/made-up' }] })
        .overrideProvider(E2eEvents)
        .useFactory({ factory: () => ({ counters: { handshakes: 77 } }) }),
    );
    await agent
      .get('/account/routes')
      .expectSealed()
      .expect(200, { routes: ['/made-up'], handshakes: 77 });
  });

  it('options are overridden by what their factory reads', async () => {
    const agent = await agentOf(platform, (testing) =>
      testing.overrideProvider(Settings).useValue(Object.assign(new Settings(), { channelTtl: 60 })),
    );
    const left = (await agent.handshake()).expiresAt.getTime() - Date.now();
    expect(left).toBeLessThanOrEqual(60_000);
  });

  it('overrideModule() may take the module’s place with one of other options', async () => {
    const other = E2eModule.forRoot({ channelTtl: 90, keyPool: { size: 0 } });
    const agent = await agentOf(platform, (testing) => testing.overrideModule(e2e).useModule(other));
    await agent.get('/account/routes').expectSealed().expect(200);
    const left = (await agent.handshake()).expiresAt.getTime() - Date.now();
    expect(left).toBeLessThanOrEqual(90_000);
  });
});
