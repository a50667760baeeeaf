import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Body, Controller, Get, Module, Post, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { E2eModule, Encrypted, KeyService } from '../../dist/esm/index.js';
import { answerParent, optionsOfChild } from '../bench/children.mjs';

// The application of the soak: everything in memory, with bounds that are reached at once, and channels that soon end.

const { channelTtl, maxChannels } = optionsOfChild();

class SoakController {
  constructor(keys) {
    this.keys = keys;
  }
  echo(body) {
    return body;
  }
  read() {
    return { read: true };
  }
  boom() {
    throw new Error('boom');
  }
  async login(request) {
    await this.keys.carryOver(request);
    return {};
  }
}
Reflect.defineMetadata('design:paramtypes', [KeyService], SoakController);
/** @type {[string, MethodDecorator, ParameterDecorator?][]} */
const HANDLERS = [
  ['echo', Post('echo'), Body()],
  ['read', Get('read')],
  ['boom', Get('boom')],
  ['login', Post('login'), Req()],
];
for (const [name, route, parameter] of HANDLERS) {
  const { prototype } = SoakController;
  Reflect.defineMetadata('design:paramtypes', [Object], prototype, name);
  parameter?.(prototype, name, 0);
  route(prototype, name, Object.getOwnPropertyDescriptor(prototype, name));
}
Encrypted()(SoakController);
Controller()(SoakController);

class AppModule {}
Module({
  imports: [E2eModule.forRoot({ channelTtl, maxChannels, keyPool: { size: 2 } })],
  controllers: [SoakController],
})(AppModule);

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');

answerParent(
  {
    /** What stays when all that can go is gone. */
    measure: async () => {
      for (let times = 0; times < 3; times++) {
        await pause(20);
        globalThis.gc();
      }
      const { heapUsed, rss, external } = process.memoryUsage();
      const active = process.getActiveResourcesInfo();
      const sockets = active.filter((name) => name === 'TCPSocketWrap').length;
      return { heap: heapUsed, rss, external, handles: active.length - sockets, sockets };
    },
  },
  { port: app.getHttpServer().address().port },
);
