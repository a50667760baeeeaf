import type { INestApplication } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { PlatformName } from '../../e2e/support/apps.js';

/** Has the application take text and bytes, which by itself Express ignores and Fastify refuses in part. */
export function takeEverything(app: INestApplication, platform: PlatformName): void {
  if (platform === 'express') {
    (app as NestExpressApplication).useBodyParser('text').useBodyParser('raw');
  } else {
    (app as NestFastifyApplication).useBodyParser(
      'application/octet-stream',
      { bodyLimit: 1_000_000 },
      (_request, body, done) => done(null, body),
    );
  }
}
