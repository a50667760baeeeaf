import { Inject, Injectable, type ExecutionContext, type Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { E2E_OPTIONS, type E2eOptions } from './e2e.options.js';
import { PLAIN, SEALING_METADATA, type Sealing } from './encrypted.decorator.js';

const SEALED: Sealing = { request: true, response: true };

/** Reads which directions of a route are sealed: the method's decorator, or else the class's, or else the default. */
@Injectable()
export class SealingReader {
  readonly #default: Sealing;

  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(E2E_OPTIONS) { encryptByDefault }: E2eOptions,
  ) {
    this.#default = encryptByDefault ? SEALED : PLAIN;
  }

  /** Handler and class as Nest's `ExecutionContext` names them. */
  of(handler: ReturnType<ExecutionContext['getHandler']>, controller: Type): Sealing {
    const targets = [handler, controller];
    return this.reflector.getAllAndOverride<Sealing | undefined>(SEALING_METADATA, targets) ?? this.#default;
  }
}
