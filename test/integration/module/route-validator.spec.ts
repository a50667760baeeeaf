import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable, Module, UseGuards, type CanActivate } from '@nestjs/common';
import { E2eModule, E2eRoutes, Encrypted } from '../../../src/index.js';
import { createNest, moduleOf } from './support/nest.js';

@Injectable()
@Encrypted()
class SealedService {}

@Injectable()
class HalfSealedService {
  @Encrypted()
  work(): void {
    return undefined;
  }
  @Encrypted({ request: false })
  tick(): void {
    return undefined;
  }
}

@Injectable()
@Encrypted()
class SealedGuard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@Module({})
@Encrypted()
class SealedModule {}

@Controller('guarded')
@UseGuards(SealedGuard)
class GuardedController {
  @Get()
  read(): object {
    return {};
  }
}

@Controller('helped')
class HelpedController {
  @Get()
  read(): object {
    return this.helper();
  }
  @Encrypted()
  helper(): object {
    return {};
  }
}

@Encrypted()
abstract class BaseController {
  @Get('base')
  base(): object {
    return {};
  }
}
@Controller('heir')
class HeirController extends BaseController {}

async function start(metadata: Parameters<typeof moduleOf>[0]) {
  const imports = [E2eModule.forRoot({ keyPool: { size: 0 } }), ...(metadata.imports ?? [])];
  const { nest } = await createNest(moduleOf({ ...metadata, imports }));
  try {
    await nest.init();
    return nest.get(E2eRoutes).list();
  } finally {
    await nest.close();
  }
}

describe('@Encrypted() where it would seal nothing is refused at start, with what to do:', () => {
  const seals = 'It seals only the routes of controllers. Put it on a controller or on a route handler.';

  it.each([
    ['a service', { providers: [SealedService] }, 'SealedService: it is a class that is not a controller'],
    [
      'a method of a service',
      { providers: [HalfSealedService] },
      'HalfSealedService.work(): it is a method outside a controller',
    ],
    ['a guard', { controllers: [GuardedController] }, 'SealedGuard: it is a class that is not a controller'],
    ['a module', { imports: [SealedModule] }, 'SealedModule: it is a class that is not a controller'],
    [
      'a helper of a controller',
      { controllers: [HelpedController] },
      'HelpedController.helper(): it is a method without @Get(), @Post() or the like',
    ],
  ])('%s', async (_, metadata, text) => {
    await expect(start(metadata)).rejects.toThrow(`E2eModule: @Encrypted() has no effect on ${text}. ${seals}`);
  });

  it('neither of its directions', () => {
    expect(() => Encrypted({ request: false, response: false })).toThrow(
      '@Encrypted() without a direction seals nothing: use @Plain().',
    );
  });
});

describe('@Encrypted() where it seals is taken', () => {
  it('from a class that the controller extends', async () => {
    expect(await start({ controllers: [HeirController] })).toMatchObject([{ path: '/heir/base', request: true }]);
  });

  it('on a controller that is a provider as well', async () => {
    const controllers = [HeirController];
    expect(await start({ controllers, providers: controllers })).toHaveLength(1);
  });
});
