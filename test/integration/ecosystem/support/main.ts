// Runs every module that a file exports as an application, in a process of its own: main.ts express|fastify file
import '../../../support/keep-alive.mjs';
import 'reflect-metadata';
import { type INestApplication, type NestApplicationOptions, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { AddressInfo, Server } from 'node:net';

/** A root module, with what stands in main.ts between `create` and `listen`. */
interface AppModule extends Type<unknown> {
  readonly configure?: (app: INestApplication) => void;
}

const [platform, file] = process.argv.slice(2) as [string, string];
// eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its options as a class, and takes literals
const options: NestApplicationOptions = { logger: ['error', 'warn'], abortOnError: false };
const ports: Record<string, number> = {};
for (const [name, module] of Object.entries((await import(file)) as Record<string, AppModule>)) {
  const app =
    platform === 'express'
      ? await NestFactory.create(module, new ExpressAdapter(), options)
      : await NestFactory.create(module, new FastifyAdapter(), options);
  module.configure?.(app);
  await app.listen(0, '127.0.0.1');
  ports[name] = ((app.getHttpServer() as Server).address() as AddressInfo).port;
}
process.send?.(ports);
