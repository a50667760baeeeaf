// Why an application does not start, in sentences for whoever wrote it.

export const MODULE_SESSION_ON_FASTIFY =
  'E2eModule: a module applies an express-session middleware, which on Fastify no route of Nest sees. Register ' +
  '@fastify/cookie and @fastify/session instead, or leave the session to E2eModule.';

export const TWO_SESSIONS =
  'E2eModule: a module applies an express-session middleware, and the option "session" names a store as well: only one of ' +
  'the two can be the session. Leave out the option, or the middleware.';

export const TWICE =
  'E2eModule is imported twice, by two calls of forRoot() or forRootAsync(): each would have keys and a handshake of its ' +
  'own, and take no message of the other. Call it once, in the root module; KeyService, E2eRoutes and E2eEvents can then ' +
  'be injected everywhere. With isGlobal: false, keep what forRoot() gave in a const, and import that where they are needed.';
