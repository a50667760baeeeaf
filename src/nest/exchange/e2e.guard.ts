import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Exchange } from './exchange.js';
import { isRoute } from '../routes/nest-metadata.js';
import { SealingResolver } from '../routes/sealing-resolver.js';

/** Opens the message before the application's guards run, so that they see the plain DTO. First of all guards. */
@Injectable()
export class E2eGuard implements CanActivate {
  constructor(
    @Inject(Exchange) private readonly exchange: Exchange,
    @Inject(SealingResolver) private readonly sealing: SealingResolver,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (isRoute(context)) {
      const http = context.switchToHttp();
      await this.exchange.enter(
        http.getRequest(),
        http.getResponse(),
        this.sealing.of(context.getHandler(), context.getClass()),
      );
    }
    return true;
  }
}
