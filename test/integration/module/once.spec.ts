import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Inject, Module, type DynamicModule } from '@nestjs/common';
import { E2eModule, Encrypted, KeyService } from '../../../src/index.js';
import { e2eAgent } from '../../../src/testing/index.js';
import { createNest, moduleOf } from './support/nest.js';

@Controller('notes')
@Encrypted()
class NoteController {
  constructor(@Inject(KeyService) private readonly keys: KeyService) {}
  @Get()
  list(): object {
    return { identities: this.keys.identityKeys().length };
  }
}

@Controller('orders')
class OrderController {
  constructor(@Inject(KeyService) private readonly keys: KeyService) {}
  @Get()
  @Encrypted()
  list(): object {
    return { identities: this.keys.identityKeys().length };
  }
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(...imports: DynamicModule['imports'] & object) {
  const { nest } = await createNest(moduleOf({ imports }));
  closing.push(() => nest.close());
  await nest.init();
  return nest;
}

const notes = (...imports: DynamicModule['imports'] & object) => moduleOf({ imports, controllers: [NoteController] });
const orders = (...imports: DynamicModule['imports'] & object) => moduleOf({ imports, controllers: [OrderController] });
const forRoot = () => E2eModule.forRoot({ keyPool: { size: 0 } });
const local = () => E2eModule.forRoot({ keyPool: { size: 0 }, isGlobal: false });

/** To be refused: an application that a test shows takes half a minute to print. */
const started = async (...imports: DynamicModule['imports'] & object): Promise<string> => {
  await start(...imports);
  return 'it started';
};

async function expectBothSealed(nest: Awaited<ReturnType<typeof start>>): Promise<void> {
  const agent = await e2eAgent(nest);
  closing.push(() => agent.close());
  await agent.get('/notes').expectSealed().expect(200, { identities: 0 });
  await agent.get('/orders').expectSealed().expect(200, { identities: 0 });
}

describe('E2eModule in several modules', () => {
  it('is imported once, by the root module, and there for all', async () => {
    await expectBothSealed(await start(forRoot(), notes(), orders()));
  });

  it('may be imported again as the very same object, and with isGlobal: false has to be', async () => {
    const shared = local();
    await expectBothSealed(await start(shared, notes(shared), orders(shared)));
  });

  it.each<[string, () => DynamicModule[]]>([
    ['by two feature modules', () => [notes(forRoot()), orders(forRoot())]],
    ['with the same options', () => [forRoot(), notes(forRoot())]],
    ['with other options', () => [forRoot(), notes(E2eModule.forRoot({ path: 'other' }))]],
    ['by forRoot and forRootAsync', () => [forRoot(), notes(E2eModule.forRootAsync({ useFactory: () => ({}) }))]],
  ])('is refused at start where forRoot is called twice: %s', async (_, imports) => {
    await expect(started(...imports())).rejects.toThrow(
      /^E2eModule is imported twice, by two calls of forRoot\(\) or forRootAsync\(\).*Call it once, in the root module/,
    );
  });

  it('is refused at start as a bare class, with or without forRoot', async () => {
    const message = 'E2eModule: do not import the class E2eModule';
    await expect(started(notes(E2eModule as never))).rejects.toThrow(message);
    await expect(started(forRoot(), notes(E2eModule as never))).rejects.toThrow(message);
  });
});

describe('@Encrypted() in an application that does not import E2eModule', () => {
  @Controller('method')
  class MethodController {
    @Get()
    @Encrypted()
    read(): object {
      return { read: 'in the clear' };
    }
  }
  @Controller('class')
  @Encrypted()
  class ClassController {
    @Get()
    read(): object {
      return { read: 'in the clear' };
    }
  }

  it.each([[ClassController], [MethodController]])('is refused at start: %p', async (controller) => {
    await expect(started(moduleOf({ controllers: [controller] }))).rejects.toThrow(
      /^E2eModule is not imported, but TestModule uses @Encrypted\(\): .* Add E2eModule\.forRoot\(\) to the imports/,
    );
  });

  it('says so if E2eModule is there, but from another copy of the package', async () => {
    // To this copy, the module of another one is a class of the same name with unknown providers.
    const OtherCopy = {
      E2eModule: class {
        readonly copy = 2;
      },
    }.E2eModule;
    Module({})(OtherCopy);
    await expect(started(moduleOf({ imports: [OtherCopy], controllers: [ClassController] }))).rejects.toThrow(
      /^There are two copies of nestjs-e2e-encryption: TestModule uses @Encrypted\(\) of one.*npm ls/,
    );
  });

  it('does not affect a unit test that creates the controller and calls its methods', async () => {
    const { nest } = await createNest(moduleOf({ controllers: [ClassController] }));
    closing.push(() => nest.close());
    expect(nest.get(ClassController).read()).toEqual({ read: 'in the clear' });
  });
});
