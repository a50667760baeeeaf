import { MiddlewareBuilder } from '@nestjs/core';

/** HTTP adapters of applications in which a module applied a session: `consumer.apply(session(…))`. */
const adapters = new WeakSet<object>();
/** express-session's middleware is a function of this name. */
const SESSION_MIDDLEWARE = 'session';
const NOTING = Symbol('e2e');

/**
 * Notes from here on which middleware modules apply. Nest shows it nowhere: what it puts on the platform are functions of
 * its own, and a session that finds another one on the request does nothing, without a word.
 */
export function noteModuleSessions(): void {
  const prototype = MiddlewareBuilder.prototype as MiddlewareBuilder & { [NOTING]?: true };
  if (prototype[NOTING]) return;
  prototype[NOTING] = true;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the builder as its `this`
  const { apply } = prototype;
  prototype.apply = function (this: MiddlewareBuilder, ...middleware) {
    if (middleware.flat().some(isSession)) adapters.add(this.getHttpAdapter());
    return apply.apply(this, middleware);
  };
}

/** Whether a module of the application with this adapter applies a session. It is known once all are configured. */
export function hasModuleSession(adapter: object): boolean {
  return adapters.has(adapter);
}

/** Whether a middleware is express-session's. */
export function isSession(middleware: unknown): boolean {
  return typeof middleware === 'function' && middleware.name === SESSION_MIDDLEWARE;
}
