import { Inject, Injectable, type Type } from '@nestjs/common';
import { ApplicationConfig, MetadataScanner, ModulesContainer } from '@nestjs/core';
import { E2E_OPTIONS, E2E_PATH, type E2eOptions } from '../options/e2e.options.js';
import { PLAIN, type Sealing } from './encrypted.decorator.js';
import { GatewayTable } from './gateway-table.js';
import { GRAPHQL_OPTIONS, methodsOf, nameOf, RESOLVER, type Method } from './nest-metadata.js';
import { RouteTable } from './route-table.js';
import { SealedPaths } from './sealed-paths.js';
import { declaredOnClass, declaredOnMethod, seals } from './sealing-resolver.js';

/** What is used of the options of `@nestjs/graphql`. */
interface GraphqlOptions {
  readonly path?: string;
  readonly useGlobalPrefix?: boolean;
}

/** Whether what is declared and the option `sealedPaths` go together. */
@Injectable()
export class PathValidator {
  constructor(
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
    @Inject(E2E_OPTIONS) private readonly options: E2eOptions,
    @Inject(E2E_PATH) private readonly handshakePath: string,
    @Inject(RouteTable) private readonly table: RouteTable,
    @Inject(GatewayTable) private readonly gateways: GatewayTable,
    @Inject(SealedPaths) private readonly paths: SealedPaths,
  ) {}

  /** @throws Error that names what stands against what, and says what to do. */
  check(): void {
    this.#checkRoutes();
    this.#checkGateways();
    this.#checkResolvers();
  }

  #checkRoutes(): void {
    for (const { path, of } of this.table.routes) {
      if (!this.paths.covers(path)) continue;
      if (['handshake', 'identity'].some((name) => path.endsWith(`/${this.handshakePath}/${name}`))) {
        throw new Error(
          `E2eModule: the option "sealedPaths" covers the handshake's own path, ${path}, and a handshake cannot be sealed. ` +
            'Remove that path from the option, or set the module option "path" to another one.',
        );
      }
      const declared = declaredOn(of);
      if (declared && !(declared.request && declared.response)) throw new Error(contrary(nameOf(of), path, declared));
    }
  }

  #checkGateways(): void {
    for (const { owner, path, port, isSealed } of this.gateways.gateways) {
      if (!this.paths.covers(path)) continue;
      const declared = declaredOnClass(owner, owner.prototype as object);
      if (port !== 0) {
        // A server of its own, which the option does not reach.
        if (isPlain(declared) || (isSealed && this.gateways.isSealing)) continue;
        throw new Error(elsewhere(owner.name, path, port));
      }
      if (isPlain(declared)) throw new Error(contrary(owner.name, path, PLAIN));
      if (isSealed && this.gateways.isSealing) throw new Error(sealedTwice(owner.name, path));
    }
  }

  #checkResolvers(): void {
    const resolvers = this.#resolvers();
    const paths = this.#graphqlPaths();
    // Of a library for GraphQL other than Nest's own the path shows nowhere.
    const isSealed = paths.length > 0 ? paths.every((path) => this.paths.covers(path)) : this.paths.list.length > 0;
    for (const resolver of resolvers) {
      const onClass = declaredOnClass(resolver, resolver.prototype as object);
      const plain = methodsOf(this.scanner, resolver).find((method) => isPlain(declaredOnMethod(method)));
      if (isSealed && (isPlain(onClass) || plain)) {
        const name = plain ? nameOf(plain) : resolver.name;
        throw new Error(contrary(name, paths[0] ?? 'the path of GraphQL', PLAIN));
      }
      if (!isSealed && this.options.encryptByDefault && !isPlain(onClass)) {
        throw new Error(
          `E2eModule: with the option "encryptByDefault" everything is sealed, and the GraphQL resolver ${resolver.name} would ` +
            `answer in the clear. Add its path to the option "sealedPaths": ['${paths[0] ?? '/graphql'}']. Or mark the ` +
            'resolver @Plain().',
        );
      }
    }
  }

  #resolvers(): Type<unknown>[] {
    const classes = [...this.modules.values()].flatMap(({ providers }) =>
      [...providers.values()].map(({ metatype }) => metatype as unknown),
    );
    const isResolver = (each: unknown): each is Type<unknown> =>
      typeof each === 'function' && Reflect.hasMetadata(RESOLVER, each);
    return [...new Set(classes.filter(isResolver))];
  }

  /** Where `@nestjs/graphql` answers. */
  #graphqlPaths(): string[] {
    const found: unknown[] = [...this.modules.values()].map(
      ({ providers }) => providers.get(GRAPHQL_OPTIONS)?.instance,
    );
    const given = found.filter((each): each is GraphqlOptions => typeof each === 'object' && each !== null);
    return given.map(({ path = '/graphql', useGlobalPrefix = false }) => {
      const prefix = useGlobalPrefix ? this.config.getGlobalPrefix() : '';
      return `/${[...prefix.split('/'), ...path.split('/')].filter((segment) => segment !== '').join('/')}`;
    });
  }
}

/** What a method, or else its class, declares. */
function declaredOn(method: Method): Sealing | undefined {
  return declaredOnMethod(method) ?? declaredOnClass(method.owner, method.prototype);
}

function isPlain(declared: Sealing | undefined): boolean {
  return declared !== undefined && !seals(declared);
}

function sealedTwice(name: string, path: string): string {
  return (
    `E2eModule: ${name} accepts sealed sockets at ${path}, and the option "sealedPaths" would seal them again. ` +
    'Move it to another path, or remove that path from the option.'
  );
}

function elsewhere(name: string, path: string, port: number): string {
  return (
    `E2eModule: ${name} listens on its own port ${port} at ${path}, which the option "sealedPaths" does not seal. ` +
    'Mark it @Encrypted() (under E2eWsAdapter or E2eIoAdapter), or @Plain() if it is meant to be in the clear.'
  );
}

function contrary(name: string, path: string, declared: Sealing): string {
  const says = seals(declared) ? 'is declared to seal only one direction' : 'is @Plain()';
  return (
    `E2eModule: ${name} ${says}, and responds at ${path}, where the option "sealedPaths" seals everything, both ways. ` +
    'Move it to another path, or remove its declaration.'
  );
}
