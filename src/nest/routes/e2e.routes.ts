import { Inject, Injectable, RequestMethod, type Type } from '@nestjs/common';
import { ApplicationConfig, DiscoveryService, MetadataScanner, ModulesContainer } from '@nestjs/core';
import type { Sealing } from './encrypted.decorator.js';
import { METHOD, MODULE_PATH, methodsOf, PATH, type Handler } from './nest-metadata.js';
import { SealingResolver } from './sealing-resolver.js';

/** A route with at least one sealed direction. */
export interface SealedRoute extends Sealing {
  /** Upper case; `ALL` for `@All()`. */
  readonly method: string;
  /** With the global prefix and the paths of `RouterModule`, without a version. */
  readonly path: string;
  readonly controller: string;
  readonly handler: string;
}

/** The list of what is sealed. */
@Injectable()
export class E2eRoutes {
  constructor(
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
    @Inject(SealingResolver) private readonly sealing: SealingResolver,
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {}

  /** Every sealed route, in the order of the controllers. */
  list(): SealedRoute[] {
    return this.discovery.getControllers().flatMap(({ metatype, host }) => {
      if (typeof metatype !== 'function') return [];
      const controller = metatype as Type<unknown>;
      return methodsOf(this.scanner, controller)
        .filter((handler) => Reflect.hasMetadata(PATH, handler))
        .flatMap((handler) => this.#routesOf(host?.metatype, controller, handler));
    });
  }

  #routesOf(module: object | undefined, controller: Type<unknown>, handler: Handler): SealedRoute[] {
    const sealing = this.sealing.of(handler, controller);
    if (!sealing.request && !sealing.response) return [];
    const method = (Reflect.getMetadata(METHOD, handler) as RequestMethod | undefined) ?? RequestMethod.GET;
    const folders = module ? texts(Reflect.getMetadata(MODULE_PATH + this.modules.applicationId, module)) : [''];
    const prefixes = texts(Reflect.getMetadata(PATH, controller));
    const paths = texts(Reflect.getMetadata(PATH, handler));
    return folders
      .flatMap((folder) => prefixes.flatMap((prefix) => paths.map((path) => joinPaths(folder, prefix, path))))
      .map((path) => ({
        method: RequestMethod[method],
        path: this.#hasNoPrefix(path, method) ? path : joinPaths(this.config.getGlobalPrefix(), path),
        ...sealing,
        controller: controller.name,
        handler: handler.name,
      }));
  }

  /** Whether `setGlobalPrefix(…, { exclude })` leaves the route out. */
  #hasNoPrefix(path: string, method: RequestMethod): boolean {
    const { exclude = [] } = this.config.getGlobalPrefixOptions();
    return exclude.some(
      ({ requestMethod, pathRegex }) =>
        (requestMethod === RequestMethod.ALL || requestMethod === method) && pathRegex.test(path),
    );
  }
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
