import { Inject, Injectable, Logger, type ExecutionContext, type Type } from '@nestjs/common';
import { ApplicationConfig, MetadataScanner, ModulesContainer } from '@nestjs/core';
import { matchedRouteOf, rawResponse, type MatchedRoute } from '../request/exchange-state.js';
import { RateLimitedLogger } from '../request/rate-limited-logger.js';
import type { Sealing } from './encrypted.decorator.js';
import { FILTERS, methodsOf, nameOf, PATH, type Method } from './nest-metadata.js';
import { RoutePaths, type RoutePath } from './route-paths.js';
import { seals, SealingResolver, strictest } from './sealing-resolver.js';

/** A method of a controller, and which directions are sealed where it is a route. */
export interface ControllerMethod extends Method {
  readonly sealing: Sealing;
  readonly isRoute: boolean;
}

/** A route, under one of its paths. */
export interface Route extends RoutePath {
  readonly of: ControllerMethod;
}

interface Controller {
  readonly methods: readonly ControllerMethod[];
  readonly routes: readonly ControllerMethod[];
  /** The routes that a function of the prototype is: none, or one; several where it has several names. */
  readonly byHandler: ReadonlyMap<unknown, readonly ControllerMethod[]>;
}

interface Table {
  readonly methods: readonly ControllerMethod[];
  readonly routes: readonly Route[];
  readonly byClass: ReadonlyMap<unknown, Controller>;
  readonly haveFilters: boolean;
}

/**
 * Every route of the application, made of its classes and the names of their methods, as Nest makes its own. What is
 * listed, logged and documented as sealed is read here, and so is what is enforced.
 */
@Injectable()
export class RouteTable {
  readonly #log = new RateLimitedLogger(new Logger('E2eModule'));
  #table: Table | undefined;

  constructor(
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
    @Inject(SealingResolver) private readonly sealing: SealingResolver,
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
  ) {}

  /** From here on the table stays as it is: Nest registers the routes. */
  freeze(): void {
    this.#table = this.#read();
  }

  /** The methods of all controllers, each once. */
  get methods(): readonly ControllerMethod[] {
    return (this.#table ?? this.#read()).methods;
  }

  /** Whether routes have exception filters of their own, beside global ones. */
  get haveFilters(): boolean {
    return (this.#table ?? this.#read()).haveFilters;
  }

  /** In the order in which Nest registers them. */
  get routes(): readonly Route[] {
    return (this.#table ?? this.#read()).routes;
  }

  /**
   * What the route that a request reached seals; `undefined` if it is not a route: queues' consumers, bots
   * and the like, which libraries call through Nest, have the context type 'http' as well unless the library says
   * otherwise.
   *
   * The router has said which route it is (route-registration.ts). The function and the class that Nest names may be
   * others than those of the table (bound, wrapped, of a Proxy), so they decide nothing by themselves; where they are in
   * the table and say something else, what either seals is sealed.
   */
  sealingOf(context: ExecutionContext): Sealing | undefined {
    if (context.getType() !== 'http') return undefined;
    const matched = matchedRouteOf(context.getArgByIndex(0));
    if (!matched && !isHttpResponse(context.getArgByIndex(1))) return undefined;
    const controller = (this.#table ??= this.#read()).byClass.get(context.getClass());
    const named = controller?.byHandler.get(context.getHandler());
    const possible = named ?? controller?.routes ?? [];
    if (matched) {
      const agrees = possible.length === 0 || possible.includes(matched as ControllerMethod);
      return agrees ? matched.sealing : this.#strictest([matched, ...possible]);
    }
    return named ? strictest(named.map(({ sealing }) => sealing)) : this.#strictest(possible);
  }

  #strictest(possible: readonly MatchedRoute[]): Sealing | undefined {
    const sealing = strictest(possible.map((each) => each.sealing));
    if (sealing && seals(sealing)) {
      const names = [...new Set(possible.map(nameOf))].join(', ');
      this.#log.say(
        'error',
        `A request reached one of these routes, but it is unknown which one: ${names}. The strictest declaration was ` +
          'applied. Let Nest call the methods of the controller and register its routes.',
      );
    }
    return sealing;
  }

  #read(): Table {
    const byClass = new Map<unknown, Controller>();
    const routes: Route[] = [];
    for (const { controllers, metatype: module } of this.modules.values()) {
      for (const { metatype, instance } of controllers.values()) {
        if (typeof metatype !== 'function') continue;
        const owner = metatype as Type<unknown>;
        const controller = byClass.get(owner) ?? this.#controller(owner, instance);
        byClass.set(owner, controller);
        const paths = new RoutePaths(this.config, this.modules.applicationId, module, owner);
        routes.push(...paths.of(controller.routes).map(({ method, at }) => ({ ...at, of: method })));
      }
    }
    const methods = [...byClass.values()].flatMap((controller) => controller.methods);
    return { methods, routes, byClass, haveFilters: methods.some(hasFilters) };
  }

  #controller(owner: Type<unknown>, instance: object | null): Controller {
    // A constructor may give an object of another class, and Nest reads the routes off its prototype.
    const prototype = instance ? (Object.getPrototypeOf(instance) as object) : (owner.prototype as object);
    const methods = methodsOf(this.scanner, owner, prototype).map((method) => ({
      ...method,
      isRoute: Reflect.hasMetadata(PATH, method.handler),
      sealing: this.sealing.of(method),
    }));
    const routes = methods.filter(({ isRoute }) => isRoute);
    const ofHandler = ({ handler }: ControllerMethod): ControllerMethod[] =>
      routes.filter((each) => each.handler === handler);
    return { methods, routes, byHandler: new Map(methods.map((method) => [method.handler, ofHandler(method)])) };
  }
}

function hasFilters({ owner, prototype, handler }: Method): boolean {
  return [owner, prototype, prototype.constructor, handler].some((each) => Reflect.hasMetadata(FILTERS, each));
}

function isHttpResponse(response: unknown): boolean {
  if (typeof response !== 'object' || response === null) return false;
  return typeof (rawResponse(response) as { writeHead?: unknown }).writeHead === 'function';
}
