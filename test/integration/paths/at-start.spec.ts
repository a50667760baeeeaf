import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Post, type Type } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { WebSocketGateway } from '@nestjs/websockets';
import { E2eRoutes, Encrypted, Plain } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { TestApp, type Setup } from '../e2e/support/apps.js';

@Controller('sealed')
class Undeclared {
  @Get()
  get(): string {
    return '';
  }
}
@Controller('sealed/plain')
@Plain()
class PlainController extends Undeclared {}

@Controller('sealed')
class PlainMethod {
  @Get('here')
  @Plain()
  here(): string {
    return '';
  }
}
@Controller('sealed')
class OneWay {
  @Post('up')
  @Encrypted({ response: false })
  up(): string {
    return '';
  }
}
@Controller('sealed')
@Encrypted({ maxStreamSize: 1000 })
class BothWays extends Undeclared {}

@WebSocketGateway({ path: 'sealed/live' })
@Plain()
class PlainGateway {}

async function errorOf(setup: Setup): Promise<string> {
  const app = await TestApp.start('express', setup).catch((error: unknown) => (error as Error).message);
  if (typeof app === 'string') return app;
  await app.close();
  return 'it started';
}

describe('The option sealedPaths', () => {
  it.each<[unknown, string]>([
    ['/sealed', 'must be a list of paths'],
    [['sealed'], '"sealed" is not such a path'],
    [['/'], '"/" is not such a path'],
    [[''], '"" is not such a path'],
    [['/sealed/'], '"/sealed/" is not such a path'],
    [['/a//b'], '"/a//b" is not such a path'],
    [['/a/../b'], '"/a/../b" is not such a path'],
    [['/a/.'], '"/a/." is not such a path'],
    [['/:id'], '"/:id" is not such a path'],
    [['/a/*'], '"/a/*" is not such a path'],
    [['/a?b'], '"/a?b" is not such a path'],
    [['/%61'], '"/%61" is not such a path'],
    [['http://host/a'], '"http://host/a" is not such a path'],
    [[7], 'must be a list of paths'],
  ])('does not take %p', async (sealedPaths, text) => {
    expect(await errorOf({ e2e: { sealedPaths: sealedPaths as string[] } })).toContain(text);
  });

  it.each<[string, Setup]>([
    ['/e2e', { e2e: { sealedPaths: ['/e2e'] } }],
    ['/E2E/Handshake', { e2e: { sealedPaths: ['/E2E/Handshake'] } }],
    ['/keys/e2e/identity', { e2e: { path: 'keys/e2e', sealedPaths: ['/keys/e2e/identity'] } }],
    ['the prefix', { e2e: { sealedPaths: ['/api'] }, configure: (app) => app.setGlobalPrefix('api') }],
  ])('does not cover the handshake: %s', async (_, setup) => {
    expect(await errorOf(setup)).toContain("covers the handshake's own path");
  });

  it.each<[Type<unknown>, string]>([
    [PlainController, 'PlainController.get() is @Plain(), and responds at /sealed/plain'],
    [PlainMethod, 'PlainMethod.here() is @Plain(), and responds at /sealed/here'],
    [OneWay, 'OneWay.up() is declared to seal only one direction, and responds at /sealed/up'],
  ])('goes with no controller that says otherwise: %p', async (controller, text) => {
    expect(await errorOf({ e2e: { sealedPaths: ['/sealed'] }, controllers: [controller] })).toContain(text);
  });

  it('goes with no plain gateway', async () => {
    const text = await errorOf({ e2e: { sealedPaths: ['/sealed'] }, providers: [PlainGateway] });
    expect(text).toContain('PlainGateway is @Plain(), and responds at /sealed/live');
  });

  it('goes with no gateway on a port of its own that says nothing of how it is sealed', async () => {
    const decorated = (...decorators: ClassDecorator[]): Type => {
      class Elsewhere {
        readonly name = 'elsewhere';
      }
      for (const decorate of [WebSocketGateway(18_081, { path: '/sealed/live' }), ...decorators]) decorate(Elsewhere);
      return Elsewhere;
    };
    const start = (gateway: Type, adapter?: Setup['configure']): Promise<string> =>
      errorOf({ e2e: { sealedPaths: ['/sealed'] }, providers: [gateway], configure: adapter });
    const sealing: Setup['configure'] = (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest));
    expect(await start(decorated())).toContain('Elsewhere listens on its own port 18081');
    expect(await start(decorated(), sealing)).toContain('Elsewhere listens on its own port 18081');
    expect(await start(decorated(Encrypted()), sealing)).toBe('it started');
    const plainly: Setup['configure'] = (nest) => nest.useWebSocketAdapter(new WsAdapter(nest));
    expect(await start(decorated(Plain()), plainly)).toBe('it started');
  });

  it('is listed and logged, with the routes of controllers under it', async () => {
    const app = await TestApp.start('express', {
      e2e: { sealedPaths: ['/api/sealed', '/graphql'] },
      controllers: [Undeclared, BothWays],
      configure: (nest) => nest.setGlobalPrefix('api'),
    });
    const routes = app.get(E2eRoutes);
    expect(routes.sealedPaths()).toEqual(['/api/sealed', '/graphql']);
    expect(routes.list()).toEqual([
      { method: 'GET', path: '/api/sealed', request: true, response: true, controller: 'Undeclared', handler: 'get' },
      expect.objectContaining({ controller: 'BothWays', request: true, response: true, maxStreamSize: 1000 }),
    ]);
    expect(app.log.ofModule.filter((line) => line.includes('everything under it'))).toHaveLength(2);
    await app.close();
  });
});
