import type { HttpServer } from '@nestjs/common';
import type { RequestTracker } from '../request/request-tracker.js';
import { ExpressPlatform } from './platform.express.js';
import { FastifyPlatform } from './platform.fastify.js';
import type { Platform } from './platform.js';

const TOO_OLD =
  'E2eModule: this application runs on Nest 10 or an older version, but the module supports Nest 11 and Nest 12. Update ' +
  '@nestjs/core, @nestjs/common and @nestjs/platform-express or @nestjs/platform-fastify to one of them: ' +
  'https://docs.nestjs.com/migration-guide';

/**
 * The platform behind Nest's adapter.
 *
 * @throws Error if it is neither Express nor Fastify, or belongs to a version of Nest that is too old.
 */
export function platformOf(adapter: HttpServer, tracker: RequestTracker, maxBodySize: number): Platform {
  // Adapters have this method since Nest 11. The version is only in package.json, which bundlers leave out.
  if (typeof (adapter as { propfind?: unknown }).propfind !== 'function') throw new Error(TOO_OLD);
  switch (adapter.getType()) {
    case 'express':
      return new ExpressPlatform(adapter, tracker, maxBodySize);
    case 'fastify':
      return new FastifyPlatform(adapter, tracker);
    default:
      throw new Error(`E2eModule supports Express and Fastify; this application runs on "${adapter.getType()}".`);
  }
}
