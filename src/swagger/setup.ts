import type { INestApplication } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { SwaggerModule, type OpenAPIObject, type SwaggerCustomOptions } from '@nestjs/swagger';
import type { E2eClientOptions } from '../client/options.js';
import { clientFile, CLIENT_ROUTES, LOADER } from './client-files.js';
import { sealDocument, type SealDocumentOptions } from './seal-document.js';

/** The client's options that can be written into a page. */
export type SealedSwaggerClientOptions = Pick<
  E2eClientOptions,
  'baseUrl' | 'path' | 'keyKind' | 'rsaModulusLength' | 'identityKeys' | 'sealQuery' | 'padding' | 'maxResponseSize'
> & {
  readonly credentials?: RequestCredentials;
  /** A device key that the page makes and keeps, for servers that require one. */
  readonly deviceKey?: boolean;
};

/** Those of `SwaggerModule.setup`, those of `sealDocument`, and three. */
export interface SealedSwaggerOptions extends SwaggerCustomOptions, SealDocumentOptions {
  /** The path of Swagger UI. Default `'api'`. */
  readonly path?: string;
  /**
   * Where the document is as it was given, for code generators: the bodies in it are those inside the messages. Default
   * the path and `-plain-json`, such as `'api-plain-json'`; `false` for nowhere, as with `raw: false`.
   */
  readonly plainJsonDocumentUrl?: string | false;
  /** For the client in the page. Where the handshake is, it knows from the document. */
  readonly client?: SealedSwaggerClientOptions;
}

/** What is used of Express' response and of Fastify's reply. */
interface Reply {
  status(code: number): Reply;
  type(mediaType: string): Reply;
  send(body: string): unknown;
}

const FOLDER = 'e2e-client';

/**
 * `SwaggerModule.setup` for an application with sealed routes: `sealDocument` marks the document, and "Try it out" in
 * Swagger UI seals requests and opens responses with the client, which this application then serves. If that plug-in
 * cannot be loaded, Swagger UI does not start, so it sends nothing in the clear.
 *
 * @param document the document, or a function that creates it for the first request.
 * @throws Error if the application has no E2eModule.
 *
 * @example
 * const document = SwaggerModule.createDocument(app, new DocumentBuilder().setTitle('Notes').build());
 * setupSealedSwagger(app, document); // at /api
 */
export function setupSealedSwagger(
  app: INestApplication,
  document: OpenAPIObject | (() => OpenAPIObject),
  { path = 'api', client = {}, problems, plainJsonDocumentUrl, ...options }: SealedSwaggerOptions = {},
): void {
  const seal = (given: OpenAPIObject) => sealDocument(app, given, problems && { problems });
  let made: OpenAPIObject | undefined;
  const plain = typeof document === 'function' ? () => (made ??= document()) : document;
  const sealed = typeof plain === 'function' ? () => seal(plain()) : seal(plain);
  const place = placeOf(app, path, options.useGlobalPrefix);
  // The page is at `place` and at `place/`. As SwaggerModule does, its files are served for either.
  const name = place.slice(place.lastIndexOf('/') + 1);
  const isShown = options.ui ?? options.swaggerUiEnabled ?? true;
  if (isShown) serveClient(app, [...new Set([place, `${place}/${name}`])]);

  const { plugins = [downloadUrl], ...swaggerOptions } = (options.swaggerOptions ?? {}) as Record<string, unknown>;
  SwaggerModule.setup(path, app, sealed, {
    ...options,
    customJs: [`./${name && `${name}/`}${FOLDER}/${LOADER}`, ...[options.customJs ?? []].flat()],
    swaggerOptions: { ...swaggerOptions, e2e: client, plugins: [plugins, sealing].flat() },
  });
  const { raw = true } = options;
  if (plainJsonDocumentUrl !== false && (raw === true || (raw && raw.includes('json')))) {
    const jsonDocumentUrl = plainJsonDocumentUrl ?? `${path}-plain-json`;
    const noPage = { ui: false, swaggerUiEnabled: false };
    SwaggerModule.setup(path, app, plain, { ...options, ...noPage, jsonDocumentUrl, raw: ['json'] });
  }
}

function placeOf(app: INestApplication, path: string, useGlobalPrefix = false): string {
  const prefix = useGlobalPrefix ? app.get(ApplicationConfig, { strict: false }).getGlobalPrefix() : '';
  const parts = `${prefix}/${path}`.split('/').filter((part) => part !== '');
  return parts.map((part) => `/${part}`).join('');
}

function serveClient(app: INestApplication, places: readonly string[]): void {
  const adapter = app.getHttpAdapter();
  for (const route of places.flatMap((place) => CLIENT_ROUTES.map((file) => `${place}/${FOLDER}/${file}`))) {
    adapter.get(route, ({ params }: { params: Record<string, string> }, reply: Reply) => {
      const { folder, inner, file } = params;
      const text = clientFile([folder, inner, file].filter((part) => part !== undefined).join('/'));
      reply.status(text === undefined ? 404 : 200);
      reply.type('text/javascript').send(text ?? '');
    });
  }
}

// Both are serialized into a script of Swagger UI's page, so they must not use anything from this scope.

interface SwaggerUiPage {
  SwaggerUIBundle: { plugins: { DownloadUrl: (...given: unknown[]) => unknown } };
  /** Of swagger-ui/plugin.ts. */
  sealedSwaggerUi: (...given: unknown[]) => unknown;
}

/** The one that `SwaggerModule.setup` gives where no plug-ins are named. */
const downloadUrl = function (...given: unknown[]): unknown {
  return (globalThis as unknown as SwaggerUiPage).SwaggerUIBundle.plugins.DownloadUrl(...given);
};

const sealing = function (...given: unknown[]): unknown {
  return (globalThis as unknown as SwaggerUiPage).sealedSwaggerUi(...given);
};
