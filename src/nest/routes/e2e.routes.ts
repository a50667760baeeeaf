import { Inject, Injectable } from '@nestjs/common';
import type { Sealing } from './encrypted.decorator.js';
import { RouteTable } from './route-table.js';
import { seals } from './sealing-resolver.js';

/** A route with at least one sealed direction. */
export interface SealedRoute extends Sealing {
  /** Upper case; `ALL` for `@All()`. */
  readonly method: string;
  /** With the global prefix, the paths of `RouterModule`, and the version where that is part of the URI. */
  readonly path: string;
  /** The version, wherever a request names it; `undefined` where the route has none. */
  readonly version?: string;
  readonly controller: string;
  readonly handler: string;
}

/** The list of what is sealed. */
@Injectable()
export class E2eRoutes {
  constructor(@Inject(RouteTable) private readonly table: RouteTable) {}

  /** Every sealed route, in the order in which Nest registers them; one for each path and version. */
  list(): SealedRoute[] {
    return this.table.routes
      .filter(({ of }) => seals(of.sealing))
      .flatMap(({ method, path, versions, of }) =>
        versions.map((version) => ({
          method,
          path,
          ...(version !== undefined && { version }),
          ...of.sealing,
          controller: of.owner.name,
          handler: of.name,
        })),
      );
  }
}
