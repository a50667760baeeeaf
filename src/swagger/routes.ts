import type { INestApplication } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import type { OpenAPIObject } from '@nestjs/swagger';
import { E2E_PATH } from '../nest/options/e2e.options.js';
import type { Sealing } from '../nest/routes/encrypted.decorator.js';
import { PATH, SSE } from '../nest/routes/nest-metadata.js';
import { FieldRoutes, type RouteFields } from '../nest/routes/field-routes.js';
import { fieldPatterns, hasFields } from '../nest/routes/field-types.js';
import { RouteTable } from '../nest/routes/route-table.js';
import { operationsOf } from './operations.js';
import { scan, type ScannedHandler } from './scan.js';

/** What is known of an operation's handler. */
export interface KnownRoute {
  readonly sealing: Sealing;
  /** Of the module's own routes. */
  readonly channelRoute: 'handshake' | 'identity' | undefined;
  /** The encrypted fields of the request's body, as patterns. `undefined` if the route has no fields, or is sealed. */
  readonly fields: readonly string[] | undefined;
  /** Of `@Sse()`. */
  readonly isEventStream: boolean;
}

/** The application's routes, under the paths that a document gives them. */
export interface DocumentRoutes {
  readonly find: (method: string, path: string) => KnownRoute | undefined;
  /** The path of handshakes, as in the client's `path` option. */
  readonly path: string;
}

interface Handler extends ScannedHandler, KnownRoute {}

type Paths = ReadonlyMap<string, KnownRoute>;

const ANYWHERE = { strict: false };

/**
 * Finds what is known of each operation.
 *
 * @throws Error if the application has no E2eModule.
 */
export function routesOf(app: INestApplication, document: OpenAPIObject): DocumentRoutes {
  const handlers = handlersOf(app);
  const prefix = trim(app.get(ApplicationConfig, ANYWHERE).getGlobalPrefix());
  const modulePath = app.get<string>(E2E_PATH, ANYWHERE);
  const full = { paths: pathsOf(app, handlers, false), path: trim(`${prefix}/${modulePath}`) };
  if (prefix === '') return finish(full);

  // The document may have been made with `ignoreGlobalPrefix`: then it knows the paths without.
  const bare = { paths: pathsOf(app, handlers, true), path: modulePath };
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

function handlersOf(app: INestApplication): Handler[] {
  // Checked first, because a failed `get` ends the process without naming the module.
  const modules = [...app.get(ModulesContainer, ANYWHERE).values()];
  if (!modules.some(({ providers }) => providers.has(RouteTable))) {
    throw new Error(
      'sealDocument: this application has no E2eModule. Import E2eModule.forRoot() into its root module.',
    );
  }
  const modulePath = app.get<string>(E2E_PATH, ANYWHERE);
  const fieldRoutes = app.get(FieldRoutes, ANYWHERE);
  return app
    .get(RouteTable, ANYWHERE)
    .methods.filter(({ isRoute }) => isRoute)
    .map(({ owner, name, handler, sealing }) => {
      const isOurs = owner.name === 'HandshakeController' && Reflect.getMetadata(PATH, owner) === modulePath;
      return {
        handler,
        controller: owner,
        sealing,
        fields: sealing.request || sealing.response ? undefined : patternsOf(fieldRoutes.of({ owner, name })),
        channelRoute: isOurs ? (name as KnownRoute['channelRoute']) : undefined,
        isEventStream: Reflect.hasMetadata(SSE, handler),
      };
    });
}

function patternsOf({ request, response, takesFields }: RouteFields): string[] | undefined {
  if (!takesFields && !response.some(hasFields)) return undefined;
  const patterns = request.flatMap(({ type, member, isList }) =>
    outersOf(isList).flatMap((outer) => fieldPatterns(type, [...(member === undefined ? [] : [member]), ...outer])),
  );
  return [...new Set(patterns)];
}

/** Where a value may be: by itself, in a list, or in both if nothing is declared. */
function outersOf(isList: boolean | undefined): string[][] {
  return [...(isList ? [] : [[]]), ...(isList === false ? [] : [['*']])];
}

/**
 * Handlers that are sealed in the same way are scanned together. Two handlers may have one method and path, and be told
 * apart by a header: a document has one of them, and the other may be the one that is called.
 */
function pathsOf(app: INestApplication, handlers: readonly Handler[], ignoreGlobalPrefix: boolean): Paths {
  const groups = new Map<string, Handler[]>();
  for (const each of handlers) {
    const kind = JSON.stringify([each.sealing.request, each.sealing.response, each.fields]);
    groups.set(kind, [...(groups.get(kind) ?? []), each]);
  }
  const found = new Map<string, Handler[]>();
  for (const group of groups.values()) {
    for (const { method, path, served } of scan(app, handlers, group, ignoreGlobalPrefix)) {
      const place = key(method, path);
      found.set(place, [...(found.get(place) ?? []), ...served]);
    }
  }
  return new Map([...found].map(([place, served]) => [place, knownRoute(served)]));
}

function knownRoute(handlers: readonly Handler[]): KnownRoute {
  const sealing = {
    request: handlers.some(({ sealing }) => sealing.request),
    response: handlers.some(({ sealing }) => sealing.response),
  };
  const ofEach = handlers.map(({ fields }) => fields).filter((fields) => fields !== undefined);
  // Where one of them takes a sealed request, fields would send the rest of it in the clear.
  const isInFields = ofEach.length > 0 && !sealing.request;
  return {
    sealing,
    fields: isInFields ? [...new Set(ofEach.flat())] : undefined,
    channelRoute: handlers[0]?.channelRoute,
    isEventStream: handlers.some(({ isEventStream }) => isEventStream),
  };
}

function key(method: string, path: string): string {
  return `${method} ${path}`;
}

function trim(path: string): string {
  return path.replace(/^\/+|\/+$/g, '');
}
