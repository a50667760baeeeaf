/**
 * The arguments of a WebSocket class after the URL. If the platform keeps no cookies: Node's own class, and its
 * subclasses, accept headers together with the subprotocols, the class of `ws` after them.
 */
export function socketArguments(Class: object, protocols: string[], cookie: string | undefined): unknown[] {
  if (!cookie) return [protocols];
  const own = (globalThis as { WebSocket?: unknown }).WebSocket;
  const isOwn =
    Class === own || (typeof own === 'function' && (Class as { prototype: object }).prototype instanceof own);
  const headers = { cookie };
  return isOwn ? [{ protocols, headers }] : [protocols, { headers }];
}
