import { describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  Inject,
  Module,
  Res,
  Scope,
  type NestModule,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { ExternalContextCreator, HttpAdapterHost, LazyModuleLoader } from '@nestjs/core';
import { E2eRoutes, Encrypted, Plain } from '../../../src/index.js';
import { onEachPlatform, TestApp, type Setup } from '../e2e/support/apps.js';
import { expectPlainProblem } from '../e2e/support/raw.js';

// Route-table.spec.ts generates controllers; here are the cases that are alone of their kind.

type Call = (...args: unknown[]) => unknown;

/** Puts a function of its own in place, and copies no metadata. */
const Wrap = (): MethodDecorator => (_target, _name, descriptor) => {
  const inner = descriptor.value as unknown as Call;
  descriptor.value = function (this: unknown, ...args: unknown[]): unknown {
    return inner.apply(this, args);
  } as never;
};

async function withApp(setup: Setup, test: (app: TestApp) => Promise<unknown>, platform: 'express' | 'fastify') {
  const app = await TestApp.start(platform, setup);
  try {
    await test(app);
  } finally {
    await app.close();
  }
}

const listed = (app: TestApp): string[] =>
  app
    .get(E2eRoutes)
    .list()
    .map(({ path, controller, handler }) => `${path} ${controller}.${handler}`);
const refused = async (app: TestApp, target: string): Promise<void> =>
  expectPlainProblem(await app.visitor().send({ target }), 'message-required');

class Base {
  @Get('kept')
  @Encrypted()
  kept(): object {
    return {};
  }
  @Get('dropped')
  @Encrypted()
  dropped(): object {
    return {};
  }
  @Get('opened')
  @Encrypted()
  opened(): object {
    return {};
  }
}
@Controller('overriding')
class OverridingController extends Base {
  @Get('kept')
  override kept(): object {
    return { overridden: true };
  }
  /** Without a decorator it is no route. */
  override dropped(): object {
    return { overridden: true };
  }
  @Get('opened')
  @Plain()
  override opened(): object {
    return { overridden: true };
  }
}

@Controller('aliases')
@Encrypted()
class AliasController {
  declare other: () => object;
  @Get()
  list(): object {
    return {};
  }
}
// eslint-disable-next-line @typescript-eslint/unbound-method -- one function of two names
AliasController.prototype.other = AliasController.prototype.list;

/** Nest takes the routes from the object that a constructor gives. */
@Controller('other')
@Encrypted()
class OtherController {
  constructor() {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- that is the case
    return new Another();
  }
}
class Another {
  @Get('inside')
  inside(): object {
    return {};
  }
}

@Controller('bound')
@Encrypted()
class BoundController {
  constructor() {
    this.list = this.list.bind(this);
  }
  @Get()
  list(): object {
    return {};
  }
}

@Controller('proxied')
@Encrypted()
class ProxiedController {
  constructor() {
    // The class that Nest asks the object for is another one, too.
    return new Proxy(this, {
      get: (target, name) => {
        const value = (target as Record<PropertyKey, unknown>)[name];
        return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      },
    });
  }
  @Get()
  list(): object {
    return {};
  }
}

/** Made for each request, so that nothing of it is there at start; and not all of it is sealed. */
@Controller({ path: 'scoped', scope: Scope.REQUEST })
class ScopedController {
  constructor() {
    this.list = this.list.bind(this);
    this.open = this.open.bind(this);
  }
  @Get()
  @Encrypted()
  list(): object {
    return {};
  }
  @Get('open')
  open(): object {
    return { open: true };
  }
}

@Controller('wrapped')
class WrappedController {
  @Get()
  @Wrap()
  @Encrypted()
  list(): object {
    return {};
  }
}

onEachPlatform('A sealed route stays sealed', (platform) => {
  it.each([
    ['is bound in the constructor', BoundController],
    ['is behind a proxy that the constructor gives', ProxiedController],
    ['is bound in the constructor, for each request', ScopedController],
    ['is wrapped by a decorator that drops metadata', WrappedController],
  ])('where the handler %s', (_, controller) =>
    withApp(
      { controllers: [controller] },
      async (app) => {
        const path = `/${Reflect.getMetadata('path', controller) as string}`;
        expect(listed(app)).toEqual([`${path} ${controller.name}.list`]);
        await refused(app, path);
        const channel = await app.visitor().handshake('X25519');
        expect((await channel.request('GET', path)).text).toBe('{}');
        if (controller !== ScopedController) return;
        expect((await app.visitor().send({ target: '/scoped/open' })).body).toBe('{"open":true}');
      },
      platform,
    ),
  );

  it('in a method that overrides it, unless that is marked @Plain()', () =>
    withApp(
      { controllers: [OverridingController] },
      async (app) => {
        expect(listed(app)).toEqual(['/overriding/kept OverridingController.kept']);
        await refused(app, '/overriding/kept');
        expect((await app.visitor().send({ target: '/overriding/dropped' })).status).toBe(404);
        expect((await app.visitor().send({ target: '/overriding/opened' })).body).toBe('{"overridden":true}');
      },
      platform,
    ));

  it('where the constructor gives an object of another class', () =>
    withApp(
      { controllers: [OtherController] },
      async (app) => {
        expect(listed(app)).toEqual(['/other/inside OtherController.inside']);
        await refused(app, '/other/inside');
      },
      platform,
    ));

  it('where a library calls its method by Nest, on a route of its own', async () => {
    @Module({})
    class Library implements OnModuleInit {
      constructor(
        @Inject(ExternalContextCreator) private readonly creator: ExternalContextCreator,
        @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
      ) {}
      onModuleInit(): void {
        const call = (instance: object, name: string) =>
          this.creator.create(
            instance,
            (instance as Record<string, Call>)[name]!,
            name,
            undefined,
            undefined,
            undefined,
            undefined,
            { interceptors: true, guards: true, filters: false },
          );
        const serve = (name: string, handler: (...args: unknown[]) => Promise<unknown>): void => {
          this.host.httpAdapter.get(`/library/${name}`, (request: unknown, response: { send(body: unknown): void }) => {
            handler(request, response).then(
              (result) => response.send(result),
              (error: unknown) => response.send(String(error)),
            );
          });
        };
        serve('sealed', call(new OpenController(), 'sealed'));
        serve('open', call(new OpenController(), 'open'));

        const unknown = Object.assign(new OpenController(), { open: () => ({ data: 'canary' }) });
        serve('unknown', call(unknown, 'open'));
      }
    }
    await withApp(
      { controllers: [OpenController], imports: [Library] },
      async (app) => {
        await refused(app, '/library/sealed');
        expect((await app.visitor().send({ target: '/library/open' })).body).toBe('{"data":"open"}');
        await refused(app, '/library/unknown');
        expect(app.log.lines.filter((line) => line.includes('it is unknown which one'))).toEqual([
          expect.stringContaining('OpenController.sealed(), OpenController.open()'),
        ]);
      },
      platform,
    );
  });

  it('in a module that is loaded later, whose controllers Nest does not register', () =>
    withApp(
      {},
      async (app) => {
        @Module({ controllers: [OpenController] })
        class LazyModule {}
        await app.get(LazyModuleLoader).load(() => LazyModule);
        expect(listed(app)).toEqual([]);
        expect((await app.visitor().send({ target: '/mixed/sealed' })).status).toBe(404);
      },
      platform,
    ));

  it('where one function has two names', () =>
    withApp(
      { controllers: [AliasController] },
      async (app) => {
        expect(listed(app).length).toBeGreaterThan(0);
        await refused(app, '/aliases');
      },
      // Fastify does not take one path twice.
      'express',
    ));
});

@Controller('mixed')
class OpenController {
  @Get('sealed')
  @Encrypted()
  sealed(): object {
    return { data: 'sealed' };
  }
  @Get('open')
  open(): object {
    return { data: 'open' };
  }
}

describe('An application does not start', () => {
  const start = (controller: Type<unknown>, imports: Setup['imports'] = []) =>
    TestApp.start('express', { controllers: [controller], imports }).then((app) => app.close());

  it.each([
    ['below @Encrypted()', [Encrypted(), Wrap(), Get()]],
    ['above @Encrypted()', [Wrap(), Encrypted(), Get()]],
  ])('where a decorator drops the route of a sealed method, and stands %s', async (_, decorators) => {
    @Controller('lost')
    class LostController {
      list(): object {
        return {};
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(LostController.prototype, 'list')!;
    const decorated = Reflect.decorate(decorators, LostController.prototype, 'list', descriptor);
    Object.defineProperty(LostController.prototype, 'list', decorated);
    await expect(start(LostController)).rejects.toThrow(
      'E2eModule: @Encrypted() has no effect on LostController.list(): it is a method without @Get()',
    );
  });

  it('where a sealed route is registered past the adapter', async () => {
    @Module({})
    class Replacing implements NestModule {
      constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}
      async configure(): Promise<void> {
        // After the module's own.
        await new Promise(setImmediate);
        const { httpAdapter } = this.host;
        const app = httpAdapter.getInstance<Record<string, Call>>();
        Object.assign(httpAdapter, { get: (...args: unknown[]) => app.get!(...args) });
      }
    }
    await expect(start(OpenController, [Replacing])).rejects.toThrow(
      'E2eModule: OpenController.sealed() is sealed, but its route was not registered with the HTTP adapter: GET /mixed/sealed.',
    );
  });

  it('where @Encrypted() is on a static method', () => {
    expect(() => {
      class StaticController {
        list(): void {
          return undefined;
        }
        @Encrypted()
        static all(): object {
          return {};
        }
      }
      return StaticController;
    }).toThrow('@Encrypted() has no effect on StaticController.all(): it is static, so it is not a route. Remove it.');
  });

  it('where nobody imports the module, and a decorator drops what is on the method', async () => {
    @Controller('alone')
    class AloneController {
      @Get()
      @Wrap()
      @Encrypted()
      list(@Res() response: { send(body: string): void }): void {
        response.send('canary');
      }
    }
    @Module({ controllers: [AloneController] })
    class AloneModule {}
    const { NestFactory } = await import('@nestjs/core');
    const nest = await NestFactory.create(AloneModule, { logger: false, abortOnError: false } as never);
    await expect(nest.init()).rejects.toThrow('E2eModule is not imported, but AloneModule uses @Encrypted()');
    await nest.close();
  });
});
