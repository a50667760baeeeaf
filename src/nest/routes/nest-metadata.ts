import type { ExecutionContext, Type } from '@nestjs/common';
import type { MetadataScanner } from '@nestjs/core';

// The keys under which decorators of Nest's write what they declare, as its documentation shows; literals, since its
// packages for WebSockets, GraphQL and microservices need not be installed.
export const PATH = 'path';
export const METHOD = 'method';
export const SSE = '__sse__';
/** Followed by the application's id. */
export const MODULE_PATH = '__module_path__';
export const GATEWAY = 'websockets:is_gateway';
export const RESOLVER = 'graphql:resolver_type';
export const FASTIFY_SCHEMA = '__fastify_route_schema__';
export const MESSAGE_HANDLER = 'microservices:handler_type';

export type Handler = (...args: never) => unknown;

/** The methods of a class, those that it inherits among them. */
export function methodsOf(scanner: MetadataScanner, { prototype }: Type<unknown>): Handler[] {
  const methods = prototype as Record<string, Handler>;
  return scanner.getAllMethodNames(methods).map((name) => methods[name]!);
}

/**
 * Whether what is called is a route: queues' consumers, bots and the like, which libraries call through Nest, are 'http'
 * as well unless the library says otherwise.
 */
export function isRoute(context: ExecutionContext): boolean {
  return context.getType() === 'http' && Reflect.hasMetadata(PATH, context.getHandler());
}
