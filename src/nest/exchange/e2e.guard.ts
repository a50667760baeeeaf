import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Exchange } from './exchange.js';
import { FieldExchange } from './field-exchange.js';
import { RouteTable } from '../routes/route-table.js';

/**
 * Opens the message before the application's guards run, so that they see the plain DTO. It is the first guard.
 *
 * @example
 * // The module registers it. The name is for those who look at the list of global guards.
 * const guard = app.get(E2eGuard);
 */
@Injectable()
export class E2eGuard implements CanActivate {
  constructor(
    @Inject(Exchange) private readonly exchange: Exchange,
    @Inject(RouteTable) private readonly routes: RouteTable,
    @Inject(FieldExchange) private readonly fields: FieldExchange,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const sealing = this.routes.sealingOf(context);
    if (!sealing) return true;
    // `switchToHttp()` creates three functions each time.
    const entering = this.exchange.enter(context.getArgByIndex(0), context.getArgByIndex(1), sealing);
    const open = (): true => {
      this.fields.enter(context, sealing);
      return true;
    };
    return entering ? entering.then(open) : open();
  }
}
