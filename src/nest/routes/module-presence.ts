import { Inject, Injectable, type CanActivate, type OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { E2E_OPTIONS } from '../options/e2e.options.js';

/**
 * A guard that comes with `@Encrypted()`, so that Nest creates one in every module with a sealed route. Without E2eModule,
 * such a route would silently respond in the clear.
 */
@Injectable()
export class ModulePresence implements CanActivate, OnModuleInit {
  #isThere = false;

  constructor(@Inject(ModulesContainer) private readonly modules: ModulesContainer) {}

  /** Checks here, not in the constructor: unit tests put a controller alone into a module and call its methods. */
  onModuleInit(): void {
    const modules = [...this.modules.values()];
    this.#isThere = modules.some(({ providers }) => providers.has(E2E_OPTIONS));
    if (this.#isThere) return;
    const users = modules.filter(({ injectables }) => injectables.has(ModulePresence));
    const names = users.map(({ name }) => name).join(', ');
    if (modules.some(({ name }) => name === 'E2eModule')) {
      throw new Error(
        `There are two copies of nestjs-e2e-encryption: ${names} uses @Encrypted() of one, and E2eModule is from the ` +
          'other, so the routes would respond in the clear. Find the copies with `npm ls nestjs-e2e-encryption`, and ' +
          'install one version for the whole application.',
      );
    }
    throw new Error(
      `E2eModule is not imported, but ${names} uses @Encrypted(): its routes would ` +
        'respond in the clear. Add E2eModule.forRoot() to the imports of the root module.',
    );
  }

  canActivate(): boolean {
    return this.#isThere;
  }
}
