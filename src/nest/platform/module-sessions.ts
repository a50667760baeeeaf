import { MiddlewareBuilder } from '@nestjs/core';

/** By the HTTP adapter of an application, the session that a module applied there: `consumer.apply(session(…))`. */
const sessions = new WeakMap<object, unknown>();
/** express-session's middleware is a function of this name. */
const SESSION_MIDDLEWARE = 'session';
const NOTING = Symbol('e2e');

/**
 * Notes which middleware modules apply from now on. Nest does not expose it: it registers its own functions on the
 * platform, and a session middleware silently does nothing if the request already has a session.
 */
export function noteModuleSessions(): void {
  const prototype = MiddlewareBuilder.prototype as MiddlewareBuilder & { [NOTING]?: true };
  if (prototype[NOTING]) return;
  prototype[NOTING] = true;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the builder as its `this`
  const { apply } = prototype;
  prototype.apply = function (this: MiddlewareBuilder, ...middleware) {
    const session: unknown = middleware.flat().find(isSession);
    if (session) sessions.set(this.getHttpAdapter(), session);
    return apply.apply(this, middleware);
  };
}

/** The session that a module of the application with this adapter applies. It is known once all are configured. */
export function moduleSessionOf(adapter: object): unknown {
  return sessions.get(adapter);
}

/** Whether a middleware is express-session's. */
export function isSession(middleware: unknown): boolean {
  return typeof middleware === 'function' && middleware.name === SESSION_MIDDLEWARE;
}
