import {
  Inject,
  Logger,
  Module,
  type DynamicModule,
  type HttpServer,
  type NestModule,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import { ApplicationConfig, DiscoveryModule, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import type { Server } from 'node:http';
import { E2eEvents } from '../../channel/events.js';
import { tooLarge } from '../../protocol/problem.js';
import { RequestTracker } from '../request/request-tracker.js';
import { BodyReader } from '../request/body-reader.js';
import { missingSecret, UNSHARED_WINDOWS } from '../keys/channel-registry.js';
import { E2eGuard } from '../exchange/e2e.guard.js';
import { E2eInterceptor } from '../exchange/e2e.interceptor.js';
import { HandshakeMark } from './handshake-mark.js';
import { failOnEnd, keepFirst, noteFailures } from './nest-hooks.js';
import { logSealed, warnOfPlain } from './start-log.js';
import { MODULE_SESSION_ON_FASTIFY, TWICE, TWO_SESSIONS } from './start-errors.js';
import { ConfigurableModuleClass, type ASYNC_OPTIONS_TYPE, type OPTIONS_TYPE } from './e2e.module-definition.js';
import {
  E2E_EVENTS,
  E2E_GIVEN,
  E2E_KEYS,
  E2E_OPTIONS,
  E2E_PATH,
  E2E_ROUTES,
  type E2eOptions,
} from '../options/e2e.options.js';
import { E2eRoutes } from '../routes/e2e.routes.js';
import { FieldRoutes } from '../routes/field-routes.js';
import { GatewayTable } from '../routes/gateway-table.js';
import { DefaultSession } from '../keys/default-session.js';
import { E2eHealth } from '../keys/health.js';
import { Exchange } from '../exchange/exchange.js';
import { FieldExchange } from '../exchange/field-exchange.js';
import { PathGate } from '../exchange/path-gate.js';
import { SocketAdmission } from '../exchange/socket-admission.js';
import { rejectUnsafeBody } from '../exchange/plain-request.js';
import { KeyService } from '../keys/key.service.js';
import { KEY_PROVIDERS } from '../keys/providers.js';
import { asOptions, checkAsync, checkOptions } from '../options/option-check.js';
import { watchRegistration } from '../routes/route-registration.js';
import { SealedPaths } from '../routes/sealed-paths.js';
import { RouteTable } from '../routes/route-table.js';
import { PathValidator } from '../routes/path-validator.js';
import { RouteValidator } from '../routes/route-validator.js';
import { noteDefaultParsers } from '../platform/express-parsers.js';
import { moduleSessionOf, noteModuleSessions } from '../platform/module-sessions.js';
import { platformOf } from '../platform/platform-of.js';
import type { Platform } from '../platform/platform.js';
import { RateLimitedLogger } from '../request/rate-limited-logger.js';
import { SealingResolver } from '../routes/sealing-resolver.js';

/**
 * Application-layer encryption for a Nest application: `E2eModule.forRoot()`, then `@Encrypted()` on controllers. Wires
 * the parts; does nothing itself.
 *
 * @example
 * ```ts
 * @Controller('notes')
 * @Encrypted()
 * export class NoteController {
 *   @Post()
 *   create(@Body() note: { title: string }) {
 *     return { id: 1, ...note };
 *   }
 * }
 *
 * @Module({ imports: [E2eModule.forRoot()], controllers: [NoteController] })
 * export class AppModule {}
 * ```
 */
@Module({
  imports: [DiscoveryModule],
  providers: [
    // forRoot() replaces them.
    { provide: E2E_GIVEN, useFactory: refuseBareImport },
    { provide: E2E_PATH, useFactory: refuseBareImport },
    { provide: E2E_OPTIONS, useFactory: checkOptions, inject: [E2E_GIVEN] },
    {
      provide: RequestTracker,
      useFactory: (path: string) => new RequestTracker(`/${path}/handshake`),
      inject: [E2E_PATH],
    },
    { provide: E2E_EVENTS, useFactory: createEvents, inject: [E2E_OPTIONS] },
    { provide: E2E_ROUTES, useClass: E2eRoutes },
    { provide: E2eEvents, useExisting: E2E_EVENTS },
    { provide: E2eRoutes, useExisting: E2E_ROUTES },
    ...KEY_PROVIDERS,
    E2eHealth,
    Exchange,
    FieldExchange,
    FieldRoutes,
    PathGate,
    SealedPaths,
    SealingResolver,
    RouteTable,
    RouteValidator,
    PathValidator,
    GatewayTable,
    SocketAdmission,
    E2eGuard,
    E2eInterceptor,
    HandshakeMark,
  ],
  exports: [KeyService, E2eRoutes, E2eEvents, E2eHealth],
})
export class E2eModule extends ConfigurableModuleClass implements NestModule, OnModuleInit, OnApplicationBootstrap {
  readonly #logger = new Logger('E2eModule');
  #platform: Platform | undefined;
  #registered: (() => void) | undefined;

  constructor(
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(RequestTracker) private readonly tracker: RequestTracker,
    @Inject(DefaultSession) private readonly defaultSession: DefaultSession,
    @Inject(E2eHealth) private readonly health: E2eHealth,
    @Inject(E2E_KEYS) private readonly keys: KeyService,
    @Inject(Exchange) private readonly exchange: Exchange,
    @Inject(FieldExchange) private readonly fields: FieldExchange,
    @Inject(PathGate) private readonly gate: PathGate,
    @Inject(E2E_ROUTES) private readonly routes: E2eRoutes,
    @Inject(RouteTable) private readonly table: RouteTable,
    @Inject(RouteValidator) private readonly validator: RouteValidator,
    @Inject(SocketAdmission) private readonly sockets: SocketAdmission,
    @Inject(E2eGuard) private readonly guard: E2eGuard,
    @Inject(E2eInterceptor) private readonly interceptor: E2eInterceptor,
  ) {
    super();
    noteModuleSessions();
    noteFailures();
    // Test modules get their adapter later, so the parsers of their application are checked one by one.
    const adapter = adapterHost.httpAdapter as HttpServer | undefined;
    if (adapter?.getType() === 'express') noteDefaultParsers(adapter);
    if ([...modules.values()].filter(({ metatype }) => metatype === E2eModule).length > 1) throw new Error(TWICE);
  }

  /** Without options everything has a default. */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(asOptions(options));
  }

  /** Options from `useFactory`, `useClass` or `useExisting`. Put `path`, `decorators` and `isGlobal` beside it. */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    checkAsync(options);
    return super.forRootAsync(options);
  }

  /** While the application initializes: after its own `app.use(…)`, before its routes. */
  async configure(): Promise<void> {
    const { httpAdapter } = this.adapterHost;
    const platform = platformOf(httpAdapter, this.tracker, this.keys.options.maxBodySize);
    this.#platform = platform;
    const server = httpAdapter.getHttpServer() as Server | undefined;
    this.tracker.listen(server, (request, response, arrival) => {
      this.gate.hold(request, response, arrival.target);
      if (this.exchange.watch(request, response, arrival)) platform.preallocateProperties?.(request, response);
    });

    const { hasSecret, hasReplayGuard, maxBodySize, maxBodyDepth, deviceBinding } = this.keys.options;
    const bringsOwn = !this.defaultSession.isCookieless && (this.defaultSession.isOff || platform.hasOwnSession());
    this.health.hasOtherSession = bringsOwn;
    const isForeign = bringsOwn || this.defaultSession.hasForeignStore;
    if (isForeign && !hasSecret) throw new Error(missingSecret());
    // The store of an application's own session is visible only with the first request.
    const mayBeShared = this.defaultSession.hasForeignStore || process.env.NODE_ENV === 'production';
    if (isForeign && !hasReplayGuard && mayBeShared) this.#logger.warn(UNSHARED_WINDOWS);
    if (!isForeign) this.defaultSession.warn();

    const session = bringsOwn || this.defaultSession.isOff ? undefined : this.defaultSession;
    const reader = new BodyReader(maxBodySize, (request, header) => this.keys.precheck(request, header));
    await platform.install(reader, session, {
      watch: (request) => this.keys.watch(request),
      // Of a session that a plain request replaces, only a device key is kept.
      watchSession: (request) => deviceBinding !== 'off' && this.keys.watchLogin(request),
      hold: (request, response, path) => this.gate.hold(request, response, path),
      refuseUnread: (request, response) => this.gate.refuseUnread(request, response),
      enterHeld: (request, response) => this.gate.enter(request, response),
      enter: (request, response) => this.exchange.enterUnrouted(request, response),
      check: (request) => rejectUnsafeBody(request, maxBodyDepth),
      refuseLarge: (request, response) => void this.exchange.refuse(request, response, tooLarge(maxBodySize)),
      sealFields: this.fields.sealFields,
      maxBodySize,
      isCookieless: this.defaultSession.isCookieless,
    });
    if (server) this.gate.holdUpgrades(server);
    this.sockets.readSession = (request) => platform.readSession(request);
    this.exchange.readUnrouted = platform.readUnrouted?.bind(platform);
    this.exchange.decoding = {
      maxBodyDepth,
      sealedHeaders: this.keys.options.sealedHeaders.request,
      parseQuery: (query) => platform.parseQuery(query),
      queryTag: (query) => this.keys.queryTag(query),
      putBody: (request, response, body) => platform.putBody(request, response, body),
      putStream: (request, response) => platform.putStream(request, response),
    };
    failOnEnd(httpAdapter);
    keepFirst(this.config, 'getGlobalGuards', this.guard);
    keepFirst(this.config, 'getGlobalInterceptors', this.interceptor, () => this.#hasFilters);
    // Nest registers the routes once every module is configured.
    this.table.freeze();
    this.#registered = watchRegistration(httpAdapter, this.table.routes);
  }

  /**
   * Whether filters of the application may end what a failed handler began: only an interceptor sees the failure before
   * them, and with any interceptor Nest builds Observables for each request, plain ones too (docs/performance.md).
   */
  get #hasFilters(): boolean {
    const hasGlobal = this.config.getGlobalFilters().length > 0 || this.config.getGlobalRequestFilters().length > 0;
    return hasGlobal || this.table.haveFilters;
  }

  onModuleInit(): void {
    this.validator.check();
    this.#registered?.();
    if (this.defaultSession.isCookieless) return;
    this.#platform?.requireSession();
    if (this.#platform) this.#checkModuleSession(this.#platform);
  }

  onApplicationBootstrap(): void {
    // A microservice or a command: there is no HTTP.
    if (!this.#platform) return;
    this.keys.prepare();
    if (this.keys.options.encryptByDefault) warnOfPlain(this.#logger, [...this.validator.unsealed()]);
    logSealed(this.#logger, this.routes);
  }

  /** A session that a module applies replaces our own, and has the same requirements as one from `app.use()`. */
  #checkModuleSession({ takesModuleSessions }: Platform): void {
    if (!moduleSessionOf(this.adapterHost.httpAdapter)) return;
    this.health.hasOtherSession = true;
    if (!takesModuleSessions) throw new Error(MODULE_SESSION_ON_FASTIFY);
    if (this.defaultSession.hasForeignStore) throw new Error(TWO_SESSIONS);
    if (!this.keys.options.hasSecret) throw new Error(missingSecret());
  }
}

function refuseBareImport(): never {
  throw new Error(
    'E2eModule: do not import the class E2eModule. Import E2eModule.forRoot() or forRootAsync() once, in the root module. ' +
      'Other modules need no import. With isGlobal: false, keep the result of that call in a const and import the const.',
  );
}

function createEvents({ onEvent }: E2eOptions): E2eEvents {
  const log = new RateLimitedLogger(new Logger('E2eModule'));
  return new E2eEvents(onEvent, () =>
    log.say('error', 'The function in the option "onEvent" threw an error. Requests are not affected.'),
  );
}
