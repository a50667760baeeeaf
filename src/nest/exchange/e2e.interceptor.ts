import {
  Inject,
  Injectable,
  InternalServerErrorException,
  StreamableFile,
  type CallHandler,
  type ExecutionContext,
  type HttpServer,
  type NestInterceptor,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { map, type Observable } from 'rxjs';
import { Exchange } from './exchange.js';
import { rawRequest, stateOf } from '../request/exchange-state.js';
import { RouteTable } from '../routes/route-table.js';

/**
 * The outermost interceptor: decrypts the incoming DTO where the guard has not done so already, and has the outgoing
 * response encrypted. All other interceptors see plain values both ways.
 */
@Injectable()
export class E2eInterceptor implements NestInterceptor {
  constructor(
    @Inject(Exchange) private readonly exchange: Exchange,
    @Inject(RouteTable) private readonly routes: RouteTable,
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const sealing = this.routes.sealingOf(context);
    if (!sealing) return next.handle();
    const http = context.switchToHttp();
    const [request, response] = [http.getRequest<object>(), http.getResponse<object>()];
    await this.exchange.enter(request, response, sealing);
    const capture = stateOf(rawRequest(request)).capture;
    if (!capture) return next.handle();
    return next.handle().pipe(map((result: unknown) => (capture.finished ? result : this.#explicit(result, response))));
  }

  /**
   * Platforms send a string as text and null as nothing; inside a message every JSON value is JSON, unless the handler
   * declared a media type of its own.
   */
  #explicit(result: unknown, response: object): unknown {
    if (result instanceof StreamableFile) {
      throw new InternalServerErrorException(
        'A StreamableFile cannot be sealed: send the whole Buffer by @Res(), or mark the route @Plain() and call it by plain fetch.',
      );
    }
    const isPlatforms = result === undefined || (typeof result === 'object' && result !== null);
    const adapter: HttpServer = this.adapterHost.httpAdapter;
    if (isPlatforms || declaresType(response)) return result;
    adapter.setHeader(response, 'Content-Type', 'application/json; charset=utf-8');
    return JSON.stringify(result);
  }
}

function declaresType(response: object): boolean {
  return (response as { getHeader(name: string): unknown }).getHeader('content-type') !== undefined;
}
