import { ConfigurableModuleBuilder, type Provider } from '@nestjs/common';
import { E2E_GIVEN, E2E_PATH, type E2eExtras, type E2eOptions } from '../options/e2e.options.js';
import { createHandshakeController } from '../exchange/handshake.controller.js';
import { checkExtras } from '../options/option-check.js';

/** `forRoot` and `forRootAsync`; the path is not among the options since a controller's path is fixed before any factory runs. */
export const { ConfigurableModuleClass, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } = new ConfigurableModuleBuilder<E2eOptions>({
  optionsInjectionToken: E2E_GIVEN,
})
  .setClassMethodName('forRoot')
  .setExtras<E2eExtras>({ path: 'e2e', decorators: [], isGlobal: true }, (definition, extras) => {
    const { path, decorators, isGlobal } = checkExtras(extras);
    return {
      ...definition,
      global: isGlobal,
      controllers: [createHandshakeController(path, decorators)],
      providers: [...(definition.providers ?? []).map(explained), { provide: E2E_PATH, useValue: path }],
    };
  })
  .build();

/** An error of the application's factory would stop the start without saying where it came from. */
function explained(provider: Provider): Provider {
  if (typeof provider === 'function' || provider.provide !== E2E_GIVEN || !('useFactory' in provider)) return provider;
  const { useFactory } = provider;
  const explain = async (...args: unknown[]): Promise<unknown> => {
    try {
      return (await useFactory(...args)) as unknown;
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : 'it threw what is no Error';
      throw new Error(
        `E2eModule: useFactory, or create() of useClass or useExisting, returned no options: ${message}`,
        {
          cause,
        },
      );
    }
  };
  return { ...provider, useFactory: explain };
}
