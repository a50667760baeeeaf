import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Body,
  Controller,
  Get,
  Module,
  ParseArrayPipe,
  Post,
  VersioningType,
  type INestApplication,
  type NestApplicationOptions,
  type Type,
} from '@nestjs/common';
import { NestFactory, RouterModule } from '@nestjs/core';
import {
  ApiDefaultResponse,
  ApiExtension,
  ApiOperation,
  DECORATORS,
  DocumentBuilder,
  SwaggerModule,
  type OpenAPIObject,
} from '@nestjs/swagger';
import { Expose, Type as TypeOf } from 'class-transformer';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { EncryptedField, EncryptedFields } from '../../../src/fields/index.js';
import { E2eModule, Encrypted, Plain, type E2eExtras, type E2eOptions } from '../../../src/index.js';
import { PROBLEMS } from '../../../src/protocol/problem.js';
import { sealDocument } from '../../../src/swagger/index.js';
import { Log } from '../e2e/support/log.js';
import { onEachPlatform, type PlatformName } from '../e2e/support/apps.js';
import { ExpressFileController } from './support/files.js';
import { OtherController, ThingController, WrongDto } from './support/things.js';
import { faultsOf } from './support/validate.js';

type Json = Record<string, unknown>;
type Sealed = Omit<OpenAPIObject, 'paths'> & {
  'x-e2e-encryption': unknown;
  paths: Record<string, Record<string, Json>>;
};

interface Setup {
  readonly controllers?: Type<unknown>[];
  readonly imports?: Type<unknown>[];
  readonly e2e?: E2eOptions & E2eExtras;
  readonly configure?: (app: INestApplication) => void;
  readonly document?: Parameters<typeof SwaggerModule.createDocument>[2];
  readonly openapi?: string;
}

const MARK = 'x-e2e-encryption';

describe('sealDocument', () => {
  const apps: INestApplication[] = [];
  let log = new Log();

  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
  });

  async function start(platform: PlatformName, setup: Setup): Promise<INestApplication> {
    const { controllers = [ThingController, OtherController], imports = [], e2e, configure } = setup;

    @Module({ imports: [E2eModule.forRoot({ keyPool: { size: 0 }, ...e2e }), ...imports], controllers })
    class AppModule {}

    log = new Log();
    const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
    const app = await NestFactory.create(AppModule, adapter, quiet(log));
    apps.push(app);
    configure?.(app);
    return app;
  }

  function create(app: INestApplication, setup: Setup): OpenAPIObject {
    const builder = new DocumentBuilder().setTitle('Things').setVersion('1');
    if (setup.openapi !== undefined) builder.setOpenAPIVersion(setup.openapi);
    return SwaggerModule.createDocument(app, builder.build(), setup.document);
  }

  /** As main.ts has it: before the application initializes. */
  async function seal(platform: PlatformName, setup: Setup = {}): Promise<Sealed> {
    const app = await start(platform, setup);
    return sealDocument(app, create(app, setup)) as unknown as Sealed;
  }

  /** The marks of all operations, `undefined` for what has none. */
  function marks(document: Sealed): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(document.paths).flatMap(([path, item]) =>
        Object.entries(item).map(([method, operation]) => [`${method} ${path}`, operation[MARK]]),
      ),
    );
  }

  const both = { request: true, response: true };
  const message = (schema: unknown, ...types: string[]) => ({
    'application/jose': { ...(schema ? { schema } : {}), ...(types.length > 0 && { 'x-e2e-content-types': types }) },
  });
  const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });
  const content = (holder: unknown) => (holder as { content?: unknown }).content;

  onEachPlatform('on one platform', (platform) => {
    it('marks what is sealed, and in which direction, and nothing else', async () => {
      expect(marks(await seal(platform))).toEqual({
        'post /things': both,
        'get /things/{id}': both,
        'delete /things/{id}': both,
        'post /things/import': { request: false, response: true },
        'post /things/events': { request: true, response: false },
        'post /things/either': both,
        'post /things/plain': undefined,
        'post /others': undefined,
        'get /others': undefined,
        'post /e2e/handshake': undefined,
        'get /e2e/identity': undefined,
      });
      expect(log.lines.filter((line) => line.includes('OpenAPI'))).toEqual([]);
    });

    it('marks which single fields are encrypted', async () => {
      class Pin {
        @EncryptedField()
        pin!: string;
      }
      class Card extends Pin {
        @EncryptedField()
        @Expose({ name: 'no' })
        number!: string;
        @TypeOf(() => Card)
        backup?: Card;
        @TypeOf(() => Pin)
        'old.pins'!: Pin[];
      }
      class Purchase {
        amount!: number;
        @TypeOf(() => Card)
        card!: Card;
        @TypeOf(() => Pin)
        pins!: Map<string, Pin>;
      }
      @Controller('cards')
      class CardController {
        @Post()
        buy(@Body() purchase: Purchase): object {
          return purchase;
        }
        @Post('member')
        member(@Body('card') card: Pin): Pin {
          return card;
        }
        @Get()
        own(): Pin {
          return new Pin();
        }
        @Post('sealed')
        @Encrypted()
        sealed(@Body() purchase: Purchase): object {
          return purchase;
        }
        @Post('plain')
        plain(@Body() body: { amount: number }): object {
          return body;
        }
      }
      const document = await seal(platform, { controllers: [CardController] });
      const inFields = (...fields: string[]) => ({ request: false, response: false, fields });
      expect(marks(document)).toMatchObject({
        'post /cards': inFields(
          ...['card.number?', 'card.no?', 'card.pin?'],
          ...['/card/old.pins/*/pin?', 'pins.*.pin?'],
        ),
        'post /cards/member': inFields('card.pin?'),
        'get /cards': inFields(),
        'post /cards/sealed': both,
        'post /cards/plain': undefined,
      });
      expect(Object.keys(document.paths['/cards']!.post!.responses as object)).toContain('428');
      expect(faultsOf(document as unknown as Json)).toEqual([]);
    });

    it('marks single fields in lists, under other names, and of each class that a value may have', async () => {
      class Pin {
        @EncryptedField()
        pin!: string;
      }
      class Card {
        @EncryptedField()
        @Expose({ name: 'no' })
        number!: string;
      }
      class Wallet {
        @Expose({ name: 'main' })
        @TypeOf(() => Card)
        card!: Card;
        @TypeOf(() => Pin)
        either!: Pin | Pin[];
        @TypeOf(() => Object, {
          discriminator: {
            property: 'kind',
            subTypes: [
              { name: 'card', value: Card },
              { name: 'pin', value: Pin },
            ],
          },
        })
        method!: Card | Pin;
      }
      @Controller('lists')
      class ListController {
        @Post()
        many(@Body(new ParseArrayPipe({ items: Card })) cards: Card[]): object {
          return cards;
        }
        @Post('declared')
        @EncryptedFields({ request: Pin })
        declared(@Body() pins: Pin[]): object {
          return pins;
        }
        @Post('untold')
        untold(@Body(new ParseArrayPipe({ items: Pin })) pins: Iterable<Pin>): object {
          return { ...pins };
        }
        @Post('member')
        member(@Body('pins', new ParseArrayPipe({ items: Pin })) pins: Pin[]): object {
          return pins;
        }
        @Post('wallet')
        wallet(@Body() wallet: Wallet): object {
          return wallet;
        }
      }
      const found = marks(await seal(platform, { controllers: [ListController] }));
      const fieldsOf = (path: string) => (found[`post /lists${path}`] as { fields: string[] }).fields.sort();
      expect(fieldsOf('')).toEqual(['*.no?', '*.number?']);
      expect(fieldsOf('/declared')).toEqual(['*.pin?']);
      expect(fieldsOf('/untold')).toEqual(['*.pin?', 'pin?']);
      expect(fieldsOf('/member')).toEqual(['pins.*.pin?']);
      expect(fieldsOf('/wallet')).toEqual(
        [
          ...['card.no?', 'card.number?', 'main.no?', 'main.number?'],
          ...['either.pin?', 'either.*.pin?'],
          ...['method.no?', 'method.number?', 'method.pin?'],
          ...['method.*.no?', 'method.*.number?', 'method.*.pin?'],
        ].sort(),
      );
    });

    it('marks what encryptByDefault seals', async () => {
      const found = marks(await seal(platform, { e2e: { encryptByDefault: true } }));
      expect(found).toMatchObject({ 'post /others': both, 'post /things': both });
      expect(found).toMatchObject({ 'get /others': undefined, 'post /things/plain': undefined });
      expect(found).toMatchObject({ 'post /e2e/handshake': undefined, 'get /e2e/identity': undefined });
    });

    it('finds routes behind a global prefix, versions, and paths of modules', async () => {
      @Encrypted()
      @Controller({ path: ['one', 'two'], version: ['1', '2'] })
      class VersionController {
        @Get('*rest')
        all(): string {
          return '';
        }
      }
      @Encrypted()
      @Controller('inner')
      class InnerController {
        @Get()
        get(): string {
          return '';
        }
      }
      @Module({ controllers: [InnerController] })
      class InnerModule {}
      @Module({ imports: [InnerModule, RouterModule.register([{ path: 'outer', module: InnerModule }])] })
      class OuterModule {}

      const setup: Setup = {
        controllers: [VersionController],
        imports: [OuterModule],
        e2e: { path: 'secure/e2e' },
        configure: (app) => {
          app.setGlobalPrefix('api');
          app.enableVersioning({ type: VersioningType.URI });
        },
      };
      const document = await seal(platform, setup);
      expect(marks(document)).toEqual({
        'get /api/v1/one/{rest}': both,
        'get /api/v2/one/{rest}': both,
        'get /api/v1/two/{rest}': both,
        'get /api/v2/two/{rest}': both,
        'get /api/outer/inner': both,
        'post /api/secure/e2e/handshake': undefined,
        'get /api/secure/e2e/identity': undefined,
      });
      expect(document[MARK]).toEqual({ path: 'api/secure/e2e' });
    });

    it('finds them in a document that leaves the global prefix to its servers', async () => {
      const setup: Setup = {
        configure: (app) => app.setGlobalPrefix('api'),
        document: { ignoreGlobalPrefix: true },
      };
      const document = await seal(platform, setup);
      expect(marks(document)).toMatchObject({ 'post /things': both, 'post /things/plain': undefined });
      expect(document[MARK]).toEqual({ path: 'e2e' });
    });
  });

  it('keeps the schemas of DTOs, as what is inside of application/jose', async () => {
    const { paths, components } = await seal('express');
    const { requestBody, responses } = paths['/things']!.post as { requestBody: Json; responses: Record<string, Json> };
    expect(requestBody.required).toBe(true);
    expect(content(requestBody)).toEqual(message(reference('CreateThingDto'), 'application/json'));
    expect(content(responses[201])).toEqual(message(reference('ThingDto'), 'application/json'));
    expect(components?.schemas).toHaveProperty('ThingDto.properties.id.type', 'number');
  });

  it('leaves in the clear what a direction leaves in the clear', async () => {
    const { paths } = await seal('express');
    const of = (path: string) => paths[path]!.post as { requestBody: Json; responses: Record<string, Json> };
    const json = (name: string) => ({ 'application/json': { schema: reference(name) } });
    expect(content(of('/things/import').requestBody)).toEqual(json('CreateThingDto'));
    expect(content(of('/things/import').responses[201])).toEqual(message(reference('ThingDto'), 'application/json'));
    expect(content(of('/things/events').requestBody)).toEqual(message(reference('CreateThingDto'), 'application/json'));
    expect(content(of('/things/events').responses[201])).toEqual(json('ThingDto'));
    expect(of('/things/plain')).not.toHaveProperty('responses.428');
    expect(content(of('/things/plain').responses[201])).toEqual(json('ThingDto'));
  });

  it('says which media types may be inside, JSON first', async () => {
    const { paths } = await seal('express');
    const { requestBody, responses } = paths['/things/either']!.post as { requestBody: Json; responses: Json };
    expect(content(requestBody)).toEqual(message(reference('CreateThingDto'), 'application/json', 'text/plain'));
    expect(content(responses[201])).toEqual(
      message({ oneOf: [{ type: 'object' }, { type: 'string' }] }, 'application/json', 'text/csv'),
    );
  });

  it('says what travels in frames: files, forms with files, and event streams', async () => {
    const document = await seal('express', { controllers: [ExpressFileController] });
    expect(faultsOf(JSON.parse(JSON.stringify(document)) as Json)).toEqual([]);
    const file = { type: 'string', format: 'binary' };
    const { requestBody, responses } = document.paths['/files']!.post as { requestBody: Json; responses: Json };
    const form = {
      schema: expect.objectContaining({ type: 'object' }),
      'x-e2e-content-types': ['multipart/form-data'],
    };
    expect(content(requestBody)).toEqual({ 'application/jose': form, 'application/vnd.e2e.stream': form });
    expect(content(responses[201])).toEqual(message({ type: 'object' }, 'application/json'));
    const ok = (path: string) => content((document.paths[path]!.get!.responses as Json)[200]);
    const pdf = { schema: file, 'x-e2e-content-types': ['application/pdf'] };
    expect(ok('/files')).toEqual({ 'application/jose': pdf, 'application/vnd.e2e.stream': pdf });
    expect(ok('/files/either')).toEqual({
      ...message({ type: 'object' }, 'application/json', 'image/png'),
      'application/vnd.e2e.stream': { schema: { type: 'object' }, 'x-e2e-content-types': ['image/png'] },
    });
    // Nothing says so but @Sse() itself; and an event stream is never in one message.
    expect(ok('/files/events')).toEqual({
      'application/vnd.e2e.stream': { 'x-e2e-content-types': ['text/event-stream'] },
    });
    expect(ok('/files/typed')).toEqual({
      'application/vnd.e2e.stream': { schema: { type: 'string' }, 'x-e2e-content-types': ['text/event-stream'] },
    });
  });

  it('calls an answer without a schema a message, and one without a body nothing', async () => {
    const { paths } = await seal('express');
    const { responses } = paths['/things/{id}']!.get as { responses: Record<string, Json> };
    expect(responses[404]).toEqual({ description: 'There is none.', content: { 'application/jose': {} } });
    expect(content((paths['/things/{id}']!.delete!.responses as Json)[204])).toBeUndefined();
  });

  it('lists the problems, beside answers of the application that have their status', async () => {
    const { paths, components } = await seal('express');
    const { responses } = paths['/things']!.post as { responses: Record<string, Json> };
    expect(responses[428]).toEqual({ $ref: '#/components/responses/E2eProblem428' });
    expect(Object.keys(responses).sort()).toEqual(['201', '400', '409', '413', '415', '428', '503']);
    expect(responses[400]!.description).toBe('Something is wrong with the thing.');
    expect(content(responses[400])).toEqual({
      ...message(reference('WrongDto'), 'application/json'),
      'application/problem+json': expect.objectContaining({ schema: reference('E2eProblemDetails') }),
    });

    const described = Object.values(components!.responses!) as unknown as { content: Record<string, Json> }[];
    const examples = described.flatMap(({ content }) =>
      Object.values(content['application/problem+json']!.examples as Record<string, { value: Json }>),
    );
    expect(
      examples.map(({ value }) => [String(value.type).replace('urn:e2e:problem:', ''), value.status]).sort(),
    ).toEqual(
      Object.entries(PROBLEMS)
        .map(([name, { status }]) => [name, status])
        .sort(),
    );
  });

  it.each([
    ['default', ['201', '400', 'default']],
    ['none', ['201', '400']],
  ] as const)('names the problems in fewer responses, by option: %s', async (problems, statuses) => {
    @Controller('defaults')
    @Encrypted()
    class DefaultController {
      @Post()
      @ApiDefaultResponse({ description: 'Anything else.', type: WrongDto })
      create(): object {
        return {};
      }
    }
    const app = await start('express', { controllers: [ThingController, DefaultController] });
    const document = sealDocument(app, create(app, {}), { problems }) as Sealed;
    expect(faultsOf(document)).toEqual([]);
    const responsesOf = (path: string) => document.paths[path]!.post!.responses as Record<string, Json>;
    expect(Object.keys(responsesOf('/things'))).toEqual(statuses);
    expect(Object.keys(responsesOf('/defaults'))).toEqual(['default']);
    const { description } = responsesOf('/defaults').default!;
    expect(description).toBe('Anything else.');
    expect(Object.keys(content(responsesOf('/defaults').default) as Json).sort()).toEqual(
      problems === 'none' ? ['application/jose'] : ['application/jose', 'application/problem+json'],
    );
    if (problems === 'default') {
      expect(responsesOf('/things').default).toEqual({ $ref: '#/components/responses/E2eProblem' });
    }
    // Nothing is there that nobody refers to.
    const references = [...JSON.stringify(document).matchAll(/#\/components\/responses\/(\w+)/g)].map(
      ([, name]) => name,
    );
    expect(Object.keys(document.components!.responses!).sort()).toEqual([...new Set(references)].sort());
  });

  it.each(['3.0.0', '3.1.0'])('stays a valid document (OpenAPI %s)', async (openapi) => {
    const document = await seal('express', { openapi, e2e: { encryptByDefault: true } });
    expect(document.openapi).toBe(openapi);
    expect(faultsOf(JSON.parse(JSON.stringify(document)) as Json)).toEqual([]);
  });

  it('would not take a document with faults for a valid one', () => {
    const document = {
      openapi: '3.0.0',
      paths: { '/a/{id}': { get: { responses: { 200: { $ref: '#/components/responses/None' }, 201: {} } } } },
    };
    expect(faultsOf(document)).toEqual([
      'there is no #/components/responses/None',
      'get /a/{id}: the parameter id is not declared',
      'get /a/{id}: 201 has no description',
    ]);
  });

  it('describes the handshake', async () => {
    const { paths } = await seal('express');
    const { requestBody, responses } = paths['/e2e/handshake']!.post as { requestBody: Json; responses: Json };
    expect(content(requestBody)).toHaveProperty(['application/json', 'schema', 'required'], ['publicKey']);
    expect(Object.keys(responses)).toEqual(['201', '413', '415', '422', '503']);
    expect(paths['/e2e/identity']!.get).toHaveProperty('summary');
  });

  it('leaves the document that it is given as it is, and a sealed one too', async () => {
    const app = await start('express', {});
    const document = create(app, {});
    const before = structuredClone(document);
    const sealed = sealDocument(app, document);
    expect(document).toEqual(before);
    expect(sealDocument(app, sealed)).toBe(sealed);
    // And the scan leaves nothing behind on handlers.
    expect(JSON.stringify(create(app, {}))).toBe(JSON.stringify(document));
    const { create: handler } = ThingController.prototype as unknown as Record<string, object>;
    expect(Reflect.hasMetadata(DECORATORS.API_EXTENSION, handler!)).toBe(false);
  });

  it('tells classes of the same name apart, and those that inherit a handler', async () => {
    class Base {
      @Get()
      get(): string {
        return '';
      }
    }
    @Encrypted()
    @Controller('sealed')
    class SealedController extends Base {}
    @Controller('open')
    class OpenController extends Base {}
    const named = (path: string, ...decorators: ClassDecorator[]): Type<unknown> => {
      class SameController {
        @Get()
        get(): string {
          return '';
        }
      }
      [Controller(path), ...decorators].forEach((decorate) => decorate(SameController));
      return SameController;
    };
    const controllers = [
      SealedController,
      OpenController,
      named('first', Encrypted()),
      named('second'),
      named('third', Encrypted({ request: false })),
    ];
    expect(marks(await seal('express', { controllers }))).toMatchObject({
      'get /sealed': both,
      'get /open': undefined,
      'get /first': both,
      'get /second': undefined,
      'get /third': { request: false, response: true },
    });
  });

  it('calls sealed what may be, where an inherited handler names its operation', async () => {
    class Base {
      @Get()
      @ApiOperation({ operationId: 'mine' })
      get(): string {
        return '';
      }
    }
    @Encrypted()
    @Controller('sealed')
    class SealedController extends Base {}
    @Controller('open')
    class OpenController extends Base {}
    const found = marks(await seal('express', { controllers: [SealedController, OpenController] }));
    expect(found['get /sealed']).toEqual(both);
  });

  it.each([
    ['first', '1', '2'],
    ['last', '2', '1'],
  ])('calls sealed what headers tell apart, where one of them is (the sealed one %s)', async (_which, sealed, open) => {
    @Encrypted()
    @Controller({ path: 'same', version: sealed })
    class SealedController {
      @Get()
      get(): string {
        return '';
      }
    }
    @Controller({ path: 'same', version: open })
    class OpenController {
      @Get()
      get(): string {
        return '';
      }
    }
    const both = [SealedController, OpenController];
    const controllers = sealed === '1' ? both : both.reverse();
    const configure = (app: INestApplication) => {
      app.enableVersioning({ type: VersioningType.HEADER, header: 'x-version' });
    };
    expect(marks(await seal('express', { controllers, configure }))['get /same']).toEqual({
      request: true,
      response: true,
    });
  });

  it('marks the fields of all handlers that headers tell apart, and none where one of them takes a sealed request', async () => {
    class Pin {
      @EncryptedField()
      pin!: string;
    }
    class Card {
      @EncryptedField()
      number!: string;
    }
    @Controller({ path: 'same', version: '1' })
    class PinController {
      @Post()
      post(@Body() pin: Pin): object {
        return pin;
      }
      @Post('sealed')
      either(@Body() pin: Pin): object {
        return pin;
      }
      @Post('half')
      half(@Body() pin: Pin): object {
        return pin;
      }
    }
    @Controller({ path: 'same', version: '2' })
    class CardController {
      @Post()
      post(@Body() card: Card): object {
        return card;
      }
      @Post('sealed')
      @Encrypted()
      sealed(@Body() body: object): object {
        return body;
      }
      @Post('half')
      @Encrypted({ request: false })
      half(@Body() body: object): object {
        return body;
      }
    }
    const configure = (app: INestApplication) => {
      app.enableVersioning({ type: VersioningType.HEADER, header: 'x-version' });
    };
    for (const controllers of [
      [PinController, CardController],
      [CardController, PinController],
    ]) {
      const found = marks(await seal('express', { controllers, configure }));
      const { fields, ...sealing } = found['post /same'] as { fields: string[] };
      expect([sealing, fields.sort()]).toEqual([{ request: false, response: false }, ['number?', 'pin?']]);
      expect(found['post /same/sealed']).toEqual(both);
      expect(found['post /same/half']).toEqual({ request: false, response: true, fields: ['pin?'] });
    }
  });

  it('keeps extensions of handlers, and a mark that stands already', async () => {
    @Encrypted()
    @Controller('marked')
    class MarkedController {
      @Get('own')
      @ApiExtension('x-own', { is: 'kept' })
      own(): string {
        return '';
      }

      @Get('set')
      @ApiExtension(MARK, { request: false, response: true })
      set(): string {
        return '';
      }
    }
    const { paths } = await seal('express', { controllers: [MarkedController] });
    expect(paths['/marked/own']!.get).toMatchObject({ 'x-own': { is: 'kept' }, [MARK]: both });
    expect(paths['/marked/own']!.get).not.toHaveProperty('x-e2e-handler');
    expect(paths['/marked/set']!.get).toHaveProperty(MARK, { request: false, response: true });
  });

  it('warns of operations that are no routes here', async () => {
    const app = await start('express', {});
    const document = create(app, {});
    document.paths['/elsewhere'] = { get: { responses: {} } };
    sealDocument(app, document);
    expect(log.lines.filter((line) => line.includes('GET /elsewhere'))).toEqual([
      expect.stringContaining('x-e2e-encryption'),
    ]);
  });

  it('gives up where it cannot tell whether a route is sealed', async () => {
    @Controller('known')
    class KnownController {}
    @Controller('known')
    class UnknownController {
      @Get()
      get(): string {
        return '';
      }
    }
    const app = await start('express', { controllers: [KnownController] });
    await app.init();
    // What Nest registers is fixed now, and @nestjs/swagger reads the instance.
    Object.setPrototypeOf(app.get(KnownController), UnknownController.prototype);
    expect(() => sealDocument(app, create(app, {}))).toThrow(/no controller has the handler of GET \/known/);
  });

  it('says what is missing in an application without the module', async () => {
    @Plain()
    @Controller('alone')
    class AloneController {}
    @Module({ controllers: [AloneController] })
    class AloneModule {}
    const app = await NestFactory.create(AloneModule, quiet(log));
    apps.push(app);
    expect(() => sealDocument(app, create(app, {}))).toThrow(/Import E2eModule\.forRoot\(\)/);
  });
});

function quiet(logger: Log): NestApplicationOptions {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its options as a class, and takes literals
  return { logger, abortOnError: false };
}
