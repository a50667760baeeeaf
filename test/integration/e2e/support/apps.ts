import { afterAll, beforeAll, describe } from '@jest/globals';
import {
  Module,
  type DynamicModule,
  type INestApplication,
  type MiddlewareConsumer,
  type NestApplicationOptions,
  type ModuleMetadata,
  type NestModule,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { AddressInfo, Server } from 'node:net';
import { createE2eClient, type E2eClient, type E2eClientOptions } from '../../../../src/client/index.js';
import { E2eModule, type E2eExtras, type E2eOptions } from '../../../../src/index.js';
import { Visitor } from '../../../external/conformance/channel.js';
import { Log } from './log.js';
import { Tap } from './tap.js';

export const PLATFORMS = ['express', 'fastify'] as const;
export type PlatformName = (typeof PLATFORMS)[number];

/** A Nest application, as a user of the package would write it. */
export interface Setup extends Pick<ModuleMetadata, 'controllers' | 'providers' | 'imports'> {
  /** Of `E2eModule.forRoot()`; or the module itself; or `false` for an application without it. */
  readonly e2e?: (E2eOptions & E2eExtras) | DynamicModule | false;
  /** What stands in main.ts between `create` and `listen`. */
  readonly configure?: (app: INestApplication, platform: PlatformName) => unknown;
  /** The root module's `configure`. */
  readonly middleware?: (consumer: MiddlewareConsumer) => void;
  /** Of `NestFactory.create`. */
  readonly options?: Pick<NestApplicationOptions, 'bodyParser' | 'rawBody'>;
  /** A Fastify adapter with options of its own. */
  readonly fastify?: () => FastifyAdapter;
}

/** A running application; all that reaches it goes through the tap. */
export class TestApp {
  readonly #clients: E2eClient[] = [];

  private constructor(
    readonly nest: INestApplication,
    readonly tap: Tap,
    readonly log: Log,
  ) {}

  static async start(platform: PlatformName, setup: Setup): Promise<TestApp> {
    const log = new Log();
    const nest = await createNest(platform, setup, log);
    try {
      await setup.configure?.(nest, platform);
      await nest.listen(0, '127.0.0.1');
    } catch (error) {
      await nest.close();
      throw error;
    }
    const { port } = (nest.getHttpServer() as Server).address() as AddressInfo;
    return new TestApp(nest, await Tap.before(port), log);
  }

  get url(): string {
    return this.tap.url;
  }

  /** The real client, with a cookie jar of its own. */
  client(options: E2eClientOptions = {}): E2eClient {
    const client = createE2eClient({ baseUrl: this.url, keyKind: 'X25519', ...options });
    this.#clients.push(client);
    return client;
  }

  /** A client written from the protocol's text alone, which sends whatever it is told to. */
  visitor(): Visitor {
    return new Visitor(this.url);
  }

  get<T>(token: Type<T>): T {
    return this.nest.get(token, { strict: false });
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.tap.close();
    await this.nest.close();
  }
}

/** One application for all tests of a `describe`: started before the first, closed after the last. */
export function useApp(platform: PlatformName, setup: Setup | (() => Setup)): () => TestApp {
  let app: TestApp | undefined;
  beforeAll(async () => {
    app = await TestApp.start(platform, typeof setup === 'function' ? setup() : setup);
  });
  afterAll(() => app?.close());
  return () => {
    if (!app) throw new Error('the application is not running');
    return app;
  };
}

/** The one suite, on both platforms. */
export function onEachPlatform(subject: string, suite: (platform: PlatformName) => void): void {
  describe.each(PLATFORMS)(`${subject} (%s)`, suite);
}

async function createNest(platform: PlatformName, setup: Setup, logger: Log): Promise<INestApplication> {
  const { e2e = {}, imports = [], controllers = [], providers = [] } = setup;
  // RSA pairs are slow to make, and most tests need none: none is made until a handshake asks for it.
  const module = e2e && ('module' in e2e ? e2e : E2eModule.forRoot({ keyPool: { size: 0 }, ...e2e }));

  @Module({ imports: [...(module ? [module] : []), ...imports], controllers, providers })
  class AppModule implements NestModule {
    configure(consumer: MiddlewareConsumer): void {
      setup.middleware?.(consumer);
    }
  }
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its options as a class, and takes literals
  const options: NestApplicationOptions = {
    ...setup.options,
    logger,
    abortOnError: false,
    forceCloseConnections: true,
  };
  return platform === 'express'
    ? NestFactory.create<NestExpressApplication>(AppModule, new ExpressAdapter(), options)
    : NestFactory.create<NestFastifyApplication>(AppModule, setup.fastify?.() ?? new FastifyAdapter(), options);
}
