import type { INestApplication, Type } from '@nestjs/common';
import { SwaggerModule } from '@nestjs/swagger';
import { operationsOf } from './operations.js';

/** A handler of an HTTP route, for one of the classes that it serves. */
export interface ScannedHandler {
  readonly handler: (...args: never) => unknown;
  readonly controller: Type<unknown>;
}

/** An operation, and the handlers that it may be of: one, but for what is inherited. */
export interface ScannedOperation<Handler> {
  readonly method: string;
  readonly path: string;
  readonly served: readonly Handler[];
}

/** Metadata of `@nestjs/swagger`, by keys that its early versions do not export. */
const API_EXTENSION = 'swagger/apiExtension';
const API_EXCLUDE_ENDPOINT = 'swagger/apiExcludeEndpoint';

/** Stands on each operation of a scan, and nowhere else. */
const TAG = 'x-e2e-handler';
const OWN_ID = /^e2e:(.*?):/;

/**
 * The operations of some of the handlers. How Nest makes paths of prefixes, versions, modules' paths and parameters is
 * asked of `@nestjs/swagger` itself: each handler carries a number while it makes a document.
 *
 * @throws Error if it documents a handler that is not among these.
 */
export function scan<Handler extends ScannedHandler>(
  app: INestApplication,
  handlers: readonly Handler[],
  shown: readonly Handler[],
  ignoreGlobalPrefix: boolean,
): ScannedOperation<Handler>[] {
  const document = withMetadata(metadataFor(handlers, shown), () =>
    SwaggerModule.createDocument(
      app,
      // Of the versions that know every method there is.
      { openapi: '3.2.0', info: { title: '', version: '' } },
      { ignoreGlobalPrefix, operationIdFactory: (controller) => `e2e:${controller}:` },
    ),
  );
  return operationsOf(document).map(({ method, path, operation }) => {
    const { [TAG]: tag, operationId = '' } = operation as { [TAG]?: number; operationId?: string };
    const served = handlers.filter(({ handler }) => handler === handlers[tag ?? -1]?.handler);
    if (served.length === 0) {
      // It would be documented as not sealed, and Swagger UI would send its requests in the clear.
      const name = `${method.toUpperCase()} ${path}`;
      throw new Error(`sealDocument: no controller has the handler of ${name}.`);
    }
    // One that is inherited serves several classes. Where @ApiOperation() names the operation, any of them may be meant.
    const controller = OWN_ID.exec(operationId)?.[1];
    const own = served.filter((each) => each.controller.name === controller);
    return { method, path, served: own.length > 0 ? own : served };
  });
}

/** What decorators would have written: @ApiExtension() on each handler, and @ApiExcludeEndpoint() on those not shown. */
function metadataFor(handlers: readonly ScannedHandler[], shown: readonly ScannedHandler[]): Metadata[] {
  const seen = new Map(handlers.map(({ handler }, index) => [handler, index]));
  return [...seen].flatMap(([handler, index]): Metadata[] => {
    const own = Reflect.getMetadata(API_EXTENSION, handler) as object | undefined;
    const isShown = shown.some((each) => each.handler === handler);
    return [
      { handler, key: API_EXTENSION, value: { ...own, [TAG]: index } },
      ...(isShown ? [] : [{ handler, key: API_EXCLUDE_ENDPOINT, value: { disable: true } }]),
    ];
  });
}

interface Metadata {
  readonly handler: ScannedHandler['handler'];
  readonly key: string;
  readonly value: unknown;
}

/** Runs a function while the metadata are set, and restores everything afterwards. */
function withMetadata<Result>(metadata: readonly Metadata[], run: () => Result): Result {
  const before = metadata.map(({ handler, key }) => ({
    handler,
    key,
    value: Reflect.getOwnMetadata(key, handler) as unknown,
  }));
  for (const { handler, key, value } of metadata) Reflect.defineMetadata(key, value, handler);
  try {
    return run();
  } finally {
    for (const { handler, key, value } of before) {
      if (value === undefined) Reflect.deleteMetadata(key, handler);
      else Reflect.defineMetadata(key, value, handler);
    }
  }
}
