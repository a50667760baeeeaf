import {
  Injectable,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import type { Observable } from 'rxjs';

/** A guard and an interceptor of the application, which note the kinds of what passes them. */
export const passed: string[] = [];

@Injectable()
class NotingGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    passed.push(`guard: ${context.getType<string>()}`);
    return true;
  }
}

@Injectable()
class NotingInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    passed.push(`interceptor: ${context.getType<string>()}`);
    return next.handle();
  }
}

export const noting = [
  { provide: APP_GUARD, useClass: NotingGuard },
  { provide: APP_INTERCEPTOR, useClass: NotingInterceptor },
];
