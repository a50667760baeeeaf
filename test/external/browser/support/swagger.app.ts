import fastifyHelmet from '@fastify/helmet';
import multipart from '@fastify/multipart';
import { Body, Controller, Module, Post, VersioningType, type INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import helmet from 'helmet';
import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto';
import { E2eModule, Encrypted, type E2eExtras, type E2eOptions, type SigningJwk } from '../../../../src/index.js';
import { setupSealedSwagger, type SealedSwaggerOptions } from '../../../../src/swagger/index.js';
import { ExpressFileController, FastifyFileController } from '../../../integration/swagger/support/files.js';
import { ThingController } from '../../../integration/swagger/support/things.js';

@Encrypted()
@Controller('token')
class TokenController {
  @Post()
  give(@Body() { username }: { username: string }): object {
    return { access_token: `token-of-${username}`, token_type: 'bearer' };
  }
}

const isExpress = process.argv[2] === 'express';
const FileController = isExpress ? ExpressFileController : FastifyFileController;

function application(configure: (app: INestApplication) => void, e2e: E2eOptions & E2eExtras = {}) {
  @Module({
    imports: [E2eModule.forRoot({ keyPool: { size: 1 }, ...e2e })],
    controllers: [ThingController, TokenController, FileController],
  })
  class AppModule {
    static configure = configure;
  }
  return AppModule;
}

function setUp(app: INestApplication, options: SealedSwaggerOptions): void {
  setupSealedSwagger(app, SwaggerModule.createDocument(app, new DocumentBuilder().setTitle('Things').build()), options);
}

const client = { keyKind: 'X25519' } as const;

/** With the policies that helmet sets unless told otherwise. */
export const Usual = application((app) => {
  if (isExpress) app.use(helmet());
  else {
    void (app as NestFastifyApplication).register(fastifyHelmet);
    void (app as NestFastifyApplication).register(multipart);
  }
  setUp(app, { client });
});

/** As it comes: RSA, and no policy that would want HTTPS. */
export const Bare = application((app) => setUp(app, {}));

export const Prefixed = application(
  (app) => {
    app.setGlobalPrefix('v');
    app.enableVersioning({ type: VersioningType.URI, defaultVersion: '3' });
    setUp(app, { client, path: 'docs/things', useGlobalPrefix: true });
  },
  { path: 'secure/channel' },
);

const identity = generateKeyPairSync('ed25519');

function pinsOf({ publicKey }: KeyPairKeyObjectResult): SigningJwk[] {
  return [publicKey.export({ format: 'jwk' }) as SigningJwk];
}

/** Paths without the prefix, which the server's URL has; and a sealed route that gives tokens for passwords. */
export const Servers = application((app) => {
  app.setGlobalPrefix('v');
  const config = new DocumentBuilder()
    .addServer('/v')
    .addOAuth2({ type: 'oauth2', flows: { password: { tokenUrl: '/v/token', scopes: {} } } })
    .build();
  const document = SwaggerModule.createDocument(app, config, { ignoreGlobalPrefix: true });
  setupSealedSwagger(app, document, { client });
});

/** Three pages: with the right pin and with another, and with an interceptor. */
export const Pages = application(
  (app) => {
    setUp(app, { path: 'right', client: { ...client, identityKeys: pinsOf(identity) } });
    setUp(app, { path: 'wrong', client: { ...client, identityKeys: pinsOf(generateKeyPairSync('ed25519')) } });
    setUp(app, {
      path: 'intercepted',
      client,
      swaggerOptions: {
        // What a page's own interceptor may do: give back another object than it was given.
        requestInterceptor: ({ url, method, headers, body }: Record<string, unknown>) => ({
          url,
          method,
          headers,
          body,
        }),
      },
    });
  },
  { identityKey: identity.privateKey },
);

/** A server that takes only handshakes with a device key: Express alone has it. */
export const Device = application(
  (app) => setUp(app, { client: { ...client, deviceKey: true } }),
  isExpress ? { deviceBinding: 'required' } : {},
);
