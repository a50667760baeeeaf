import { Inject, Injectable, type Type } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { SEALING_METADATA, type Sealing } from './encrypted.decorator.js';
import {
  FASTIFY_SCHEMA,
  GATEWAY,
  MESSAGE_HANDLER,
  methodsOf,
  PATH,
  RESOLVER,
  SSE,
  type Handler,
} from './nest-metadata.js';
import { SealingResolver } from './sealing-resolver.js';

const ELSEWHERE =
  'What travels there is not sealed. Take @Encrypted() off (or mark the method @Plain(), where it stands on the class), ' +
  'and where its content must not be read, seal it yourself: KeyService.open() and KeyService.seal().';
const NO_HANDLER =
  'It seals the routes of controllers, and nothing else: put it on a controller or on a route handler.';

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
    @Inject(SealingResolver) private readonly sealing: SealingResolver,
  ) {}

  /**
   * Refuses at start what can never work.
   *
   * @throws Error that names the class or the handler and says what to do.
   */
  check(): void {
    for (const { name, what, fix } of this.#misplaced()) {
      throw new Error(`E2eModule: @Encrypted() stands on ${name}, which is no HTTP route but ${what}. ${fix}`);
    }
    for (const controller of this.#controllers()) {
      for (const handler of methodsOf(this.scanner, controller)) this.#checkRoute(controller, handler);
    }
  }

  /** What answers beside HTTP routes, and was not declared plain. */
  *unsealed(): Generator<string> {
    for (const provider of this.#providers()) {
      const what = kindOf(provider);
      if (what && declaredOn(provider) === undefined) yield `${provider.name} (${what})`;
    }
    for (const controller of this.#controllers()) {
      for (const handler of methodsOf(this.scanner, controller)) {
        const declared = declaredOn(handler) ?? declaredOn(controller);
        if (isMessageHandler(handler) && declared === undefined) {
          yield `${nameOf(controller, handler)} (message handler)`;
        }
      }
    }
  }

  #checkRoute(controller: Type<unknown>, handler: Handler): void {
    if (!Reflect.hasMetadata(PATH, handler)) return;
    const name = nameOf(controller, handler);
    if (Reflect.getMetadata(SSE, handler) !== undefined && this.sealing.of(handler, controller).response) {
      throw new Error(
        `E2eModule: ${name} is an @Sse() stream, which cannot be sealed yet. Mark it @Plain(), or send plain values by another route.`,
      );
    }
    const schema = Reflect.getMetadata(FASTIFY_SCHEMA, handler) as object | undefined;
    const checked = ['body', 'querystring', 'query'].find((part) => schema && part in schema);
    if (checked !== undefined && this.sealing.of(handler, controller).request) {
      throw new Error(
        `E2eModule: ${name} has a @RouteSchema() for its ${checked}, which Fastify checks before the message is opened, ` +
          'and so would refuse every request. Check it by a pipe, such as ValidationPipe; schemas for answers may stay.',
      );
    }
    if (isMessageHandler(handler) && (declaredOn(handler) ?? declaredOn(controller))) {
      throw new Error(
        `E2eModule: ${name} is a route and a message handler in one, and @Encrypted() would seal the route alone. Make ` +
          'two methods of it, and mark the message handler @Plain().',
      );
    }
  }

  *#misplaced(): Generator<Place> {
    for (const provider of this.#providers()) {
      const kind = kindOf(provider);
      const [what, fix] = kind ? [`a ${kind}`, ELSEWHERE] : ['a class that is no controller', NO_HANDLER];
      if (declaredOn(provider)) yield { name: provider.name, what, fix };
      for (const handler of methodsOf(this.scanner, provider)) {
        if (!declaredOn(handler)) continue;
        yield {
          name: nameOf(provider, handler),
          what: kind ? `a method of a ${kind}` : 'a method of no controller',
          fix,
        };
      }
    }
    for (const controller of this.#controllers()) {
      for (const handler of methodsOf(this.scanner, controller)) {
        if (Reflect.hasMetadata(PATH, handler)) continue;
        const name = nameOf(controller, handler);
        if (isMessageHandler(handler)) {
          if (declaredOn(handler) ?? declaredOn(controller)) yield { name, what: 'a message handler', fix: ELSEWHERE };
        } else if (declaredOn(handler)) {
          yield { name, what: 'a method without @Get(), @Post() or the like', fix: NO_HANDLER };
        }
      }
    }
  }

  #controllers(): Type<unknown>[] {
    return [...this.modules.values()].flatMap(({ controllers }) => classesOf(controllers));
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
  if (Reflect.hasMetadata(GATEWAY, provider)) return 'WebSocket gateway';
  return Reflect.hasMetadata(RESOLVER, provider) ? 'GraphQL resolver' : undefined;
}

/** `undefined` where nothing is declared, `false` for `@Plain()`. */
function declaredOn(target: object): boolean | undefined {
  const sealing = Reflect.getMetadata(SEALING_METADATA, target) as Sealing | undefined;
  return sealing && (sealing.request || sealing.response);
}

function isMessageHandler(handler: Handler): boolean {
  return Reflect.hasMetadata(MESSAGE_HANDLER, handler);
}

function nameOf({ name }: Type<unknown>, handler: Handler): string {
  return `${name}.${handler.name}()`;
}
