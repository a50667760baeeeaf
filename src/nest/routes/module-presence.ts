import { Inject, Injectable, type CanActivate, type OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { E2E_OPTIONS } from '../options/e2e.options.js';

/**
 * Comes with `@Encrypted()`, as a guard, so that Nest makes one wherever a route is declared sealed: without the module
 * nobody would seal it, and it would answer in the clear as if nothing were amiss.
 */
@Injectable()
export class ModulePresence implements CanActivate, OnModuleInit {
  #isThere = false;

  constructor(@Inject(ModulesContainer) private readonly modules: ModulesContainer) {}

  /** Not when it is made: unit tests put a controller alone into a module, and call its methods. */
  onModuleInit(): void {
    const modules = [...this.modules.values()];
    this.#isThere = modules.some(({ providers }) => providers.has(E2E_OPTIONS));
    if (this.#isThere) return;
    const users = modules.filter(({ injectables }) => injectables.has(ModulePresence));
    throw new Error(
      `E2eModule is not imported, and @Encrypted() stands in ${users.map(({ name }) => name).join(', ')}: its routes would ` +
        'answer in the clear. Put E2eModule.forRoot() into the imports of the root module.',
    );
  }

  canActivate(): boolean {
    return this.#isThere;
  }
}
