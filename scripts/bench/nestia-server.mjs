import { createRequire } from 'node:module';
import { join } from 'node:path';
import session from 'express-session';
import { answerParent, optionsOfChild } from './children.mjs';
import { nestiaPassword, rivalKeys } from './baselines.mjs';

// nestia's encrypted routes beside plain ones, in an application of their own: it brings the Nest that it runs on.

const { folder } = optionsOfChild();
const require = createRequire(join(folder, 'package.json'));
require('reflect-metadata');
const { Body, Controller, Module, Post } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { EncryptedBody, EncryptedController, EncryptedRoute } = require('@nestia/core');

// By hand, what typia's compiler would write.
const route = EncryptedRoute.Post('echo', { type: 'stringify', stringify: (value) => JSON.stringify(value) });
const body = EncryptedBody({ type: 'is', is: (value) => typeof value === 'object' && value !== null });

function echo(controller, parameter, method) {
  class EchoController {
    echo(value) {
      return value;
    }
  }
  const { prototype } = EchoController;
  parameter(prototype, 'echo', 0);
  method(prototype, 'echo', Object.getOwnPropertyDescriptor(prototype, 'echo'));
  controller(EchoController);
  return EchoController;
}

class AppModule {}
Module({
  controllers: [
    echo(EncryptedController('nestia', nestiaPassword), body, route),
    echo(Controller('plain'), Body(), Post('echo')),
  ],
})(AppModule);

const app = await NestFactory.create(AppModule, { logger: ['error'] });
const store = new session.MemoryStore();
app.use(session({ secret: 'of no use to anyone', resave: false, saveUninitialized: true, store }));
app.useBodyParser('json', { limit: '4mb' });
await app.listen(0, '127.0.0.1');
app.getHttpServer().keepAliveTimeout = 600_000;

answerParent(
  {
    cpu: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
  },
  { port: app.getHttpServer().address().port, keys: rivalKeys() },
);
