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

/** Where the library of an adapter has its sockets. */
export interface GatewayPaths {
  /** Of a gateway that names none. */
  readonly defaultPath: string;
  /** Whether the library takes what lies below a path, too. */
  readonly takesBelow: boolean;
  /** Why gateways of one path are sealed alike, as the end of a sentence. */
  readonly why: string;
}

/** Where an adapter says that it seals the gateways that ask for it. */
const SEALS_SOCKETS = Symbol.for('nestjs-e2e-encryption.sockets');

/** Has the table know an adapter as one that seals. */
export function markSealingAdapter(adapter: object, paths: GatewayPaths): void {
  Object.defineProperty(adapter, SEALS_SOCKETS, { value: paths });
}

/** Every WebSocket gateway of the application, made of its classes as Nest makes its own. */
@Injectable()
export class GatewayTable {
  #taken: readonly string[] | undefined;

  constructor(
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(SealingResolver) private readonly sealing: SealingResolver,
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
  ) {}

  /** Whether the application's adapter seals sockets. */
  get isSealing(): boolean {
    return this.#paths !== undefined;
  }

  get gateways(): readonly Gateway[] {
    const providers = [...this.modules.values()].flatMap((module) => [...module.providers.values()]);
    const classes = providers.map(({ metatype }) => metatype as unknown);
    const owners = classes.filter((each): each is Type<unknown> => typeof each === 'function' && isGateway(each));
    return [...new Set(owners)].map((owner) => ({
      owner,
      port: (Reflect.getMetadata(GATEWAY_PORT, owner) as number | undefined) ?? 0,
      path: this.#pathOf((Reflect.getMetadata(GATEWAY_OPTIONS, owner) as { path?: string } | undefined)?.path),
      isSealed: seals(this.sealing.ofClass(owner)),
    }));
  }

  /**
   * Whether sockets that are asked for there are sealed.
   *
   * @throws Error if a sealed gateway and one that is not would share their sockets.
   */
  isSealed(port: number, path: string | undefined): boolean {
    const wanted = this.#pathOf(path);
    const here = this.gateways.filter(
      (each) => each.port === port && (this.#takes(each.path, wanted) || this.#takes(wanted, each.path)),
    );
    const sealed = here.find(({ isSealed }) => isSealed);
    const plain = here.find(({ isSealed }) => !isSealed);
    if (sealed && plain) throw new Error(shared(sealed, plain, this.#paths?.why));
    return sealed !== undefined;
  }

  /** Whether a plain request to this target of the application's own server is one to a sealed gateway. */
  takes(target: string): boolean {
    this.#taken ??= this.#readPaths();
    if (this.#taken.length === 0) return false;
    const path = slashed(target.split('?', 1)[0]);
    return this.#taken.some((each) => this.#takes(each, path));
  }

  #readPaths(): readonly string[] {
    const sealed = this.isSealing ? this.gateways.filter(({ isSealed, port }) => isSealed && port === 0) : [];
    return sealed.map(({ path }) => path);
  }

  /** Of the application's adapter, where that seals. */
  get #paths(): GatewayPaths | undefined {
    // Nest says null where the application has set none.
    const adapter = this.config.getIoAdapter() as object | null | undefined;
    return (adapter as { [SEALS_SOCKETS]?: GatewayPaths } | null | undefined)?.[SEALS_SOCKETS];
  }

  #pathOf(path = this.#paths?.defaultPath): string {
    return slashed(path);
  }

  /** Whether sockets and requests of this target come to the gateways of that path. */
  #takes(path: string, target: string): boolean {
    return target === path || (this.#paths?.takesBelow === true && target.startsWith(slashed(`${path}/`, '/')));
  }
}

function isGateway(owner: object): boolean {
  return Reflect.hasMetadata(GATEWAY, owner);
}

/** As Nest compares them. */
function slashed(path = '', end = ''): string {
  return `/${path}`.replace(/\/+/g, '/').replace(/(.)\/$/, `$1${end}`);
}

function shared(sealed: Gateway, plain: Gateway, why = ''): string {
  const port = sealed.port === 0 ? '' : ` of port ${sealed.port}`;
  const places = sealed.path === plain.path ? `at ${sealed.path}` : `at ${sealed.path} and ${plain.path}`;
  return (
    `E2eModule: ${sealed.owner.name} is sealed and ${plain.owner.name} is not, but both accept sockets ${places}` +
    `${port}: ${why}. Give one of them its own path, or declare both alike.`
  );
}
