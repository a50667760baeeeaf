import { Inject, Injectable } from '@nestjs/common';
import { SEALED, type Sealing } from './encrypted.decorator.js';
import { RouteTable, type Route } from './route-table.js';
import { SealedPaths } from './sealed-paths.js';
import { seals, strictest } from './sealing-resolver.js';

/** A route with at least one sealed direction. */
export interface SealedRoute extends Sealing {
  /** Upper case; `ALL` for `@All()`. */
  readonly method: string;
  /** With the global prefix, the paths of `RouterModule`, and the version if it is part of the URI. */
  readonly path: string;
  /** The version, wherever it is in a request; `undefined` if the route has none. */
  readonly version?: string;
  readonly controller: string;
  readonly handler: string;
}

/**
 * Lists what is sealed.
 *
 * @example
 * for (const { method, path, request, response } of app.get(E2eRoutes).list()) show({ method, path, request, response });
 */
@Injectable()
export class E2eRoutes {
  constructor(
    @Inject(RouteTable) private readonly table: RouteTable,
    @Inject(SealedPaths) private readonly paths: SealedPaths,
  ) {}

  /** The option `sealedPaths`: everything under these paths is sealed. */
  sealedPaths(): readonly string[] {
    return this.paths.list;
  }

  /**
   * Every sealed route of a controller, in the order in which Nest registers them; one for each path and version. Those
   * under a sealed path are among them.
   */
  list(): SealedRoute[] {
    return this.table.routes
      .map((route) => ({ ...route, sealing: this.#sealingOf(route) }))
      .filter(({ sealing }) => seals(sealing))
      .flatMap(({ method, path, versions, of, sealing }) =>
        versions.map((version) => ({
          method,
          path,
          ...(version !== undefined && { version }),
          ...sealing,
          controller: of.owner.name,
          handler: of.name,
        })),
      );
  }

  #sealingOf({ path, of }: Route): Sealing {
    return this.paths.covers(path) ? strictest([of.sealing, SEALED])! : of.sealing;
  }
}
