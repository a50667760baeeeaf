import { Inject, Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import type { Store } from 'express-session';
import { E2eHealth } from '../nest/keys/health.js';

/** Options of one check. */
export interface E2eHealthOptions {
  /** The session store of the application, if it has a session of its own. The module knows its own store. */
  readonly store?: Store;
}

/**
 * A health indicator for `@nestjs/terminus`: whether sealed requests and handshakes are served. It reports the session
 * store, the sequence windows, the RSA key pool and the identity key's thumbprint, and no secrets. The stores are asked for
 * a write, within `storeTimeout`.
 *
 * @example
 * ```ts
 * @Controller('health')
 * export class HealthController {
 *   constructor(
 *     private readonly health: HealthCheckService,
 *     private readonly e2e: E2eHealthIndicator,
 *   ) {}
 *
 *   @Get()
 *   @HealthCheck()
 *   check() {
 *     return this.health.check([() => this.e2e.check('e2e')]);
 *   }
 * }
 * ```
 */
@Injectable()
export class E2eHealthIndicator {
  constructor(
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Inject(E2eHealth) private readonly health: E2eHealth,
  ) {}

  /**
   * @param key the name in the result. Default `e2e`.
   * @returns `down` if a store does not take a record in time, or if no RSA key pair can be had.
   */
  async check(key = 'e2e', { store }: E2eHealthOptions = {}): Promise<HealthIndicatorResult> {
    const { isUp, ...details } = await this.health.report(store);
    const indicator = this.indicators.check(key);
    return isUp ? indicator.up(details) : indicator.down(details);
  }
}
