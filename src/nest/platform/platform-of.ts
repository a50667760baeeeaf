import type { HttpServer } from '@nestjs/common';
import type { RequestTracker } from '../request/request-tracker.js';
import { ExpressPlatform } from './platform.express.js';
import { FastifyPlatform } from './platform.fastify.js';
import type { Platform } from './platform.js';

const TOO_OLD =
  'E2eModule: this application runs on Nest 10 or an older version, and the module supports Nest 11 and Nest 12. Update ' +
  '@nestjs/core, @nestjs/common and @nestjs/platform-express or @nestjs/platform-fastify to one of them: ' +
  'https://docs.nestjs.com/migration-guide';

/**
 * The platform behind Nest's adapter.
 *
 * @throws Error for one that is neither Express nor Fastify, or of an older Nest than is supported.
 */
export function platformOf(adapter: HttpServer, tracker: RequestTracker, maxBodySize: number): Platform {
  // Adapters have this method since Nest 11. The version itself is in a package.json, which bundlers leave out.
  if (typeof (adapter as { propfind?: unknown }).propfind !== 'function') throw new Error(TOO_OLD);
  switch (adapter.getType()) {
    case 'express':
      return new ExpressPlatform(adapter, tracker, maxBodySize);
    case 'fastify':
      return new FastifyPlatform(adapter, tracker);
    default:
      throw new Error(`E2eModule works on Express and on Fastify; this application runs on "${adapter.getType()}".`);
  }
}
