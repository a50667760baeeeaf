// Why an application does not start, and what to do.

export const MODULE_SESSION_ON_FASTIFY =
  'E2eModule: a module applies an express-session middleware. On Fastify, routes do not see that session. Register ' +
  '@fastify/cookie and @fastify/session instead, or let E2eModule install the session.';

export const TWO_SESSIONS =
  'E2eModule: a module applies an express-session middleware, and the option "session" names a store as well. Only one ' +
  'of the two can be the session. Remove the option or the middleware.';

export const TWICE =
  'E2eModule is imported twice, by two calls of forRoot() or forRootAsync(). Each would have its own keys and handshake, ' +
  'and reject the messages of the other. Call it once, in the root module: KeyService, E2eRoutes and E2eEvents can then ' +
  'be injected everywhere. With isGlobal: false, keep the result of that call in a const and import the const.';
