import type { HttpServer } from '@nestjs/common';
import type { RequestTracker } from '../request/request-tracker.js';
import { ExpressPlatform } from './platform.express.js';
import { FastifyPlatform } from './platform.fastify.js';
import type { Platform } from './platform.js';

/**
 * The platform behind Nest's adapter.
 *
 * @throws Error for one that is neither Express nor Fastify.
 */
export function platformOf(adapter: HttpServer, tracker: RequestTracker): Platform {
  switch (adapter.getType()) {
    case 'express':
      return new ExpressPlatform(adapter, tracker);
    case 'fastify':
      return new FastifyPlatform(adapter, tracker);
    default:
      throw new Error(`E2eModule works on Express and on Fastify; this application runs on "${adapter.getType()}".`);
  }
}
