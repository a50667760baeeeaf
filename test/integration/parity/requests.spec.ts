import { expect, it } from '@jest/globals';
import { ValidationPipe, VersioningType, type VersioningOptions } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { onEachPlatform } from '../e2e/support/apps.js';
import { usePair, type Pair, type PairSetup } from './support/compare.js';
import { SeeController, VersionController } from './support/see.js';

const BOUNDARY = 'x-boundary';
const part = (name: string, value: string, more = ''): string =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const MULTIPART = `${part('text', 'hello')}${part('file', 'bytes', '; filename="a.txt"')}--${BOUNDARY}--\r\n`;

const TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'APPLICATION/JSON;charset="UTF-8"',
  'application/problem+json',
  'application/vnd.api+json',
  'application/x-www-form-urlencoded',
  'application/x-www-form-urlencoded; charset=UTF-8',
  'text/plain',
  'text/plain; charset=utf-8',
  'text/csv',
  'text/html',
  'application/octet-stream',
  'application/xml',
  'image/png',
  `multipart/form-data; boundary=${BOUNDARY}`,
];

const BODIES: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>> = {
  object: '{"text":"ü","list":[1,null,{"a":{"b":true}}]}',
  'array, with space around it': ' \r\n\t[1,2] ',
  string: '"text"',
  number: '1.50',
  null: 'null',
  'byte order mark': '\ufeff{"a":1}',
  'byte order mark alone': '\ufeff',
  blank: '  ',
  'no JSON': '{"a":',
  'a word': 'nothing',
  'a member twice': '{"a":1,"a":2}',
  'toString and hasOwnProperty': '{"toString":1,"hasOwnProperty":2,"constructor":3}',
  'flat form': 'a=1&b=two+words&c=%C3%BC&d=',
  'nested form': 'user[name]=ada&user[tags][]=a&user[tags][]=b&list[0]=x&list[2]=y',
  'form of odd shape': 'a&=b&&c=%&a=2&d=%zz&e==',
  'form that says toString': 'toString=1&hasOwnProperty=2',
  bytes: Uint8Array.from({ length: 256 }, (_, index) => index),
  multipart: MULTIPART,
};

const QUERIES = [
  'a=1',
  'a=1&a=2&a=3',
  'a[]=1&a[]=2',
  'a[b]=1&a[c][d]=2',
  'a=',
  'a',
  '=a',
  'a=1&&b=2',
  'a=%C3%BC+x%20y%2B',
  'a=%',
  'a=%zz',
  'a=1,2;b=3',
  'page=2&text=x',
  'toString=1&hasOwnProperty=2&constructor=3',
  "q='()*!~-._:@$/?",
  Array.from({ length: 200 }, (_, index) => `p${index}=${index}`).join('&'),
];

const withMoreParsers: PairSetup['configure'] = (nest, platform) => {
  if (platform === 'express') {
    (nest as NestExpressApplication).useBodyParser('text', { type: 'text/*' }).useBodyParser('raw');
  } else (nest as NestFastifyApplication).useBodyParser(['application/octet-stream', 'text/csv']);
};

const withOtherLimits: PairSetup['configure'] = (nest, platform) => {
  if (platform === 'express') {
    (nest as NestExpressApplication).useBodyParser('json', { limit: '1mb' }).useBodyParser('urlencoded');
  } else (nest as NestFastifyApplication).useBodyParser('application/json', { bodyLimit: 1 << 20 });
};

const withLenientParsers: PairSetup['configure'] = (nest, platform) => {
  if (platform === 'express') {
    const type = ['application/json', 'application/*+json'];
    const reviver = (key: string, value: unknown): unknown => (key === 'a' ? { revived: value } : value);
    (nest as NestExpressApplication)
      .useBodyParser('json', { strict: false, type, reviver })
      .useBodyParser('urlencoded', { extended: false });
  } else {
    (nest as NestFastifyApplication).useBodyParser(/^application\/[\w.]+\+json/, {}, (_request, body, done) => {
      done(null, { own: body.toString('latin1') });
    });
  }
};

/** There, an application that names a type's limit on Fastify gets its bytes: docs/platforms.md has the difference. */
const IS_NEST11 = process.env.SUITE === 'nest11';

const SETUPS: readonly (readonly [name: string, setup: PairSetup])[] = [
  ['with Nest’s parsers', {}],
  ['that keeps raw bodies', { options: { rawBody: true } }],
  ['with other limits', { configure: withOtherLimits }],
  ['with other limits, that keeps raw bodies', { options: { rawBody: true }, configure: withOtherLimits }],
  ['with parsers for text and bytes', { options: { rawBody: true }, configure: withMoreParsers }],
  ['with lenient parsers of its own', { configure: withLenientParsers }],
  [
    'with ValidationPipe({ whitelist: true })',
    { configure: (nest) => nest.useGlobalPipes(new ValidationPipe({ whitelist: true })) },
  ],
];

/**
 * Each body of each type goes to one of them in turn. So each body goes to all of them in each application, each type
 * does too, and each body of each type in one of the applications.
 */
const BODY_PATHS = ['/see', '/see/dto', '/see/member?page=1&page=2', '/see/raw-body', '/see/read'];

/** Values of Express' setting "query parser". Fastify has the application's own function in its place. */
const QUERY_PARSERS = { express: ['simple', 'extended', false], fastify: [undefined] } as const;

onEachPlatform('A sealed query gives its handler what the plain one does', (platform) => {
  for (const parser of QUERY_PARSERS[platform]) {
    const pair = usePair(platform, {
      controllers: [SeeController],
      configure: (nest) => parser !== undefined && (nest as NestExpressApplication).set('query parser', parser),
    });

    it.each(QUERIES.map((query) => [query.slice(0, 30), query]))(`parser ${parser}: %s`, async (_, query) => {
      await expectSame(pair(), `/see?${query}`, {});
      await expectSame(pair(), `/see/params/%C3%BC%20x?${query}`, {});
      await expectSame(pair(), `/see?${query}`, { method: 'PUT' });
      await expectSame(pair(), `/see/member?${query}`, { method: 'POST', body: new URLSearchParams('text=a') });
    });
  }
});

onEachPlatform('Without a body, a sealed request is what the plain one is', (platform) => {
  const pair = usePair(platform, { controllers: [SeeController] });

  it.each(['GET', 'POST', 'PUT', 'OPTIONS', 'PATCH', 'DELETE'])('%s', async (method) => {
    await expectSame(pair(), '/see', { method });
    await expectSame(pair(), '/see/params/1', { method });
    await expectSame(pair(), '/see', { method, headers: { 'x-http-method-override': 'PUT' } });
  });
});

const VERSIONINGS: readonly (readonly [VersioningOptions, (version: string) => Record<string, string>])[] = [
  [{ type: VersioningType.HEADER, header: 'x-version' }, (version) => ({ 'x-version': version })],
  [{ type: VersioningType.MEDIA_TYPE, key: 'v=' }, (version) => ({ accept: `application/json;v=${version}` })],
];

onEachPlatform('A version in a header chooses the route', (platform) => {
  for (const [versioning, headersOf] of VERSIONINGS) {
    const pair = usePair(platform, {
      controllers: [VersionController],
      configure: (nest) => nest.enableVersioning(versioning),
    });

    it(VersioningType[versioning.type], async () => {
      for (const version of ['1', '2', '3']) {
        const headers = { 'content-type': 'application/json', ...headersOf(version) };
        await expectSame(pair(), '/versions', { method: 'POST', headers, body: '{"a":1}' });
      }
    });
  }
});

async function expectSame(pair: Pair, path: string, init: RequestInit): Promise<void> {
  const { plain, sealed } = await pair.both(path, init);
  expect({ path, ...(sealed as object) }).toEqual({ path, ...(plain as object) });
}

onEachPlatform('A sealed request gives its handler what the plain one does, in an application', (platform) => {
  for (const [turn, [name, setup]] of SETUPS.entries()) {
    if (IS_NEST11 && name.startsWith('with other limits')) continue;
    const pair = usePair(platform, { ...setup, controllers: [SeeController] });

    it.each(TYPES)(`${name}: %s`, async (type) => {
      for (const [index, body] of Object.values(BODIES).entries()) {
        const init = { method: 'POST', headers: { 'content-type': type }, body };
        const path = BODY_PATHS[(index + TYPES.indexOf(type) + turn) % BODY_PATHS.length]!;
        await expectSame(pair(), path, init);
      }
    });
  }
});
