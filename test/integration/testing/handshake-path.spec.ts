import { createServer, type Server } from 'node:http';
import { afterEach, expect, it } from '@jest/globals';
import { Controller, Get, Module, VersioningType, type INestApplication, type Type } from '@nestjs/common';
import { RequestMethod } from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import express, { type RequestHandler } from 'express';
import { E2eModule, Encrypted } from '../../../src/index.js';
import { e2eAgent, request } from '../../../src/testing/index.js';
import { onEachPlatform, type PlatformName } from '../e2e/support/apps.js';

@Controller('notes')
@Encrypted()
class NoteController {
  @Get()
  list() {
    return ['note'];
  }
}

@Module({ controllers: [NoteController] })
class NoteModule {}

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function create(platform: PlatformName, ...imports: unknown[]): Promise<INestApplication> {
  const testing = await Test.createTestingModule({ imports: [NoteModule, ...imports] as Type[] }).compile();
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = testing.createNestApplication(adapter as ExpressAdapter);
  app.useLogger(false);
  opened.push(() => app.close());
  return app;
}

const module = (extras: object = {}) => E2eModule.forRoot({ keyPool: { size: 0 }, ...extras });

onEachPlatform('the handshake is found', (platform) => {
  it.each<[string, object, (app: INestApplication) => unknown, string]>([
    ['without a prefix', {}, () => undefined, '/notes'],
    ['under a global prefix', {}, (app) => app.setGlobalPrefix('api/v2'), '/api/v2/notes'],
    ["under the module's path", { path: 'sealed/box' }, () => undefined, '/notes'],
    ['under both', { path: 'sealed' }, (app) => app.setGlobalPrefix('api'), '/api/notes'],
    [
      'where a prefix leaves it out',
      {},
      (app) => app.setGlobalPrefix('api', { exclude: [{ path: 'e2e/*all', method: RequestMethod.ALL }] }),
      '/api/notes',
    ],
    [
      'where routes have versions',
      {},
      (app) => app.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
      '/api/v1/notes',
    ],
  ])('%s: by the application, and by its server', async (_where, extras, configure, path) => {
    const app = await create(platform, module(extras));
    configure(app);
    await (await e2eAgent(app)).get(path).expect(200, ['note']);
    await request(app.getHttpServer() as Server)
      .get(path)
      .expect(200, ['note']);
  });

  it('below a path of RouterModule', async () => {
    const app = await create(
      platform,
      module(),
      RouterModule.register([
        { path: 'admin', module: E2eModule },
        { path: 'admin', module: NoteModule },
      ]),
    );
    await request.agent(app).get('/admin/notes').expect(200, ['note']);
  });

  it('by a URL, under a part of the path that is called', async () => {
    const app = await create(platform, module());
    app.setGlobalPrefix('api');
    await app.listen(0, '127.0.0.1');
    await request(await app.getUrl())
      .get('/api/notes')
      .expect(200, ['note']);
  });

  it('is missed by name where the application has no E2eModule', async () => {
    @Controller('plain')
    class PlainController {
      @Get()
      get() {
        return {};
      }
    }
    const testing = await Test.createTestingModule({ controllers: [PlainController] }).compile();
    const app = testing.createNestApplication(
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types one adapter
      (platform === 'express' ? new ExpressAdapter() : new FastifyAdapter()) as ExpressAdapter,
    );
    app.useLogger(false);
    opened.push(() => app.close());
    await expect(e2eAgent(app)).rejects.toThrow(/does not import E2eModule.*createTestingModule/s);
    await expect(request(app).get('/plain')).rejects.toThrow(/does not import E2eModule/);
    // As a supertest suite that was moved over has it.
    const server = app.getHttpServer() as Server;
    await expect(request(server).get('/plain')).rejects.toThrow(/no handshake at .* e2e\. .*does not import E2eModule/);
    await expect(request(await app.getUrl()).get('/plain')).rejects.toThrow(/does not import E2eModule/);
  });
});

it('is found below the path at which a parent application mounts it', async () => {
  const app = await create('express', module());
  app.setGlobalPrefix('api');
  await app.init();
  const parent = express().use('/shop', app.getHttpAdapter().getInstance() as RequestHandler);
  const server = createServer(parent);
  opened.push(() => server.close());
  await request(server).get('/shop/api/notes').expect(200, ['note']);
});
