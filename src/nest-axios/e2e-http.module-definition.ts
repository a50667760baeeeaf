import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { E2eHttpExtras, E2eHttpOptions } from './e2e-http.options.js';
import { createHttpService, getE2eHttpToken } from './e2e-http.service.js';

const OPTIONS = Symbol('e2e http options');

export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<E2eHttpOptions>({
    optionsInjectionToken: OPTIONS,
    // Two upstream servers with the same options have two channels.
    alwaysTransient: true,
  })
    .setExtras<E2eHttpExtras>({ name: undefined, isGlobal: false }, (definition, { name, isGlobal = false }) => {
      const token = getE2eHttpToken(name);
      const useFactory = (options?: E2eHttpOptions) => createHttpService(options, name);
      return {
        ...definition,
        global: isGlobal,
        providers: [...(definition.providers ?? []), { provide: token, useFactory, inject: [OPTIONS] }],
        exports: [token],
      };
    })
    .build();
