import { Inject, Injectable, type Type } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import type { Sealing } from './encrypted.decorator.js';
import { FieldRoutes } from './field-routes.js';
import { GatewayTable } from './gateway-table.js';
import { GATEWAY, MESSAGE_HANDLER, methodsOf, nameOf, PATH, RESOLVER } from './nest-metadata.js';
import type { Method } from './nest-metadata.js';
import { PathValidator } from './path-validator.js';
import { RouteTable, type ControllerMethod } from './route-table.js';
import { declaredOnClass, declaredOnMethod, seals } from './sealing-resolver.js';

const ELSEWHERE =
  'Its messages are not sealed. Remove @Encrypted() (or mark the method @Plain(), if the decorator is on the class). If ' +
  'the content must be secret, seal it yourself with KeyService.open() and KeyService.seal().';
const BY_PATH =
  'GraphQL is sealed by its path, not by its resolvers. Set E2eModule.forRoot({ sealedPaths: ["/graphql"] }), and remove ' +
  '@Encrypted().';
const NO_ADAPTER =
  'Its sockets are sealed only under an adapter of this package. Call app.useWebSocketAdapter(new E2eWsAdapter(app)), from ' +
  "'nestjs-e2e-encryption/ws', or use E2eIoAdapter, from 'nestjs-e2e-encryption/socket.io', before the application starts. " +
  'Or remove @Encrypted().';
const WHOLE =
  'A sealed socket carries all messages of a gateway. Put @Encrypted() or @Plain() on the class, without options, and ' +
  'remove it from the method.';
const NO_HANDLER = 'It seals only the routes of controllers. Put it on a controller or on a route handler.';

const GATEWAY_KIND = 'WebSocket gateway';
const RESOLVER_KIND = 'GraphQL resolver';

interface Place {
  readonly name: string;
  readonly what: string;
  readonly fix: string;
}

/** Checks where `@Encrypted()` is used, so that nothing that is declared sealed leaves in the clear. */
@Injectable()
export class RouteValidator {
  constructor(
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
    @Inject(RouteTable) private readonly table: RouteTable,
    @Inject(GatewayTable) private readonly gateways: GatewayTable,
    @Inject(PathValidator) private readonly paths: PathValidator,
    @Inject(FieldRoutes) private readonly fields: FieldRoutes,
  ) {}

  /**
   * Stops the start on declarations that can never work.
   *
   * @throws Error that names the class or the handler and says what to do.
   */
  check(): void {
    for (const { name, what, fix } of this.#misplaced()) {
      throw new Error(`E2eModule: @Encrypted() has no effect on ${name}: it is ${what}. ${fix}`);
    }
    for (const method of this.table.methods) if (method.isRoute) this.#checkRoute(method);
    this.paths.check();
    this.fields.check();
  }

  /** Gateways, resolvers and message handlers that are not declared plain. */
  *unsealed(): Generator<string> {
    for (const provider of this.#providers()) {
      const what = kindOf(provider);
      // Without an option of their own, resolvers have stopped the start (path-validator.ts).
      if (what === RESOLVER_KIND || (what === GATEWAY_KIND && this.gateways.isSealing)) continue;
      if (what && onClass(provider) === undefined) yield `${provider.name} (${what})`;
    }
    for (const method of this.table.methods) {
      if (isMessageHandler(method) && (onMethod(method) ?? onClass(method.owner)) === undefined) {
        yield `${nameOf(method)} (message handler)`;
      }
    }
  }

  #checkRoute(method: ControllerMethod): void {
    const name = nameOf(method);
    if (isMessageHandler(method) && (onMethod(method) ?? onClass(method.owner))) {
      throw new Error(
        `E2eModule: ${name} is both a route and a message handler, and @Encrypted() would seal only the route. Split it ` +
          'into two methods, and mark the message handler @Plain().',
      );
    }
  }

  *#misplaced(): Generator<Place> {
    for (const provider of this.#providers()) {
      const kind = kindOf(provider);
      if (kind === GATEWAY_KIND) {
        yield* this.#misplacedOnGateway(provider);
        continue;
      }
      const [what, fix] = kind ? [`a ${kind}`, BY_PATH] : ['a class that is not a controller', NO_HANDLER];
      if (onClass(provider)) yield { name: provider.name, what, fix };
      for (const method of methodsOf(this.scanner, provider)) {
        if (!onMethod(method)) continue;
        yield { name: nameOf(method), what: kind ? `a method of a ${kind}` : 'a method outside a controller', fix };
      }
    }
    for (const method of this.table.methods) {
      if (method.isRoute) continue;
      const name = nameOf(method);
      if (isMessageHandler(method)) {
        if (onMethod(method) ?? onClass(method.owner)) yield { name, what: 'a message handler', fix: ELSEWHERE };
      } else if (onMethod(method)) {
        yield { name, what: 'a method without @Get(), @Post() or the like', fix: NO_HANDLER };
      }
    }
  }

  *#misplacedOnGateway(gateway: Type<unknown>): Generator<Place> {
    const { name } = gateway;
    const { isSealing } = this.gateways;
    const declared = declaredOnClass(gateway, gateway.prototype as object);
    if (declared && seals(declared)) {
      if (!isSealing) yield { name, what: `a ${GATEWAY_KIND}`, fix: NO_ADAPTER };
      const isWhole = declared.request && declared.response;
      if (!isWhole) yield { name, what: `a ${GATEWAY_KIND}, and seals one way`, fix: WHOLE };
    }
    for (const method of methodsOf(this.scanner, gateway)) {
      const sealsMethod = onMethod(method);
      if (sealsMethod || (sealsMethod === false && isSealing)) {
        yield { name: nameOf(method), what: `a method of a ${GATEWAY_KIND}`, fix: WHOLE };
      }
    }
  }

  /** Services, gateways and resolvers; and guards, pipes, interceptors and filters, wherever they are used. */
  #providers(): Type<unknown>[] {
    const all = [...this.modules.values()].flatMap(({ providers, injectables }) => [
      ...classesOf(providers),
      ...classesOf(injectables),
    ]);
    // A controller can also be a provider, so that other classes can call it.
    return [...new Set(all)].filter((provider) => !Reflect.hasMetadata(PATH, provider));
  }
}

function classesOf(wrappers: ReadonlyMap<unknown, { metatype: unknown; isNotMetatype: boolean }>): Type<unknown>[] {
  return [...wrappers.values()]
    .filter(({ isNotMetatype }) => !isNotMetatype)
    .map(({ metatype }) => metatype)
    .filter((metatype): metatype is Type<unknown> => typeof metatype === 'function' && Boolean(metatype.prototype));
}

function kindOf(provider: Type<unknown>): string | undefined {
  if (Reflect.hasMetadata(GATEWAY, provider)) return GATEWAY_KIND;
  return Reflect.hasMetadata(RESOLVER, provider) ? RESOLVER_KIND : undefined;
}

// The declaration: `undefined` if there is none, `false` for `@Plain()`.

function onClass(owner: Type<unknown>): boolean | undefined {
  return isSealing(declaredOnClass(owner, owner.prototype as object));
}

function onMethod(method: Method): boolean | undefined {
  return isSealing(declaredOnMethod(method));
}

function isSealing(declared: Sealing | undefined): boolean | undefined {
  return declared && seals(declared);
}

function isMessageHandler({ handler }: Method): boolean {
  return Reflect.hasMetadata(MESSAGE_HANDLER, handler);
}
