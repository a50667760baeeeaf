/**
 * What a WebSocket class takes after the URL. Where no platform keeps cookies, Node's own class, and whatever extends it,
 * takes headers beside the subprotocols, that of `ws` after them.
 */
export function socketArguments(Class: object, protocols: string[], cookie: string | undefined): unknown[] {
  if (!cookie) return [protocols];
  const own = (globalThis as { WebSocket?: unknown }).WebSocket;
  const isOwn =
    Class === own || (typeof own === 'function' && (Class as { prototype: object }).prototype instanceof own);
  const headers = { cookie };
  return isOwn ? [{ protocols, headers }] : [protocols, { headers }];
}
