import { expect, it } from '@jest/globals';
import {
  BadRequestException,
  Catch,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  HttpException,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
  Redirect,
  RequestMethod,
  Res,
  StreamableFile,
  UseFilters,
  UseGuards,
  UseInterceptors,
  type ArgumentsHost,
  type CallHandler,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { from, map, of, throwError, type Observable } from 'rxjs';
import { onEachPlatform, type PlatformName } from '../e2e/support/apps.js';
import { usePair, type Outcome } from './support/compare.js';

class Point {
  readonly x = 1;
  #secret = 2;
  get sum(): number {
    return this.x + this.#secret;
  }
  toJSON(): object {
    return { x: this.x, sum: this.sum };
  }
}

/** What handlers return, one of each kind. */
const RESULTS: Record<string, () => unknown> = {
  string: () => 'Hello',
  'string of JSON': () => '{"a":1}',
  'string that is not ASCII': () => 'ü 🔐',
  'empty string': () => '',
  number: () => 42.5,
  zero: () => 0,
  NaN: () => NaN,
  true: () => true,
  false: () => false,
  null: () => null,
  undefined: () => undefined,
  object: () => ({ text: 'ü', nested: { list: [1, null] }, gone: undefined }),
  'object without members': () => ({}),
  array: () => [1, 'two', null, undefined],
  'empty array': () => [],
  date: () => new Date('2026-11-23T10:00:00Z'),
  buffer: () => Buffer.from([0, 1, 254, 255]),
  'empty buffer': () => Buffer.alloc(0),
  'bytes in a Uint8Array': () => new Uint8Array([1, 2, 255]),
  map: () => new Map([['a', 1]]),
  set: () => new Set([1]),
  'instance of a class': () => new Point(),
  'error as a result': () => new Error('returned'),
  'symbol as a member': () => ({ [Symbol('a')]: 1, b: 2 }),
  promise: () => Promise.resolve({ a: 1 }),
  'promise of a string': () => Promise.resolve('Hello'),
  observable: () => of({ a: 1 }),
  'observable of several': () => from([1, 2, 3]),
  'observable that fails': () => throwError(() => new NotFoundException('gone')),
  'streamable file of a buffer': () => new StreamableFile(Buffer.from('file'), { type: 'text/plain' }),
  'streamable file of a stream': () =>
    new StreamableFile(Readable.from([Buffer.from('fi'), Buffer.from('le')]), {
      type: 'application/pdf',
      disposition: 'attachment; filename="a.pdf"',
    }),
  'large string': () => 'x'.repeat(300_000),
  'object that refers to itself': () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    return circle;
  },
  bigint: () => ({ big: 10n }),
};

interface Reply extends ServerResponse {
  raw?: ServerResponse;
  status(code: number): Reply;
  send(body?: unknown): unknown;
  type(type: string): Reply;
  hijack?(): void;
  redirect(...args: unknown[]): unknown;
  json(body: unknown): unknown;
  sendStatus(code: number): unknown;
  attachment(name: string): Reply;
  cookie(name: string, value: string): Reply;
  header(name: string, value: string | string[]): Reply;
}

function own(reply: Reply): ServerResponse {
  reply.hijack?.();
  return reply.raw ?? reply;
}

class Wrapping implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

@Catch(HttpException)
class Reformatting implements ExceptionFilter<HttpException> {
  catch(error: HttpException, host: ArgumentsHost): void {
    host.switchToHttp().getResponse<Reply>().status(418).type('text/plain').send(`filtered: ${error.message}`);
  }
}

@Controller()
class ResponseController {
  @Get('result/:name')
  result(@Param('name') name: string): unknown {
    return RESULTS[name]!();
  }
  @Get('wrapped/:name')
  @UseInterceptors(Wrapping)
  wrapped(@Param('name') name: string): unknown {
    return RESULTS[name]!();
  }
  @Post('created')
  created(): object {
    return { a: 1 };
  }
  @Post('accepted')
  @HttpCode(202)
  accepted(): string {
    return 'later';
  }
  @Delete('gone')
  @HttpCode(204)
  gone(): void {
    // Nothing to say.
  }
  @Get('no-content-with-a-body')
  @HttpCode(204)
  noContent(): object {
    return { a: 1 };
  }
  @Get('reset-content')
  @HttpCode(205)
  resetContent(): void {
    // Nothing to say.
  }
  @Get('not-modified')
  @HttpCode(304)
  notModified(): void {
    // Nothing to say.
  }
  @Get('html')
  @Header('Content-Type', 'text/html; charset=utf-8')
  html(): string {
    return '<b>ü</b>';
  }
  @Get('csv')
  @Header('Content-Type', 'text/csv')
  @Header('Content-Disposition', 'attachment; filename="a.csv"')
  @Header('Content-Language', 'de')
  @Header('Link', '</next>; rel=next')
  @Header('X-Own', 'own')
  csv(): string {
    return 'a,b';
  }
  @Get('conditional')
  @Header('ETag', '"a"')
  conditional(): string {
    return 'Hello';
  }
  @Get('redirect')
  @Redirect('/result/string', 302)
  redirect(): void {
    // The decorator says where to.
  }
  @Get('redirect-by-result')
  @Redirect('/nowhere', 301)
  redirectByResult(): object {
    return { url: '/result/array', statusCode: 307 };
  }
  @Get('pipe/:id')
  pipe(@Param('id', ParseIntPipe) id: number): number {
    return id;
  }
  @Get('throws')
  throws(): never {
    throw new BadRequestException('no', { description: 'because' });
  }
  @Get('throws-an-object')
  throwsAnObject(): never {
    throw new HttpException({ code: 'NO_MONEY', list: [1] }, 402);
  }
  @Get('throws-a-string')
  throwsAString(): never {
    throw new HttpException('a string', 410);
  }
  @Get('throws-an-error')
  throwsAnError(): never {
    throw new Error('unexpected');
  }
  @Get('filtered')
  @UseFilters(Reformatting)
  filtered(): never {
    throw new NotFoundException('nothing');
  }
  @Get('guarded')
  @UseGuards({ canActivate: () => false })
  guarded(): void {
    // Never gets here.
  }
  @Get('passthrough')
  passthrough(@Res({ passthrough: true }) reply: Reply): string {
    reply.status(203).header('X-Own', 'own');
    return 'Hello';
  }
  @Get('passthrough-type')
  passthroughType(@Res({ passthrough: true }) reply: Reply): string {
    reply.type('application/xml');
    return '<a/>';
  }
}

@Controller('own')
class OwnController {
  @Get('send')
  send(@Res() reply: Reply): void {
    reply.status(201).send({ a: 1 });
  }
  @Get('send-string')
  sendString(@Res() reply: Reply): void {
    reply.send('Hello');
  }
  @Get('send-buffer')
  sendBuffer(@Res() reply: Reply): void {
    reply.send(Buffer.from([1, 2, 255]));
  }
  @Get('send-nothing')
  sendNothing(@Res() reply: Reply): void {
    reply.status(202).send();
  }
  @Get('redirect')
  redirect(@Res() reply: Reply): void {
    reply.redirect('/result/string?a=ü');
  }
  @Get('end')
  end(@Res() reply: Reply): void {
    own(reply).writeHead(200, { 'Content-Type': 'text/plain' }).end('Hello', 'utf8');
  }
  @Get('end-nothing')
  endNothing(@Res() reply: Reply): void {
    own(reply).end();
  }
  @Get('write')
  write(@Res() reply: Reply): void {
    const response = own(reply);
    response.writeHead(200, 'A Reason', { 'Content-Type': 'text/plain; charset=utf-8' });
    response.write('4865', 'hex');
    response.write(Buffer.from('llo'));
    response.end(' ü');
  }
  @Get('write-latin1')
  writeLatin1(@Res() reply: Reply): void {
    const response = own(reply);
    response.setHeader('Content-Type', 'application/octet-stream');
    response.end('ü', 'latin1');
  }
  @Get('pipe')
  pipe(@Res() reply: Reply): void {
    const response = own(reply);
    response.setHeader('Content-Type', 'text/plain');
    Readable.from(['one', 'two', 'three']).pipe(response);
  }
  @Get('compressed')
  compressed(@Res() reply: Reply): void {
    own(reply).writeHead(200, { 'Content-Encoding': 'gzip', 'Content-Type': 'text/plain' }).end(gzipSync('Hello'));
  }
  @Get('charset')
  charset(@Res() reply: Reply): void {
    own(reply).writeHead(200, { 'Content-Type': 'text/plain; charset=latin1' }).end('ü', 'latin1');
  }
  @Get('status')
  status(@Res() reply: Reply): void {
    own(reply).writeHead(700, { 'Content-Type': 'text/plain' }).end('Hello');
  }
  @Get('cookies')
  cookies(@Res() reply: Reply): void {
    own(reply)
      .writeHead(200, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Content-Type', 'text/plain', 'X-Own', 'own'])
      .end('two');
  }
  @Get('cookies-in-an-object')
  cookiesInAnObject(@Res() reply: Reply): void {
    own(reply)
      .writeHead(200, { 'Set-Cookie': ['a=1', 'b=2'], 'Content-Type': 'text/plain' })
      .end('two');
  }
  @Get('content-range')
  contentRange(@Res() reply: Reply): void {
    own(reply).writeHead(206, { 'Content-Range': 'bytes 0-4/9', 'Content-Type': 'text/plain' }).end('Hello');
  }
  @Get('untyped')
  untyped(@Res() reply: Reply): void {
    own(reply).end('Hello');
  }
  @Get('destroyed')
  destroyed(@Res() reply: Reply): void {
    own(reply).destroy();
  }
}

@Controller('only')
class ExpressController {
  @Get('json')
  json(@Res() reply: Reply): void {
    reply.status(201).json('a string');
  }
  @Get('json-null')
  jsonNull(@Res() reply: Reply): void {
    reply.json(null);
  }
  @Get('send-status')
  sendStatus(@Res() reply: Reply): void {
    reply.sendStatus(404);
  }
  @Get('attachment')
  attachment(@Res() reply: Reply): void {
    // Not of Latin-1, which Node spoils in this header where the length is known.
    reply.attachment('a €.txt').send('file');
  }
  @Get('cookie')
  cookie(@Res() reply: Reply): void {
    reply.cookie('a', '1').cookie('b', '2').send('two');
  }
  @Get('redirect-status')
  redirectStatus(@Res() reply: Reply): void {
    reply.redirect(308, 'https://example.com/a');
  }
}

@Controller('only')
class FastifyController {
  @Get('send-stream')
  sendStream(@Res() reply: Reply): void {
    reply.type('text/plain').send(Readable.from(['one', 'two']));
  }
  @Get('send-null')
  sendNull(@Res() reply: Reply): void {
    reply.send(null);
  }
  @Get('send-error')
  sendError(@Res() reply: Reply): void {
    reply.send(Object.assign(new Error('sent'), { statusCode: 409 }));
  }
}

/** Method and path of each route, from Nest's own metadata. */
function routesOf(controller: new () => object): string[] {
  const prefix = String(Reflect.getMetadata('path', controller));
  return Object.getOwnPropertyNames(controller.prototype).flatMap((name) => {
    const handler = (controller.prototype as Record<string, object>)[name]!;
    const path = Reflect.getMetadata('path', handler) as string | undefined;
    const method = RequestMethod[Reflect.getMetadata('method', handler) as RequestMethod];
    return path === undefined || name === 'constructor'
      ? []
      : [`${method} /${[prefix, path].join('/').replace(/^\/+/, '')}`];
  });
}

interface Difference {
  /** As docs/platforms.md has it. */
  readonly what: string;
  readonly request: string;
  readonly headers?: Record<string, string>;
  readonly on?: PlatformName;
  readonly sealed: Partial<Outcome>;
}

/** What differs on purpose; docs/platforms.md lists these and no others. */
const DIFFERENCES: readonly Difference[] = [
  { what: 'compressed by the application', request: 'GET /own/compressed', sealed: { status: 500 } },
  { what: 'a `charset` other than UTF-8', request: 'GET /own/charset', sealed: { status: 500 } },
  { what: 'a status over 599', request: 'GET /own/status', sealed: { status: 500 } },
  {
    what: 'conditional requests and `Range`',
    request: 'GET /conditional',
    headers: { 'if-none-match': '"a"', 'cache-control': 'max-age=0' },
    on: 'express',
    sealed: { status: 200, body: 'Hello' },
  },
  {
    what: 'a `Content-Range` that the application sets',
    request: 'GET /own/content-range',
    sealed: {
      status: 206,
      body: 'Hello',
      headers: expect.not.objectContaining({ 'content-range': 'bytes 0-4/9' }) as never,
    },
  },
  { what: 'without a media type', request: 'GET /own/untyped', sealed: { mediaType: 'application/octet-stream' } },
  {
    what: '`Set-Cookie` several times in a list given to `writeHead`',
    request: 'GET /own/cookies',
    on: 'express',
    sealed: { status: 200, cookies: ['a=1', 'b=2'] },
  },
];

it('docs/platforms.md lists what differs from the plain route', () => {
  const page = readFileSync(new URL('../../../docs/platforms.md', import.meta.url), 'utf8');
  const section = page.split('## What differs from the plain route')[1]!.split('\n## ')[0]!;
  const rows = section.split('\n').filter((line) => line.startsWith('| '));
  expect(
    rows
      .slice(1)
      .map((row) => row.split('|')[1]!.trim())
      .filter((cell) => !/^-+$/.test(cell)),
  ).toEqual(DIFFERENCES.map(({ what }) => what));
});

onEachPlatform('A sealed route answers what the plain one does', (platform) => {
  const only = platform === 'express' ? ExpressController : FastifyController;
  const pair = usePair(platform, { controllers: [ResponseController, OwnController, only] });
  const routes = [ResponseController, OwnController, only].flatMap(routesOf);
  const requests = [
    ...Object.keys(RESULTS).flatMap((name) => [`GET /result/${name}`, `GET /wrapped/${name}`]),
    ...routes.filter((route) => !route.includes(':')),
    'GET /pipe/7',
    'GET /pipe/x',
    'GET /nowhere',
    'POST /nowhere',
  ];

  const different = DIFFERENCES.filter(({ on = platform }) => on === platform);

  it.each(different)('but for $what', async ({ request, headers = {}, sealed: expected }) => {
    const [method = '', path = ''] = request.split(' ');
    const { plain, sealed } = await pair().both(path, { method, headers });
    expect(sealed).toMatchObject(expected);
    expect(plain).not.toMatchObject(expected);
  });

  const same = requests.filter((each) => !different.some(({ request, headers }) => request === each && !headers));
  it.each(same)('%s', async (request) => {
    const [method = '', path = ''] = request.split(/ (.*)/);
    const { plain, sealed } = await pair().both(encodeURI(path), { method });
    expect(sealed).toEqual(plain);
  });
});
