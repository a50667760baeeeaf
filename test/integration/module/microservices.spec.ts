import { describe, expect, it } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  EventPattern,
  MessagePattern,
  Payload,
  Transport,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { E2eModule, Encrypted, KeyService, Plain } from '../../../src/index.js';
import { e2eAgent } from '../../../src/testing/index.js';
import { Log } from '../e2e/support/log.js';
import { onEachPlatform, TestApp, type Setup } from '../e2e/support/apps.js';
import { until } from '../../support/clock.js';
import { makeRsaPairs } from '../../support/work.js';
import { moduleOf } from './support/nest.js';
import { noting, passed } from './support/passing.js';
import { freePort } from '../../support/free-port.js';

const events: unknown[] = [];

@Controller('sums')
class SumController {
  @MessagePattern('sum')
  sum(@Payload() numbers: number[]): number {
    return numbers.reduce((sum, each) => sum + each, 0);
  }
  @EventPattern('added')
  added(@Payload() number: number): void {
    events.push(number);
  }
  @Get()
  list(): object {
    return { sums: [] };
  }
}

const tcp = (port: number) => ({ transport: Transport.TCP, options: { host: '127.0.0.1', port } }) as const;

/** Has the service at this port add numbers, and tells it of one. */
async function expectToServe(port: number): Promise<void> {
  const client = ClientProxyFactory.create(tcp(port));
  events.length = 0;
  try {
    expect(await lastValueFrom(client.send<number>('sum', [1, 2, 3]))).toBe(6);
    await lastValueFrom(client.emit('added', 4), { defaultValue: undefined });
    await until(() => events.length > 0);
    expect(events).toEqual([4]);
  } finally {
    await client.close();
  }
}

onEachPlatform('Message and event handlers of a hybrid application', (platform) => {
  it.each([
    { encryptByDefault: false, inheritAppConfig: false },
    { encryptByDefault: true, inheritAppConfig: false },
    { encryptByDefault: true, inheritAppConfig: true },
  ])('pass untouched beside sealed routes, with %p', async ({ encryptByDefault, inheritAppConfig }) => {
    const port = await freePort();
    const setup: Setup = {
      e2e: { encryptByDefault },
      controllers: [SumController],
      providers: noting,
      configure: async (nest) => {
        nest.connectMicroservice<MicroserviceOptions>(tcp(port), { inheritAppConfig });
        await nest.startAllMicroservices();
      },
    };
    const app = await TestApp.start(platform, setup);
    passed.length = 0;
    try {
      await expectToServe(port);
      expect(passed.filter((each) => each !== 'guard: rpc' && each !== 'interceptor: rpc')).toEqual([]);

      const agent = await e2eAgent(app.nest);
      const call = agent.get('/sums');
      await (encryptByDefault ? call.expectSealed() : call.e2e({ response: false })).expect(200, { sums: [] });
      await agent.close();
      const warnings = app.log.ofModule.filter((line) =>
        line.includes('SumController.sum() (message handler), SumController.added() (message handler)'),
      );
      expect(warnings).toHaveLength(encryptByDefault ? 1 : 0);
    } finally {
      await app.close();
    }
  });
});

describe('A pure microservice that imports E2eModule', () => {
  it('works as usual, and generates no unused RSA keys', async () => {
    const port = await freePort();
    const states: unknown[] = [];
    const imports = [E2eModule.forRoot({ encryptByDefault: true, onEvent: (event) => states.push(event) })];
    const module = moduleOf({ imports, controllers: [SumController], providers: noting });
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its options as a class, and takes literals
    const service = await NestFactory.createMicroservice<MicroserviceOptions>(module, {
      ...tcp(port),
      logger: new Log(),
      abortOnError: false,
    });
    await service.listen();
    try {
      await expectToServe(port);
      expect(states).toEqual([]);
      expect(service.get(KeyService).identityKeys()).toEqual([]);
    } finally {
      await service.close();
    }
  });
});

describe('A standalone application that imports E2eModule', () => {
  it('starts, and generates no unused RSA keys', async () => {
    const events: unknown[] = [];
    const imports = [E2eModule.forRoot({ encryptByDefault: true, onEvent: (event) => events.push(event) })];
    const module = moduleOf({ imports, controllers: [SumController] });
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its options as a class, and takes literals
    const context = await NestFactory.createApplicationContext(module, { logger: new Log(), abortOnError: false });
    expect(context.get(KeyService).identityKeys()).toEqual([]);
    await makeRsaPairs();
    expect(events).toEqual([]);
    await context.close();
  });
});

describe('@Encrypted() on a message handler is refused at start', () => {
  @Controller()
  @Encrypted()
  class SealedController {
    @MessagePattern('sum')
    sum(): number {
      return 0;
    }
  }
  @Controller()
  class HalfSealedController {
    @EventPattern('added')
    @Encrypted()
    added(number: number): void {
      events.push(number);
    }
  }
  @Controller('both')
  class BothController {
    @Get()
    @MessagePattern('both')
    @Encrypted()
    both(): object {
      return {};
    }
  }
  @Controller('plain')
  @Encrypted()
  class DeclaredController {
    @MessagePattern('plain')
    @Plain()
    plain(): number {
      return 0;
    }
  }

  it.each([
    [SealedController, '@Encrypted() has no effect on SealedController.sum(): it is a message handler.'],
    [HalfSealedController, '@Encrypted() has no effect on HalfSealedController.added(): it is a message handler.'],
    [BothController, 'BothController.both() is both a route and a message handler'],
  ])('%p', async (controller, text) => {
    await expect(TestApp.start('express', { controllers: [controller] })).rejects.toThrow(`E2eModule: ${text}`);
  });

  it('and is none where the handler is declared plain', async () => {
    await (await TestApp.start('express', { controllers: [DeclaredController] })).close();
  });
});
