import { RequestMethod, type HttpServer } from '@nestjs/common';
import { rawRequest, stateOf, type MatchedRoute } from '../request/exchange-state.js';
import { nameOf } from './nest-metadata.js';
import type { Route } from './route-table.js';
import { seals } from './sealing-resolver.js';

/** What Nest hands to the platform for a route. */
type PlatformHandler = (request: object, ...rest: unknown[]) => unknown;
type Method = (...args: unknown[]) => unknown;
type Adapter = Record<string, Method>;

/**
 * Has each route tell a request which row of the table it is, before anything of the application runs. Nest hands its
 * routes to the adapter one by one, in the order of the table; a path may be there several times, for versions or hosts.
 *
 * @returns what to call once Nest has registered its routes. It throws where one that is sealed was not among them.
 */
export function watchRegistration(adapter: HttpServer, routes: readonly Route[]): () => void {
  const waiting = new Map<string, Route[]>();
  for (const route of routes) {
    const key = keyOf(route.method, route.path);
    waiting.set(key, [...(waiting.get(key) ?? []), route]);
  }
  const registered = new Set<string>();
  /** As the application writes a path, by how this platform does. */
  const written = new Map<unknown, string>();

  const restore = Object.keys(RequestMethod)
    .filter((name) => Number.isNaN(Number(name)))
    .map((method) =>
      replace(adapter, method.toLowerCase(), (register) => (...args) => {
        const [path, handler, ...more] = args;
        if (typeof path !== 'string' || typeof handler !== 'function' || more.length > 0) return register(...args);
        const key = keyOf(method, written.get(path) ?? path);
        registered.add(key);
        const route = waiting.get(key)?.shift();
        return register(path, route ? telling(route.of, handler as PlatformHandler) : handler);
      }),
    );
  restore.push(
    replace(adapter, 'normalizePath', (normalize) => (path) => {
      const normalized = normalize(path);
      written.set(normalized, path as string);
      return normalized;
    }),
  );

  return () => {
    for (const undo of restore) undo();
    // Of two with one path Nest may drop the second, which nobody reaches.
    const lost = routes.find(({ of, method, path }) => seals(of.sealing) && !registered.has(keyOf(method, path)));
    if (lost) throw new Error(notRegistered(lost));
  };
}

function telling(route: MatchedRoute, handler: PlatformHandler): PlatformHandler {
  const telling: PlatformHandler = (request, ...rest) => {
    stateOf(rawRequest(request)).route = route;
    return handler(request, ...rest);
  };
  // Adapters read a route's version, and its options, off its handler.
  Object.assign(telling, handler);
  Object.defineProperty(telling, 'name', { value: handler.name, configurable: true });
  for (const key of Reflect.getMetadataKeys(handler) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, handler), telling);
  }
  return telling;
}

/** Puts a method in place of one of the adapter's. @returns what takes it away again. */
function replace(adapter: HttpServer, name: string, make: (original: Method) => Method): () => void {
  const methods = adapter as unknown as Adapter;
  const original = methods[name];
  if (typeof original !== 'function') return () => undefined;
  const own = Object.getOwnPropertyDescriptor(methods, name);
  const made = make(original.bind(adapter));
  methods[name] = made;
  return () => {
    // Another module may have replaced it by its own, which calls this one.
    if (methods[name] !== made) return;
    if (own) Object.defineProperty(methods, name, own);
    else delete methods[name];
  };
}

function keyOf(method: string, path: string): string {
  return `${method} ${path}`;
}

function notRegistered({ of, method, path }: Route): string {
  return (
    `E2eModule: ${nameOf(of)} is sealed, but its route was not registered with the HTTP adapter: ${method} ${path}. ` +
    "A response could leave in the clear. Let Nest register it with the application's own HTTP adapter. A library that " +
    "replaces the adapter's methods must call the original ones. Or mark the route @Plain()."
  );
}
