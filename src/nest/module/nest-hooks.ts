import type { ArgumentsHost, HttpServer } from '@nestjs/common';
import { BaseExceptionFilter, type ApplicationConfig } from '@nestjs/core';
import { noteFailure } from '../request/exchange-state.js';

/**
 * Keeps our guard or interceptor first, even if the application adds others later. A guard that ran before ours would
 * see a request that is not opened, and its exceptions would leave in the clear. An APP_GUARD could come second.
 *
 * @param isNeeded asked each time that Nest makes a route.
 */
export function keepFirst<Name extends 'getGlobalGuards' | 'getGlobalInterceptors'>(
  config: ApplicationConfig,
  name: Name,
  ours: ReturnType<ApplicationConfig[Name]>[number],
  isNeeded = (): boolean => true,
): void {
  const read = config[name].bind(config) as () => unknown[];
  config[name] = (() => {
    const all = read();
    if (all[0] !== ours && isNeeded()) all.splice(0, all.length, ours, ...all.filter((each) => each !== ours));
    return all;
  }) as ApplicationConfig[Name];
}

const NOTING = Symbol('e2e');

/** Notes each failure before Nest's own exception filter responds to it, or ends a response that has begun. */
export function noteFailures(): void {
  const prototype = BaseExceptionFilter.prototype as BaseExceptionFilter & { [NOTING]?: true };
  if (prototype[NOTING]) return;
  prototype[NOTING] = true;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the filter as its `this`
  const original = prototype.catch;
  prototype.catch = function (this: BaseExceptionFilter, exception: unknown, host: ArgumentsHost) {
    const response: unknown = host.getArgByIndex(1);
    // Queues' consumers and the like have the context type 'http', too, unless their library says otherwise.
    if (host.getType() === 'http' && typeof response === 'object' && response !== null) noteFailure(response);
    original.call(this, exception, host);
  };
}

/** If a response fails after it has begun, Nest ends it through its adapter as if it were complete. */
export function failOnEnd(adapter: HttpServer): void {
  const end = adapter.end.bind(adapter);
  adapter.end = (response: object, message?: string) => {
    noteFailure(response);
    return end(response, message) as unknown;
  };
}
