import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Exchange } from './exchange.js';
import { RouteTable } from '../routes/route-table.js';

/** Opens the message before the application's guards run, so that they see the plain DTO. It is the first guard. */
@Injectable()
export class E2eGuard implements CanActivate {
  constructor(
    @Inject(Exchange) private readonly exchange: Exchange,
    @Inject(RouteTable) private readonly routes: RouteTable,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const sealing = this.routes.sealingOf(context);
    // `switchToHttp()` makes three functions each time.
    const entering = sealing && this.exchange.enter(context.getArgByIndex(0), context.getArgByIndex(1), sealing);
    return entering ? entering.then(() => true) : true;
  }
}
