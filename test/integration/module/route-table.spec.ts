import { expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import fc from 'fast-check';
import { E2eRoutes } from '../../../src/index.js';
import { sealDocument } from '../../../src/swagger/index.js';
import { onEachPlatform, TestApp } from '../e2e/support/apps.js';
import { appSpec, endpointsOf, setupOf, type Endpoint } from './support/generated.js';

const keyOf = ({ method, path, version }: Endpoint['listed']): string => [method, path, version].join(' ');

interface Directions {
  readonly request: boolean;
  readonly response: boolean;
}

/** At start there is one for each path and version. */
function lineOf({ method, path, version }: Endpoint['listed'], { request, response }: Directions): string {
  const directions = request && response ? 'request and response' : request ? 'request' : 'response';
  return `log Sealed {${path}, ${method}}${version === undefined ? '' : ` (version: ${version})`}: ${directions} E2eModule`;
}

/** What the OpenAPI document says of the endpoints; of those with a version in a header, it has one for all versions. */
function expectDocumented(nest: INestApplication, endpoints: readonly Endpoint[]): void {
  const document = sealDocument(nest, SwaggerModule.createDocument(nest, new DocumentBuilder().build()));
  const found: Record<string, unknown> = {};
  const expected: Record<string, Directions | undefined> = {};
  for (const { method, listed, sealing } of endpoints) {
    if (listed.path.includes('*')) continue;
    const path = listed.path.replace(':id', '{id}');
    const operations = document.paths[path] as unknown as Record<string, { 'x-e2e-encryption'?: Directions }>;
    const place = `${method} ${path}`;
    const { request = false, response = false } = expected[place] ?? {};
    found[place] = operations[method.toLowerCase()]!['x-e2e-encryption'];
    const either = { request: request || sealing.request, response: response || sealing.response };
    expected[place] = either.request || either.response ? either : undefined;
  }
  expect(found).toEqual(expected);
}

onEachPlatform('Of every kind of controller', (platform) => {
  it('a route is listed and documented as sealed if, and only if, it refuses plain requests', async () => {
    await fc.assert(
      fc.asyncProperty(appSpec, async (spec) => {
        const endpoints = endpointsOf(spec, platform);
        const app = await TestApp.start(platform, setupOf(spec, platform));
        try {
          const listed = new Map(
            app
              .get(E2eRoutes)
              .list()
              .map(({ request, response, ...route }) => [keyOf(route), { request, response }]),
          );
          const channel = await app.visitor().handshake('X25519');
          for (const endpoint of endpoints) {
            const { method, target, headers, sealing, is } = endpoint;
            const plain = await app.visitor().send({ method, target, headers });
            const refused = plain.status === 415 && plain.body.includes('urn:e2e:problem:message-required');
            const found = { endpoint, refused, listed: listed.get(keyOf(endpoint.listed)) };
            const isSealed = sealing.request || sealing.response;
            expect(found).toEqual({ endpoint, refused: isSealed, listed: isSealed ? sealing : undefined });
            if (!isSealed) expect(JSON.parse(plain.body)).toEqual({ is });
            else if (sealing.response) {
              const sealed = await channel.request(method, target, undefined, { headers });
              expect(JSON.parse(sealed.text)).toEqual({ is });
            } else {
              const answer = await channel.post(channel.message(method, target), { headers });
              expect(JSON.parse(answer.body)).toEqual({ is });
            }
          }
          const sealed = endpoints.filter(({ sealing }) => sealing.request || sealing.response);
          expect([...listed.keys()].sort()).toEqual(sealed.map((each) => keyOf(each.listed)).sort());
          const logged = app.log.lines.filter((line) => line.startsWith('log Sealed {'));
          expect(logged.sort()).toEqual(sealed.map(({ listed, sealing }) => lineOf(listed, sealing)).sort());
          expectDocumented(app.nest, endpoints);
        } finally {
          await app.close();
        }
      }),
      { numRuns: 12 },
    );
  });
});
