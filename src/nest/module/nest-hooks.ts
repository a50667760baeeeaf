import type { HttpServer } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';

/**
 * Has ours be the first of all, whatever is added, or put in front, and whenever: a guard that runs before ours would see
 * a request that is not opened, and its exceptions would leave in the clear. An APP_GUARD of ours would not do.
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

/** Nest ends a response by its adapter where it failed after it had begun, as if it were whole. */
export function failOnEnd(adapter: HttpServer, fail: (response: object) => void): void {
  const end = adapter.end.bind(adapter);
  adapter.end = (response: object, message?: string) => {
    fail(response);
    return end(response, message) as unknown;
  };
}
