import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * The private parts of Fastify that are used. If a later Fastify does not have them, nothing is changed, except where
 * something would then be sent in the clear: there the application does not start.
 */
const ROUTE_CONTEXT = 'fastify.context';
const CONTENT_TYPE = 'fastify.request.contentType';
const PARSER_OPTIONS = '_parserOptions';
const REQUEST_CLASS = 'fastify.Request';
const OPTIONS = 'fastify.options';
const HOOKS = 'fastify.hooks';
const CHILDREN = 'fastify.children';

/** Each route's context, but with a body limit of ours. */
const WITH_LIMIT = new WeakMap<object, object>();

/**
 * Makes Fastify read an opened message's body from the request: by the media type of the plain body (Fastify keeps the
 * one that was read first), and within this module's limit, which was already checked.
 */
export function adoptPlainBody(request: object, limit: number): void {
  const known = request as Record<symbol, unknown>;
  const type = symbolOf(request, CONTENT_TYPE);
  if (type) known[type] = undefined;
  const route = symbolOf(request, ROUTE_CONTEXT);
  const context = route && known[route];
  if (!route || typeof context !== 'object' || context === null || !(PARSER_OPTIONS in context)) return;
  let limited = WITH_LIMIT.get(context);
  if (!limited) {
    limited = Object.create(context, { [PARSER_OPTIONS]: { value: { limit } } }) as object;
    WITH_LIMIT.set(context, limited);
  }
  known[route] = limited;
}

/** The session store of this instance's requests. @fastify/session exposes it only on requests. */
export function sessionStoreOf(instance: object): unknown {
  for (let holder: object | null = instance; holder; holder = Object.getPrototypeOf(holder) as object | null) {
    const symbol = symbolOf(holder, REQUEST_CLASS);
    const made = symbol && (holder as Record<symbol, { readonly prototype: object } | undefined>)[symbol];
    if (made) return (made.prototype as { readonly sessionStore?: unknown }).sessionStore;
  }
  return undefined;
}

type Hook = (request: object, reply: undefined, done: () => void) => unknown;

function onRequestHooksOf(instance: object): Hook[] | undefined {
  const symbol = symbolOf(instance, HOOKS);
  return symbol && (instance as Record<symbol, { readonly onRequest?: Hook[] } | undefined>)[symbol]?.onRequest;
}

/** The hook of that name, which some plugin added for what comes to this instance. */
export function onRequestHook(instance: object, name: string): Hook | undefined {
  return onRequestHooksOf(instance)?.find((hook) => hook.name === name);
}

const NO_HOOKS =
  'E2eModule: the hooks of this version of Fastify were not found, so requests would reach middleware unguarded. Use a ' +
  'version of @nestjs/platform-fastify that this package supports.';

/**
 * Runs `hook` before all other hooks for `onRequest`, those of middleware and of plugins among them. Fastify itself only
 * appends. A plugin has copies of the hooks from before its registration.
 *
 * @throws Error if this Fastify keeps its hooks elsewhere.
 */
export function addFirstHook(instance: object, hook: (...args: never[]) => unknown): void {
  const hooks = onRequestHooksOf(instance);
  const symbol = symbolOf(instance, CHILDREN);
  const children = symbol && (instance as Record<symbol, readonly object[] | undefined>)[symbol];
  if (!Array.isArray(hooks) || !Array.isArray(children)) throw new Error(NO_HOOKS);
  hooks.unshift(hook as Hook);
  for (const child of children as object[]) addFirstHook(child, hook);
}

/** The options that the instance was made with. */
interface FastifyOptions {
  readonly querystringParser?: (query: string) => unknown;
  frameworkErrors?: (error: Error, request: Routed, reply: RoutedReply) => unknown;
}
interface Routed {
  readonly raw: IncomingMessage;
}
interface RoutedReply {
  readonly raw: ServerResponse;
  send(error: Error): unknown;
}

export function optionsOf(instance: object): FastifyOptions | undefined {
  const symbol = symbolOf(instance, OPTIONS);
  return symbol && (instance as Record<symbol, FastifyOptions | undefined>)[symbol];
}

/**
 * Calls `note` for each request that Fastify's router rejects before any hook: its path does not decode, or has a
 * parameter that is too long. This includes `inject()` and the instance's `routing`, which use no server.
 */
export function noteRouterAnswers(instance: object, note: (request: Routed, reply: RoutedReply) => void): void {
  const options = optionsOf(instance);
  if (!options) return;
  const { frameworkErrors } = options;
  options.frameworkErrors = (error, request, reply) => {
    note(request, reply);
    return frameworkErrors ? frameworkErrors(error, request, reply) : reply.send(error);
  };
}

/** By description, as found last: to look through an object's symbols each time costs a request some microseconds. */
const SYMBOLS = new Map<string, symbol>();

function symbolOf(object: object, description: string): symbol | undefined {
  const known = SYMBOLS.get(description);
  if (known !== undefined && Object.hasOwn(object, known)) return known;
  const found = Object.getOwnPropertySymbols(object).find((symbol) => symbol.description === description);
  if (found) SYMBOLS.set(description, found);
  return found;
}
