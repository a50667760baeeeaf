import { Inject, Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { Exchange } from './exchange.js';
import { RouteTable } from '../routes/route-table.js';

/**
 * The outermost interceptor: decrypts the incoming DTO where the guard has not done so already. All other interceptors
 * see plain values both ways.
 */
@Injectable()
export class E2eInterceptor implements NestInterceptor {
  constructor(
    @Inject(Exchange) private readonly exchange: Exchange,
    @Inject(RouteTable) private readonly routes: RouteTable,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const sealing = this.routes.sealingOf(context);
    if (sealing) {
      const http = context.switchToHttp();
      await this.exchange.enter(http.getRequest(), http.getResponse(), sealing);
    }
    return next.handle();
  }
}
