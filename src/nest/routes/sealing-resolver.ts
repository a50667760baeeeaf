import { Inject, Injectable, type ExecutionContext, type Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { E2E_OPTIONS, type E2eOptions } from '../options/e2e.options.js';
import { PLAIN, SEALING_METADATA, type Sealing } from './encrypted.decorator.js';

const SEALED: Sealing = { request: true, response: true };

/** Reads which directions of a route are sealed: the method's decorator, or else the class's, or else the default. */
@Injectable()
export class SealingResolver {
  readonly #default: Sealing;
  /** What was read, by handler: it stands in the code, and is asked for with every request. */
  readonly #known = new WeakMap<object, { readonly controller: Type; readonly sealing: Sealing }>();

  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(E2E_OPTIONS) { encryptByDefault }: E2eOptions,
  ) {
    this.#default = encryptByDefault ? SEALED : PLAIN;
  }

  /** Handler and class as Nest's `ExecutionContext` names them. */
  of(handler: ReturnType<ExecutionContext['getHandler']>, controller: Type): Sealing {
    const known = this.#known.get(handler);
    // A handler that is inherited belongs to several controllers.
    if (known?.controller === controller) return known.sealing;
    const targets = [handler, controller];
    const sealing = this.reflector.getAllAndOverride<Sealing | undefined>(SEALING_METADATA, targets) ?? this.#default;
    this.#known.set(handler, { controller, sealing });
    return sealing;
  }
}
