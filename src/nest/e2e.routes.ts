import { Inject, Injectable, RequestMethod, type Type } from '@nestjs/common';
import { ApplicationConfig, DiscoveryService, MetadataScanner } from '@nestjs/core';
import { SEALING_METADATA, type Sealing } from './encrypted.decorator.js';
import { SealingReader } from './sealing-reader.js';

/** A route with at least one sealed direction. */
export interface SealedRoute extends Sealing {
  /** Upper case; `ALL` for `@All()`. */
  readonly method: string;
  /** With the global prefix, without a version. */
  readonly path: string;
  readonly controller: string;
  readonly handler: string;
}

// Nest's own metadata keys: what its decorators write, and its documentation shows.
const PATH = 'path';
const METHOD = 'method';
const SSE = '__sse__';
const MESSAGE_HANDLER = 'microservices:handler_type';

type Handler = (...args: never) => unknown;

/** The list of what is sealed. */
@Injectable()
export class E2eRoutes {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
    @Inject(SealingReader) private readonly sealing: SealingReader,
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
  ) {}

  /** Every sealed route, in the order of the controllers. */
  list(): SealedRoute[] {
    return this.#handlers()
      .filter(({ sealing }) => sealing.request || sealing.response)
      .flatMap(({ controller, handler, sealing }) =>
        this.#paths(controller, handler).map((path) => ({
          method: RequestMethod[Reflect.getMetadata(METHOD, handler) as number] ?? 'GET',
          path,
          ...sealing,
          controller: controller.name,
          handler: handler.name,
        })),
      );
  }

  /**
   * Refuses at start what can never work.
   *
   * @throws Error that names the handler and says what to do.
   */
  check(): void {
    for (const name of this.#misplaced()) {
      throw new Error(
        `E2eModule: @Encrypted() stands on ${name}, which is no HTTP route: gateways, resolvers and message handlers ` +
          'are not sealed. Take it off, and seal what travels there by KeyService if you need to.',
      );
    }
    for (const { controller, handler, sealing } of this.#handlers()) {
      const name = `${controller.name}.${handler.name}()`;
      if (sealing.response && Reflect.getMetadata(SSE, handler) !== undefined) {
        throw new Error(
          `E2eModule: ${name} is an @Sse() stream, which cannot be sealed yet. Mark it @Plain(), or send plain values by another route.`,
        );
      }
    }
  }

  /** What is declared sealed where no HTTP route is, and so would go in the clear. */
  *#misplaced(): Generator<string> {
    for (const { metatype } of this.discovery.getProviders()) {
      if (typeof metatype !== 'function' || !metatype.prototype) continue;
      if (isDeclaredSealed(metatype)) yield metatype.name;
      for (const handler of this.#methodsOf(metatype as Type<unknown>)) {
        if (isDeclaredSealed(handler)) yield `${metatype.name}.${handler.name}()`;
      }
    }
    for (const { metatype } of this.discovery.getControllers()) {
      if (typeof metatype !== 'function') continue;
      for (const handler of this.#methodsOf(metatype as Type<unknown>)) {
        const declaration = isDeclaredSealed(handler) ?? (isMessageHandler(handler) && isDeclaredSealed(metatype));
        if (declaration && !Reflect.hasMetadata(PATH, handler)) yield `${metatype.name}.${handler.name}()`;
      }
    }
  }

  #methodsOf({ prototype }: Type<unknown>): Handler[] {
    const methods = prototype as Record<string, Handler>;
    return this.scanner.getAllMethodNames(methods).map((name) => methods[name]!);
  }

  #handlers(): { controller: Type<unknown>; handler: Handler; sealing: Sealing }[] {
    return this.discovery.getControllers().flatMap(({ metatype }) => {
      if (typeof metatype !== 'function') return [];
      const controller = metatype as Type<unknown>;
      return this.#methodsOf(controller)
        .filter((handler) => Reflect.hasMetadata(PATH, handler))
        .map((handler) => ({ controller, handler, sealing: this.sealing.of(handler, controller) }));
    });
  }

  #paths(controller: Type<unknown>, handler: Handler): string[] {
    const prefixes = texts(Reflect.getMetadata(PATH, controller));
    const paths = texts(Reflect.getMetadata(PATH, handler));
    return prefixes.flatMap((prefix) => paths.map((path) => joinPaths(this.config.getGlobalPrefix(), prefix, path)));
  }
}

/** `undefined` where nothing is declared, `false` for `@Plain()`. */
function isDeclaredSealed(target: object): boolean | undefined {
  const sealing = Reflect.getMetadata(SEALING_METADATA, target) as Sealing | undefined;
  return sealing && (sealing.request || sealing.response);
}

function isMessageHandler(handler: Handler): boolean {
  return Reflect.hasMetadata(MESSAGE_HANDLER, handler);
}

function texts(metadata: unknown): string[] {
  return Array.isArray(metadata) ? (metadata as string[]) : [typeof metadata === 'string' ? metadata : ''];
}

function joinPaths(...parts: string[]): string {
  const path = parts
    .flatMap((part) => part.split('/'))
    .filter((part) => part !== '')
    .join('/');
  return `/${path}`;
}
