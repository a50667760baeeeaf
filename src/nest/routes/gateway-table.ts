import { Inject, Injectable, type Type } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { GATEWAY, GATEWAY_OPTIONS, GATEWAY_PORT } from './nest-metadata.js';
import { seals, SealingResolver } from './sealing-resolver.js';

/** A WebSocket gateway, and where its sockets are asked for. */
export interface Gateway {
  readonly owner: Type<unknown>;
  /** 0 for the application's own HTTP server. */
  readonly port: number;
  /** With a slash in front, and none at the end. */
  readonly path: string;
  readonly isSealed: boolean;
}

/** Where an adapter says that it seals the gateways that ask for it. */
const SEALS_SOCKETS = Symbol.for('nestjs-e2e-encryption.sockets');

/** Has the table know an adapter as one that seals. */
export function markSealingAdapter(adapter: object): void {
  Object.defineProperty(adapter, SEALS_SOCKETS, { value: true });
}

/** Every WebSocket gateway of the application, made of its classes as Nest makes its own. */
@Injectable()
export class GatewayTable {
  #paths: ReadonlySet<string> | undefined;

  constructor(
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(SealingResolver) private readonly sealing: SealingResolver,
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
  ) {}

  /** Whether the application's adapter seals sockets. */
  get isSealing(): boolean {
    // Nest says null where the application has set none.
    const adapter = this.config.getIoAdapter() as object | null | undefined;
    return adapter != null && SEALS_SOCKETS in adapter;
  }

  get gateways(): readonly Gateway[] {
    const providers = [...this.modules.values()].flatMap((module) => [...module.providers.values()]);
    const classes = providers.map(({ metatype }) => metatype as unknown);
    const owners = classes.filter((each): each is Type<unknown> => typeof each === 'function' && isGateway(each));
    return [...new Set(owners)].map((owner) => ({
      owner,
      port: (Reflect.getMetadata(GATEWAY_PORT, owner) as number | undefined) ?? 0,
      path: pathOf((Reflect.getMetadata(GATEWAY_OPTIONS, owner) as { path?: string } | undefined)?.path),
      isSealed: seals(this.sealing.ofClass(owner)),
    }));
  }

  /**
   * Whether sockets that are asked for there are sealed.
   *
   * @throws Error where a sealed gateway and one that is not would share their sockets.
   */
  isSealed(port: number, path: string | undefined): boolean {
    const here = this.gateways.filter((each) => each.port === port && each.path === pathOf(path));
    const sealed = here.find(({ isSealed }) => isSealed);
    const plain = here.find(({ isSealed }) => !isSealed);
    if (sealed && plain) throw new Error(shared(sealed, plain));
    return sealed !== undefined;
  }

  /** Whether a plain request to this target of the application's own server is one to a sealed gateway. */
  takes(target: string): boolean {
    this.#paths ??= this.#readPaths();
    return this.#paths.size > 0 && this.#paths.has(pathOf(target.split('?', 1)[0]));
  }

  #readPaths(): ReadonlySet<string> {
    const sealed = this.isSealing ? this.gateways.filter(({ isSealed, port }) => isSealed && port === 0) : [];
    return new Set(sealed.map(({ path }) => path));
  }
}

function isGateway(owner: object): boolean {
  return Reflect.hasMetadata(GATEWAY, owner);
}

/** As Nest compares them. */
function pathOf(path = ''): string {
  return `/${path}`.replace(/\/+/g, '/').replace(/(.)\/$/, '$1');
}

function shared(sealed: Gateway, plain: Gateway): string {
  return (
    `E2eModule: ${sealed.owner.name} is sealed, and ${plain.owner.name} is not, and both take their sockets at ` +
    `${sealed.path}${sealed.port === 0 ? '' : ` of port ${sealed.port}`}: Nest gives each of these sockets to both. Give ` +
    'one of them a path of its own, or declare both alike.'
  );
}
