import type { HttpServer } from '@nestjs/common';
import type { Arrivals } from '../request/arrival.js';
import { ExpressPlatform } from './platform.express.js';
import { FastifyPlatform } from './platform.fastify.js';
import type { Platform } from './platform.js';

/**
 * The platform behind Nest's adapter.
 *
 * @throws Error for one that is neither Express nor Fastify.
 */
export function platformOf(adapter: HttpServer, arrivals: Arrivals): Platform {
  switch (adapter.getType()) {
    case 'express':
      return new ExpressPlatform(adapter, arrivals);
    case 'fastify':
      return new FastifyPlatform(adapter, arrivals);
    default:
      throw new Error(`E2eModule works on Express and on Fastify; this application runs on "${adapter.getType()}".`);
  }
}
