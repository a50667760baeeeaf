import type { INestApplication, Type } from '@nestjs/common';
import { ApplicationConfig, DiscoveryService, MetadataScanner, ModulesContainer } from '@nestjs/core';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { E2E_PATH } from '../nest/e2e.options.js';
import type { Sealing } from '../nest/encrypted.decorator.js';
import { SealingReader } from '../nest/sealing-reader.js';
import { operationsOf } from './operations.js';

/** What is known of an operation's handler. */
export interface KnownRoute {
  readonly sealing: Sealing;
  /** Of the module's own routes. */
  readonly channelRoute: 'handshake' | 'identity' | undefined;
}

/** The application's routes, under the paths that a document gives them. */
export interface DocumentRoutes {
  readonly find: (method: string, path: string) => KnownRoute | undefined;
  /** Where handshakes are, as the client's `path` option. */
  readonly path: string;
}

/** A handler of an HTTP route, for one of the classes that it serves. */
interface Handler extends KnownRoute {
  readonly handler: (...args: never) => unknown;
  readonly controller: Type<unknown>;
}
type Paths = ReadonlyMap<string, KnownRoute>;

/** Stands on each operation of a scan, and nowhere else. */
const TAG = 'x-e2e-handler';
const ANYWHERE = { strict: false };

const OWN_ID = /^e2e:(.*?):/;

/**
 * Finds the handler of each operation. How Nest makes paths of prefixes, versions, modules' paths and parameters is asked
 * of `@nestjs/swagger` itself, by a scan in which each handler carries a number.
 *
 * @throws Error where the application has no E2eModule.
 */
export function routesOf(app: INestApplication, document: OpenAPIObject): DocumentRoutes {
  const handlers = handlersOf(app);
  const prefix = trim(app.get(ApplicationConfig, ANYWHERE).getGlobalPrefix());
  const modulePath = app.get<string>(E2E_PATH, ANYWHERE);
  const full = { paths: scan(app, handlers, false), path: trim(`${prefix}/${modulePath}`) };
  if (prefix === '') return finish(full);

  // The document may have been made with `ignoreGlobalPrefix`: then it knows the paths without.
  const bare = { paths: scan(app, handlers, true), path: modulePath };
  const keys = operationsOf(document).map(({ method, path }) => key(method, path));
  const known = ({ paths }: { paths: Paths }) => keys.filter((each) => paths.has(each)).length;
  return finish(known(full) >= known(bare) ? full : bare);
}

function finish({ paths, path }: { paths: Paths; path: string }): DocumentRoutes {
  // As documented, if it is: a global prefix may leave it out.
  const handshake = [...paths].find(([, { channelRoute }]) => channelRoute === 'handshake')?.[0];
  return {
    find: (method, at) => paths.get(key(method, at)),
    path: handshake === undefined ? path : trim(handshake.slice('post '.length)).replace(/\/handshake$/, ''),
  };
}

/** Metadata keys: of Nest's decorators, and of @ApiExtension(), which early versions do not export. */
const PATH = 'path';
const API_EXTENSION = 'swagger/apiExtension';

function handlersOf(app: INestApplication): Handler[] {
  // Asked first: what `get` does not find ends the process, and says nothing of a module.
  const modules = [...app.get(ModulesContainer, ANYWHERE).values()];
  if (!modules.some(({ providers }) => providers.has(SealingReader))) {
    throw new Error(
      'sealDocument: this application has no E2eModule. Import E2eModule.forRoot() into its root module.',
    );
  }
  const reader = app.get(SealingReader, ANYWHERE);
  const scanner = app.get(MetadataScanner, ANYWHERE);
  const modulePath = app.get<string>(E2E_PATH, ANYWHERE);
  return app
    .get(DiscoveryService, ANYWHERE)
    .getControllers()
    .flatMap(({ metatype }) => {
      if (typeof metatype !== 'function') return [];
      const controller = metatype as Type<unknown>;
      const methods = controller.prototype as Record<string, Handler['handler']>;
      const isOurs = controller.name === 'HandshakeController' && Reflect.getMetadata(PATH, controller) === modulePath;
      return scanner
        .getAllMethodNames(methods)
        .map((name) => ({ name, handler: methods[name]! }))
        .filter(({ handler }) => Reflect.hasMetadata(PATH, handler))
        .map(({ name, handler }) => ({
          handler,
          controller,
          sealing: reader.of(handler, controller),
          channelRoute: isOurs ? (name as KnownRoute['channelRoute']) : undefined,
        }));
    });
}

function scan(app: INestApplication, handlers: readonly Handler[], ignoreGlobalPrefix: boolean): Paths {
  const document = tagged(handlers, () =>
    SwaggerModule.createDocument(
      app,
      // Of the versions that know every method there is.
      { openapi: '3.2.0', info: { title: '', version: '' } },
      { ignoreGlobalPrefix, operationIdFactory: (controller) => `e2e:${controller}:` },
    ),
  );
  return new Map(
    operationsOf(document).map(({ method, path, operation }) => {
      const { [TAG]: tag, operationId = '' } = operation as { [TAG]?: number; operationId?: string };
      const served = handlers.filter(({ handler }) => handler === handlers[tag ?? -1]?.handler);
      if (served.length === 0) {
        // It would be documented as not sealed, and Swagger UI would send what is meant for it in the clear.
        throw new Error(
          `sealDocument: the handler of ${method.toUpperCase()} ${path} is not found among the controllers.`,
        );
      }
      // One that is inherited serves several classes. Where @ApiOperation() names the operation, any of them may be meant:
      // what is sealed for one of them is then called sealed.
      const controller = OWN_ID.exec(operationId)?.[1];
      const own = served.filter((each) => each.controller.name === controller);
      return [key(method, path), knownRoute(own.length > 0 ? own : served)];
    }),
  );
}

function knownRoute(handlers: readonly Handler[]): KnownRoute {
  return {
    sealing: {
      request: handlers.some(({ sealing }) => sealing.request),
      response: handlers.some(({ sealing }) => sealing.response),
    },
    channelRoute: handlers[0]?.channelRoute,
  };
}

/** Runs a scan while each handler has its number among its extensions, as @ApiExtension() would write it. */
function tagged<Result>(handlers: readonly Handler[], run: () => Result): Result {
  const before = new Map<Handler['handler'], unknown>();
  for (const [index, { handler }] of handlers.entries()) {
    if (before.has(handler)) continue;
    const own: unknown = Reflect.getMetadata(API_EXTENSION, handler);
    before.set(handler, own);
    Reflect.defineMetadata(API_EXTENSION, { ...(own as object | undefined), [TAG]: index }, handler);
  }
  try {
    return run();
  } finally {
    for (const [handler, own] of before) {
      if (own === undefined) Reflect.deleteMetadata(API_EXTENSION, handler);
      else Reflect.defineMetadata(API_EXTENSION, own, handler);
    }
  }
}

function key(method: string, path: string): string {
  return `${method} ${path}`;
}

function trim(path: string): string {
  return path.replace(/^\/+|\/+$/g, '');
}
