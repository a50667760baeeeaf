import { Module, type DynamicModule, type INestApplication, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { PlatformName } from '../../e2e/support/apps.js';
import { Log } from '../../e2e/support/log.js';

/** A module with a class of its own, as tests put them together. */
export function moduleOf(metadata: ModuleMetadata): DynamicModule {
  @Module({})
  class TestModule {}
  return { ...metadata, module: TestModule };
}

/** A Nest application on Express that does not listen yet, and what it logs. */
export async function createNest(
  module: DynamicModule,
  adapter = new ExpressAdapter(),
): Promise<{ nest: INestApplication; log: Log }> {
  const log = new Log();
  const options = { logger: log, abortOnError: false, forceCloseConnections: true };
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its options as a class, and takes literals
  return { nest: await NestFactory.create(module, adapter, options), log };
}

/** A fresh adapter, as `createNestApplication` takes it. */
export function adapterOf(platform: PlatformName): ExpressAdapter {
  return platform === 'express' ? new ExpressAdapter() : (new FastifyAdapter() as unknown as ExpressAdapter);
}
