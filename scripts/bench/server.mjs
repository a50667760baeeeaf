import 'reflect-metadata';
import { Body, Controller, Module, Post, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { E2eModule, Encrypted } from '../../dist/esm/index.js';
import { answerParent, optionsOfChild } from './children.mjs';
import { forgeInterceptor, joseInterceptor, rivalKeys } from './baselines.mjs';

// The application that is measured: the same handler sealed, plain, and behind what people would write themselves.

const { keyPool } = optionsOfChild();
const keys = rivalKeys();

function echoController(path, ...decorators) {
  class EchoController {
    echo(body) {
      return body;
    }
  }
  const { prototype } = EchoController;
  Reflect.defineMetadata('design:paramtypes', [Object], prototype, 'echo');
  Body()(prototype, 'echo', 0);
  Post('echo')(prototype, 'echo', Object.getOwnPropertyDescriptor(prototype, 'echo'));
  for (const decorate of [Controller(path), ...decorators]) decorate(EchoController);
  return EchoController;
}

class AppModule {}
Module({
  imports: [E2eModule.forRoot({ allowPlainJwe: true, keyPool })],
  controllers: [
    echoController('sealed', Encrypted()),
    echoController('plain'),
    echoController('jose', UseInterceptors(joseInterceptor(keys))),
    echoController('forge', UseInterceptors(forgeInterceptor(keys))),
  ],
})(AppModule);

/** @type {import('@nestjs/platform-express').NestExpressApplication<any>} */
const app = await NestFactory.create(AppModule, { logger: ['error'] });
app.useBodyParser('json', { limit: '4mb' });
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
