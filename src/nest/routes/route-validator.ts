import { Inject, Injectable, type Type } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import type { Sealing } from './encrypted.decorator.js';
import { GatewayTable } from './gateway-table.js';
import { GATEWAY, MESSAGE_HANDLER, methodsOf, nameOf, PATH, RESOLVER } from './nest-metadata.js';
import type { Method } from './nest-metadata.js';
import { PathValidator } from './path-validator.js';
import { RouteTable, type ControllerMethod } from './route-table.js';
import { declaredOnClass, declaredOnMethod, seals } from './sealing-resolver.js';

const ELSEWHERE =
  'What travels there is not sealed. Take @Encrypted() off (or mark the method @Plain(), where it stands on the class), ' +
  'and where its content must not be read, seal it yourself: KeyService.open() and KeyService.seal().';
const BY_PATH =
  'GraphQL is sealed by its path, and not by its resolvers: E2eModule.forRoot({ sealedPaths: ["/graphql"] }). Set that ' +
  'option, and take @Encrypted() off.';
const NO_ADAPTER =
  'Its sockets are sealed under an adapter of this package alone: app.useWebSocketAdapter(new E2eWsAdapter(app)), from ' +
  "'nestjs-e2e-encryption/ws', or E2eIoAdapter, from 'nestjs-e2e-encryption/socket.io', before the application starts. " +
  'Or take @Encrypted() off.';
const WHOLE =
  'A sealed socket carries all messages of a gateway: put @Encrypted() or @Plain() on the class, without options, and ' +
  'take it off the method.';
const NO_HANDLER =
  'It seals the routes of controllers, and nothing else: put it on a controller or on a route handler.';

const GATEWAY_KIND = 'WebSocket gateway';
const RESOLVER_KIND = 'GraphQL resolver';

interface Place {
  readonly name: string;
  readonly what: string;
  readonly fix: string;
}

/** Where `@Encrypted()` stands, and where it must not: what is declared sealed and would go in the clear. */
@Injectable()
export class RouteValidator {
  constructor(
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
    @Inject(RouteTable) private readonly table: RouteTable,
    @Inject(GatewayTable) private readonly gateways: GatewayTable,
    @Inject(PathValidator) private readonly paths: PathValidator,
  ) {}

  /**
   * Refuses at start what can never work.
   *
   * @throws Error that names the class or the handler and says what to do.
   */
  check(): void {
    for (const { name, what, fix } of this.#misplaced()) {
      throw new Error(`E2eModule: @Encrypted() has no effect on ${name}: it is ${what}. ${fix}`);
    }
    for (const method of this.table.methods) if (method.isRoute) this.#checkRoute(method);
    this.paths.check();
  }

  /** What answers beside HTTP routes, and was not declared plain. */
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
        `E2eModule: ${name} is a route and a message handler in one, and @Encrypted() would seal the route alone. Make ` +
          'two methods of it, and mark the message handler @Plain().',
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
      const [what, fix] = kind ? [`a ${kind}`, BY_PATH] : ['a class that is no controller', NO_HANDLER];
      if (onClass(provider)) yield { name: provider.name, what, fix };
      for (const method of methodsOf(this.scanner, provider)) {
        if (!onMethod(method)) continue;
        yield { name: nameOf(method), what: kind ? `a method of a ${kind}` : 'a method of no controller', fix };
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
    // A controller may be a provider, too, for others to call it.
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

// What is declared: `undefined` for nothing, `false` for `@Plain()`.

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
