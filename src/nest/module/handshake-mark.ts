import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import { E2E_PATH } from '../options/e2e.options.js';

/** Where `nestjs-e2e-encryption/testing` looks for it: that entry imports nothing of this one. */
const MARK = Symbol.for('nestjs-e2e-encryption.handshake');

/**
 * Notes the path of the handshake on the HTTP server, so that tests with the application, or only its server, find it.
 */
@Injectable()
export class HandshakeMark implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
    @Inject(E2E_PATH) private readonly path: string,
  ) {}

  onModuleInit(): void {
    // A microservice or a command has no adapter, or one without a server.
    const adapter = this.host.httpAdapter as AbstractHttpAdapter | undefined;
    const server = adapter?.getHttpServer() as object | undefined;
    if (server) Object.assign(server, { [MARK]: { path: this.path, prefix: this.config.getGlobalPrefix() } });
  }
}
