/** The parts of a Fastify request that have no public way in. Where a later Fastify has them no more, nothing is changed. */
const ROUTE_CONTEXT = 'fastify.context';
const CONTENT_TYPE = 'fastify.request.contentType';
const PARSER_OPTIONS = '_parserOptions';
const REQUEST_CLASS = 'fastify.Request';

/** Each route's context, but with a body limit of ours. */
const WITH_LIMIT = new WeakMap<object, object>();

/**
 * Has Fastify read an opened message's body as it stands in the request now: by the media type of the plain body (Fastify
 * keeps the one that was read first), and within this module's limit, which was held already.
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

/** The store that requests of this instance get their sessions from: @fastify/session shows it on requests alone. */
export function sessionStoreOf(instance: object): unknown {
  for (let holder: object | null = instance; holder; holder = Object.getPrototypeOf(holder) as object | null) {
    const symbol = symbolOf(holder, REQUEST_CLASS);
    const made = symbol && (holder as Record<symbol, { readonly prototype: object } | undefined>)[symbol];
    if (made) return (made.prototype as { readonly sessionStore?: unknown }).sessionStore;
  }
  return undefined;
}

function symbolOf(object: object, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(object).find((symbol) => symbol.description === description);
}
