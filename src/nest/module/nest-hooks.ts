import type { HttpServer } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';

/**
 * Keeps our guard or interceptor first, whatever the application adds and whenever. A guard that ran before ours would see
 * a request that is not opened, and its exceptions would leave in the clear. An APP_GUARD could come second.
 */
export function keepFirst<Name extends 'getGlobalGuards' | 'getGlobalInterceptors'>(
  config: ApplicationConfig,
  name: Name,
  ours: ReturnType<ApplicationConfig[Name]>[number],
): void {
  const read = config[name].bind(config) as () => unknown[];
  config[name] = (() => {
    const all = read();
    if (all[0] !== ours) all.splice(0, all.length, ours, ...all.filter((each) => each !== ours));
    return all;
  }) as ApplicationConfig[Name];
}

/** If a response fails after it has begun, Nest ends it through its adapter as if it were complete. */
export function failOnEnd(adapter: HttpServer, fail: (response: object) => void): void {
  const end = adapter.end.bind(adapter);
  adapter.end = (response: object, message?: string) => {
    fail(response);
    return end(response, message) as unknown;
  };
}
