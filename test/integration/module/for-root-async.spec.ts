import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Inject, Injectable, Module, type DynamicModule } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { generateKeyPairSync } from 'node:crypto';
import { E2eModule, Encrypted, KeyService, type E2eOptions } from '../../../src/index.js';
import { e2eAgent } from '../../../src/testing/index.js';
import { createNest, moduleOf } from './support/nest.js';

@Controller('notes')
@Encrypted()
class NoteController {
  @Get()
  list(): object {
    return { notes: [] };
  }
}

const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const settings = { E2E_SECRET: 'a-secret-of-at-least-32-characters', E2E_IDENTITY_KEY: pem, E2E_TTL: 120 };

/** As `.env` would fill it. */
const config = (): Promise<DynamicModule> => ConfigModule.forRoot({ ignoreEnvFile: true, load: [() => settings] });

const optionsFrom = (service: ConfigService): E2eOptions => ({
  secret: service.getOrThrow<string>('E2E_SECRET'),
  identityKey: service.getOrThrow<string>('E2E_IDENTITY_KEY'),
  channelTtl: service.get<number>('E2E_TTL', 3600),
  keyPool: { size: 0 },
});

@Injectable()
class E2eConfig {
  constructor(@Inject(ConfigService) private readonly service: ConfigService) {}
  create(): E2eOptions {
    return optionsFrom(this.service);
  }
}
@Module({ imports: [config()], providers: [E2eConfig], exports: [E2eConfig] })
class SettingsModule {}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(e2e: DynamicModule) {
  const { nest } = await createNest(moduleOf({ imports: [e2e], controllers: [NoteController] }));
  closing.push(() => nest.close());
  return nest;
}

describe('forRootAsync takes its options from the ConfigService of @nestjs/config', () => {
  const ways: [string, () => DynamicModule | Promise<DynamicModule>, string?][] = [
    [
      'by useFactory',
      () => E2eModule.forRootAsync({ imports: [config()], inject: [ConfigService], useFactory: optionsFrom }),
    ],
    [
      'by a useFactory that waits, with a path beside it',
      () =>
        E2eModule.forRootAsync({
          path: 'secure',
          imports: [config()],
          inject: [ConfigService],
          useFactory: async (service: ConfigService) => {
            await new Promise((done) => setImmediate(done));
            return optionsFrom(service);
          },
        }),
      'secure',
    ],
    ['by useClass', () => E2eModule.forRootAsync({ imports: [config()], useClass: E2eConfig })],
    ['by useExisting', () => E2eModule.forRootAsync({ imports: [SettingsModule], useExisting: E2eConfig })],
  ];
  it.each(ways)('%s', async (_, e2e, path = 'e2e') => {
    const nest = await start(await e2e());
    const agent = await e2eAgent(nest, { path });
    closing.push(() => agent.close());

    await agent.get('/notes').expectSealed().expect(200, { notes: [] });
    const left = (await agent.handshake()).expiresAt.getTime() - Date.now();
    expect(left).toBeLessThanOrEqual(120_000);
    expect(nest.get(KeyService).identityKeys()).toHaveLength(1);
  });
});

describe('What gives no options stops the start, and the error says where it came from', () => {
  class Unfit {
    readonly options = {};
  }
  it.each<[string, Parameters<typeof E2eModule.forRootAsync>[0], string]>([
    [
      'a factory that rejects',
      { useFactory: () => Promise.reject(new Error('the vault does not answer')) },
      'the vault does not answer',
    ],
    [
      'a factory that throws',
      {
        imports: [config()],
        inject: [ConfigService],
        useFactory: (service: ConfigService) => ({ secret: service.getOrThrow('NO_SUCH') }),
      },
      'Configuration key "NO_SUCH" does not exist',
    ],
    ['a class without create()', { useClass: Unfit } as object, 'is not a function'],
  ])('%s', async (_, given, message) => {
    const error = await start(E2eModule.forRootAsync(given)).catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({
      message: expect.stringContaining(
        'E2eModule: useFactory, or create() of useClass or useExisting, returned no options: ',
      ),
    });
    expect((error as Error).message).toContain(message);
    expect(error).toHaveProperty('cause');
  });
});
