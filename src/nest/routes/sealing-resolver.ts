import { Inject, Injectable, type Type } from '@nestjs/common';
import { E2E_OPTIONS, type E2eOptions } from '../options/e2e.options.js';
import { PLAIN, SEALED, SEALING_METADATA, type Sealing } from './encrypted.decorator.js';
import type { Method } from './nest-metadata.js';

/** Which directions of a route are sealed: as the method declares, or else the class, or else the default. */
@Injectable()
export class SealingResolver {
  readonly #default: Sealing;

  constructor(@Inject(E2E_OPTIONS) { encryptByDefault }: E2eOptions) {
    this.#default = encryptByDefault ? SEALED : PLAIN;
  }

  /** What a class seals that is sealed as a whole, or not at all. */
  ofClass(owner: Type<unknown>): Sealing {
    return declaredOnClass(owner, owner.prototype as object) ?? this.#default;
  }

  of(method: Method): Sealing {
    return (
      declaredOnMethod(method) ??
      inheritedBy(method) ??
      declaredOnClass(method.owner, method.prototype) ??
      this.#default
    );
  }
}

/**
 * What a method declares itself. `@Encrypted()` writes it on the function, and beside it on the prototype under the
 * method's name, since a decorator that wraps the method may drop what stands on the function. Where the two differ,
 * what either seals is sealed.
 */
export function declaredOnMethod({ prototype, name, handler }: Method): Sealing | undefined {
  const onFunction = Reflect.getMetadata(SEALING_METADATA, handler) as Sealing | undefined;
  const byName = Reflect.getOwnMetadata(SEALING_METADATA, ownerOf(prototype, name), name) as Sealing | undefined;
  return strictest([onFunction, byName]);
}

/** What a class declares, or one that it extends. A decorator may replace the class, and keeps its prototype. */
export function declaredOnClass(owner: object, prototype: object): Sealing | undefined {
  return strictest([owner, prototype].map((target) => Reflect.getMetadata(SEALING_METADATA, target) as Sealing));
}

/** An override without a declaration stays sealed where the method that it overrides is. */
function inheritedBy({ prototype, name }: Method): Sealing | undefined {
  const inherited = Reflect.getMetadata(SEALING_METADATA, prototype, name) as Sealing | undefined;
  return inherited && seals(inherited) ? inherited : undefined;
}

export function seals({ request, response }: Sealing): boolean {
  return request || response;
}

/** What any of them seals, within the least of their limits. */
export function strictest(declared: readonly (Sealing | undefined)[]): Sealing | undefined {
  const known = declared.filter((each) => each !== undefined);
  if (known.length < 2) return known[0];
  const limits = known.map(({ maxStreamSize }) => maxStreamSize).filter((limit) => limit !== undefined);
  return {
    request: known.some(({ request }) => request),
    response: known.some(({ response }) => response),
    ...(limits.length > 0 && { maxStreamSize: Math.min(...limits) }),
  };
}

function ownerOf(prototype: object, name: string): object {
  let owner: object | null = prototype;
  while (owner && !Object.hasOwn(owner, name)) owner = Object.getPrototypeOf(owner) as object | null;
  return owner ?? prototype;
}
