import { describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { sealDocument, setupSealedSwagger, type SealedSwaggerOptions } from '../../../src/swagger/index.js';
import { onEachPlatform, TestApp, useApp, type PlatformName } from '../e2e/support/apps.js';
import { ThingController } from './support/things.js';
import { faultsOf } from './support/validate.js';

type Json = Record<string, unknown>;

const controllers = [ThingController];

function create(app: INestApplication): OpenAPIObject {
  return SwaggerModule.createDocument(app, new DocumentBuilder().setTitle('Things').build());
}

async function read(app: TestApp, path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(app.url + path);
  return { status: response.status, text: await response.text() };
}

onEachPlatform('setupSealedSwagger', (platform: PlatformName) => {
  // What Swagger UI needs of Fastify, jest cannot load: its page is tried out in test/browser.
  const ui = platform === 'express';
  const app = useApp(platform, {
    controllers,
    configure: (nest) => {
      nest.setGlobalPrefix('v');
      setupSealedSwagger(nest, create(nest), { ui, path: 'docs' });
      setupSealedSwagger(nest, () => create(nest), {
        ui: false,
        path: 'lazy',
        problems: 'default',
        useGlobalPrefix: true,
        patchDocumentOnRequest: (_request, _response, document) => ({
          ...document,
          info: { ...document.info, title: 'Patched' },
        }),
      });
      const noPage = { ui: false };
      const plainJsonDocumentUrl = 'gen/openapi.json';
      setupSealedSwagger(nest, create(nest), { ...noPage, path: 'named', useGlobalPrefix: true, plainJsonDocumentUrl });
      setupSealedSwagger(nest, create(nest), { ...noPage, path: 'none', plainJsonDocumentUrl: false });
      setupSealedSwagger(nest, create(nest), { ...noPage, path: 'yaml', raw: ['yaml'] });
      setupSealedSwagger(nest, create(nest), { ...noPage, path: 'off', raw: false });
    },
  });

  it('serves the sealed document, and a valid one', async () => {
    const { status, text } = await read(app(), '/docs-json');
    expect(status).toBe(200);
    const document = JSON.parse(text) as Json;
    expect(document).toEqual(JSON.parse(JSON.stringify(sealDocument(app().nest, create(app().nest)))));
    expect(document).toHaveProperty(['paths', '/v/things', 'post', 'requestBody', 'content', 'application/jose']);
    expect(faultsOf(document)).toEqual([]);
    expect((await read(app(), '/docs-yaml')).text).toContain('application/jose');
  });

  it('serves the document as it was given beside it, for code generators', async () => {
    const document = JSON.parse((await read(app(), '/docs-plain-json')).text) as Json;
    expect(document).toEqual(JSON.parse(JSON.stringify(create(app().nest))));
    expect(JSON.stringify(document)).not.toContain('application/jose');
    expect(document).toHaveProperty(['paths', '/v/things', 'post', 'requestBody', 'content', 'application/json']);
    expect(JSON.parse((await read(app(), '/v/lazy-plain-json')).text)).toHaveProperty('info.title', 'Patched');
    expect(JSON.parse((await read(app(), '/v/gen/openapi.json')).text)).toEqual(document);
    for (const nowhere of [
      '/docs-plain-yaml',
      '/v/named-plain-json',
      '/none-plain-json',
      '/yaml-plain-json',
      '/off-plain-json',
    ]) {
      expect({ nowhere, status: (await read(app(), nowhere)).status }).toEqual({ nowhere, status: 404 });
    }
  });

  it('takes a function for the document, and the options of SwaggerModule.setup', async () => {
    const document = JSON.parse((await read(app(), '/v/lazy-json')).text) as Json;
    expect(document).toHaveProperty('info.title', 'Patched');
    expect(document).toHaveProperty(['paths', '/v/things', 'post', 'x-e2e-encryption']);
    expect((await read(app(), '/v/lazy')).status).toBe(404);
    expect(document).toHaveProperty(['paths', '/v/things', 'post', 'responses', 'default']);
    expect(document).not.toHaveProperty(['paths', '/v/things', 'post', 'responses', '428']);
    expect((await read(app(), '/v/lazy/e2e-client/swagger-ui/load.js')).status).toBe(404);
  });
});

describe('the page of setupSealedSwagger', () => {
  async function pageOf(options: SealedSwaggerOptions): Promise<{ html: string; script: string }> {
    const configure = (nest: INestApplication) => setupSealedSwagger(nest, create(nest), options);
    const app = await TestApp.start('express', { controllers, configure });
    try {
      const [html, script] = await Promise.all([read(app, '/api'), read(app, '/api/swagger-ui-init.js')]);
      return { html: html.text, script: script.text };
    } finally {
      await app.close();
    }
  }

  it('loads the plug-in before what the application adds, and has no script in itself', async () => {
    const { html, script } = await pageOf({ customJs: ['/own.js'], client: { keyKind: 'X25519', deviceKey: true } });
    const sources = [...html.matchAll(/<script src=['"]([^'"]+)['"]>/g)].map(([, source]) => source);
    expect(sources.slice(-2)).toEqual(['./api/e2e-client/swagger-ui/load.js', '/own.js']);
    expect(html).not.toMatch(/<script>/);
    expect(script).toMatch(/"e2e": \{\s*"keyKind": "X25519",\s*"deviceKey": true\s*\}/);
  });

  it('has the plug-ins that the application names, and else the one that it would have', async () => {
    const plugins = (script: string) => /"plugins": \[([^]*?)\n {4}\]/.exec(script)![1]!;
    const usual = plugins((await pageOf({})).script);
    expect(usual).toMatch(/DownloadUrl[^]*sealedSwaggerUi/);
    const own = function mine() {
      return {};
    };
    const named = plugins((await pageOf({ swaggerOptions: { plugins: [own] } })).script);
    expect(named).toMatch(/function mine[^]*sealedSwaggerUi/);
    expect(named).not.toContain('DownloadUrl');
  });

  it('keeps the other options of Swagger UI', async () => {
    const { script } = await pageOf({ swaggerOptions: { persistAuthorization: true } });
    expect(script).toContain('"persistAuthorization": true');
  });
});
