import type { INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { PlatformName } from '../../../integration/e2e/support/apps.js';

/** Has Fastify leave bodies of `application/octet-stream` to the handlers, as Express does. */
export function takeOctets(app: INestApplication, platform: PlatformName): void {
  if (platform !== 'fastify') return;
  const fastify = (app as NestFastifyApplication).getHttpAdapter().getInstance();
  fastify.addContentTypeParser('application/octet-stream', (_request, _body, done) => done(null));
}
