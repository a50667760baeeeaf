import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable, SetMetadata } from '@nestjs/common';
import { Encrypted, Plain } from '../../src/index.js';
import { TestApp, type Setup } from './support/apps.js';

// What @SubscribeMessage(), @Query() of GraphQL and @MessagePattern() write, as far as it matters here.
const MessagePattern = () => SetMetadata('microservices:handler_type', 1);

@Injectable()
@Encrypted()
class Gateway {
  onMessage(): string {
    return 'in the clear';
  }
}

@Injectable()
class Resolver {
  @Encrypted()
  notes(): string {
    return 'in the clear';
  }
}

@Controller('hybrid')
@Encrypted()
class HybridController {
  @Get()
  read(): object {
    return {};
  }
  @MessagePattern()
  handle(): string {
    return 'in the clear';
  }
}

@Controller('hybrid')
@Encrypted()
class DeclaredController {
  @Get()
  read(): object {
    return {};
  }
  @Plain()
  @MessagePattern()
  handle(): string {
    return 'known to be in the clear';
  }
  /** No handler of anything. */
  helper(): string {
    return '';
  }
}

async function start(setup: Setup): Promise<void> {
  const app = await TestApp.start('express', setup);
  await app.close();
}

describe('@Encrypted() where there is no HTTP route', () => {
  it.each<[string, Setup]>([
    ['Gateway', { providers: [Gateway] }],
    ['Resolver.notes()', { providers: [Resolver] }],
    ['HybridController.handle()', { controllers: [HybridController] }],
  ])('is refused at start: %s', async (name, setup) => {
    await expect(start(setup)).rejects.toThrow(`@Encrypted() stands on ${name}, which is no HTTP route`);
  });

  it('is no matter beside a message handler that is declared plain', async () => {
    await expect(start({ controllers: [DeclaredController] })).resolves.toBeUndefined();
  });
});
