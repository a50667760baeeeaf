import type { Type } from '@nestjs/common';
import type { MetadataScanner } from '@nestjs/core';

// The keys under which Nest's decorators write what they declare, as its documentation shows them. They are literals
// because its packages for WebSockets, GraphQL and microservices need not be installed.
export const PATH = 'path';
export const METHOD = 'method';
export const VERSION = '__version__';
export const SSE = '__sse__';
export const PIPES = '__pipes__';
export const FILTERS = '__exceptionFilters__';
export const ROUTE_ARGUMENTS = '__routeArguments__';
/** Followed by the application's id. */
export const MODULE_PATH = '__module_path__';
export const GATEWAY = 'websockets:is_gateway';
export const GATEWAY_OPTIONS = 'websockets:gateway_options';
export const GATEWAY_PORT = 'port';
export const RESOLVER = 'graphql:resolver_type';
/** The token under which `@nestjs/graphql` has its options. */
export const GRAPHQL_OPTIONS = 'GqlModuleOptions';
export const MESSAGE_HANDLER = 'microservices:handler_type';

export type Handler = (...args: never) => unknown;

/** A method of a class, by the name under which Nest finds it on the prototype. */
export interface Method {
  readonly owner: Type<unknown>;
  readonly prototype: object;
  readonly name: string;
  /** What stands on the prototype, and carries the metadata. An instance may call another function. */
  readonly handler: Handler;
}

/**
 * The methods of a class, those that it inherits among them.
 *
 * @param prototype where Nest looks for routes, if that is not the class's own prototype.
 */
export function methodsOf(
  scanner: MetadataScanner,
  owner: Type<unknown>,
  prototype: object = owner.prototype as object,
): Method[] {
  return scanner
    .getAllMethodNames(prototype)
    .map((name) => ({ owner, prototype, name, handler: (prototype as Record<string, Handler>)[name]! }));
}

export function nameOf({ owner, name }: { readonly owner: { readonly name: string }; readonly name: string }): string {
  return `${owner.name}.${name}()`;
}
