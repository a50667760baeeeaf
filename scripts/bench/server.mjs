import 'reflect-metadata';
import { Body, Controller, Module, Post, Session, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import session from 'express-session';
import { E2eModule, Encrypted } from '../../dist/esm/index.js';
import { MemorySessions } from '../../dist/esm/nest/keys/memory-sessions.js';
import { preallocateProperties } from '../../dist/esm/nest/request/preallocate.js';
import { answerParent, optionsOfChild } from './children.mjs';
import { forgeInterceptor, joseInterceptor, rivalKeys } from './baselines.mjs';
import { echoByHand } from './least.mjs';

// The application that is measured: the same handler sealed, plain, and behind what people would write themselves. Or,
// without the module, plain and encrypted by hand, with the same session and the same store.

const { platform = 'express', hasModule = true, isPreallocated = false, keyPool } = optionsOfChild();
const BODY_LIMIT = 4 * 2 ** 20;
const keys = rivalKeys();

function echoController(path, decorators = [], answer = (body) => body) {
  class EchoController {
    echo(body) {
      return answer(body);
    }
    begin(begun) {
      begun.isBegun = true;
      return {};
    }
  }
  const { prototype } = EchoController;
  const post = (name) => Post(name)(prototype, name, Object.getOwnPropertyDescriptor(prototype, name));
  for (const name of ['echo', 'begin']) Reflect.defineMetadata('design:paramtypes', [Object], prototype, name);
  Body()(prototype, 'echo', 0);
  Session()(prototype, 'begin', 0);
  post('echo');
  post('begin');
  for (const decorate of [Controller(path), ...decorators]) decorate(EchoController);
  return EchoController;
}

class AppModule {}
Module({
  imports: hasModule ? [E2eModule.forRoot({ allowPlainJwe: true, keyPool })] : [],
  controllers: [
    echoController('plain'),
    ...(hasModule ? [echoController('sealed', [Encrypted()])] : [echoController('by-hand', [], echoByHand)]),
    ...(platform === 'express'
      ? [
          echoController('jose', [UseInterceptors(joseInterceptor(keys))]),
          echoController('forge', [UseInterceptors(forgeInterceptor(keys))]),
        ]
      : []),
  ],
})(AppModule);

/**
 * What the module gives an application that has no session.
 *
 * @type {any}
 */
const SESSION = {
  secret: 'of no use to anyone, in a benchmark',
  store: new MemorySessions(50_000),
  saveUninitialized: false,
  cookie: { httpOnly: true, sameSite: 'lax', secure: 'auto', path: '/' },
};

async function expressApp() {
  /** @type {import('@nestjs/platform-express').NestExpressApplication<any>} */
  const app = await NestFactory.create(AppModule, { logger: ['error'] });
  app.useBodyParser('json', { limit: BODY_LIMIT });
  app.useBodyParser('text', { limit: BODY_LIMIT });
  if (!hasModule) app.use(session({ ...SESSION, name: 'e2e.sid', resave: false }));
  if (isPreallocated) {
    const { request, response } = app.getHttpAdapter().getInstance();
    app
      .getHttpServer()
      .prependListener('request', (one, its) => preallocateProperties(one, its, { request, response }));
  }
  return app;
}

async function fastifyApp() {
  const app = await NestFactory.create(AppModule, new FastifyAdapter({ bodyLimit: BODY_LIMIT }), { logger: ['error'] });
  if (!hasModule) {
    const instance = app.getHttpAdapter().getInstance();
    const plugins = [await import('@fastify/cookie'), await import('@fastify/session')];
    await instance.register(plugins[0].default);
    await instance.register(plugins[1].default, { ...SESSION, cookieName: 'e2e.sid', rolling: false });
  }
  return app;
}

/** @type {any} */
const app = await (platform === 'fastify' ? fastifyApp() : expressApp());
await app.listen(0, '127.0.0.1');
// Between two batches a connection may wait for key pairs longer than Node's five seconds.
app.getHttpServer().keepAliveTimeout = 600_000;

answerParent(
  {
    /** Microseconds of CPU that this process has had, on all of its threads. */
    cpu: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    heap: () => {
      globalThis.gc?.();
      return process.memoryUsage().heapUsed;
    },
  },
  { port: app.getHttpServer().address().port, keys },
);
