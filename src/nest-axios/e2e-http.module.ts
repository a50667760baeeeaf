import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigurableModuleClass, type ASYNC_OPTIONS_TYPE, type OPTIONS_TYPE } from './e2e-http.module-definition.js';

/**
 * Sealed HTTP from one server to another: provides an `E2eHttpService` for one upstream server. Register it once for each
 * upstream, with a `name` if there are several. The service closes its client when the application shuts down.
 *
 * @example
 * @Module({
 *   imports: [
 *     E2eHttpModule.register({
 *       baseUrl: 'https://billing.internal',
 *       keyKind: 'X25519',
 *       identityKeys: [process.env.BILLING_THUMBPRINT!],
 *       axios: { timeout: 5_000 },
 *     }),
 *   ],
 * })
 * export class AppModule {}
 */
@Module({})
export class E2eHttpModule extends ConfigurableModuleClass {
  /**
   * Options that are known when the module is declared.
   *
   * @throws TypeError when the application starts, if an option is wrong. It names the upstream.
   */
  static override register(options: typeof OPTIONS_TYPE): DynamicModule {
    return super.register(options);
  }

  /** Options from `useFactory`, `useClass` or `useExisting`. Put `name` and `isGlobal` beside it. */
  static override registerAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.registerAsync(options);
  }
}
