import { ConfigurableModuleBuilder } from '@nestjs/common';
import { E2E_OPTIONS, E2E_PATH, wrong, type E2eExtras, type E2eOptions } from './e2e.options.js';
import { createHandshakeController } from './handshake.controller.js';

/** `forRoot` and `forRootAsync`; the path is not among the options since a controller's path is fixed before any factory runs. */
export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } = new ConfigurableModuleBuilder<E2eOptions>({
  optionsInjectionToken: E2E_OPTIONS,
})
  .setClassMethodName('forRoot')
  .setExtras<E2eExtras>(
    { path: 'e2e', decorators: [], isGlobal: true },
    (definition, { path: given = 'e2e', decorators = [], isGlobal = true }) => {
      const path = given.replace(/^\/+|\/+$/g, '');
      if (path === '') throw wrong('path', "a path such as 'e2e'");
      return {
        ...definition,
        global: isGlobal,
        controllers: [createHandshakeController(path, decorators)],
        providers: [...(definition.providers ?? []), { provide: E2E_PATH, useValue: path }],
      };
    },
  )
  .build();
