import { Inject, Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { tap, type Observable } from 'rxjs';
import { Exchange } from './exchange.js';
import { FieldExchange } from './field-exchange.js';
import { SSE } from '../routes/nest-metadata.js';
import { noteFailure } from '../request/exchange-state.js';
import { RouteTable } from '../routes/route-table.js';

/**
 * The outermost interceptor, for applications with exception filters: notes that a handler failed before a filter could
 * end its response. It also opens the message if the guard has not done so.
 *
 * @example
 * // The module registers it. The name is for those who look at the list of global interceptors.
 * const interceptor = app.get(E2eInterceptor);
 */
@Injectable()
export class E2eInterceptor implements NestInterceptor {
  constructor(
    @Inject(Exchange) private readonly exchange: Exchange,
    @Inject(RouteTable) private readonly routes: RouteTable,
    @Inject(FieldExchange) private readonly fields: FieldExchange,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const sealing = this.routes.sealingOf(context);
    if (!sealing) return next.handle();
    const http = context.switchToHttp();
    const response = http.getResponse<object>();
    await this.exchange.enter(http.getRequest(), response, sealing);
    this.fields.enter(context, sealing);
    // In a stream of events, Nest itself sends the error as an event and then ends.
    if (Reflect.hasMetadata(SSE, context.getHandler())) return next.handle();
    return next.handle().pipe(tap({ error: () => noteFailure(response) }));
  }
}
