import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import {
  All,
  Body,
  Controller,
  Get,
  Header,
  Headers,
  HttpCode,
  Module,
  Post,
  Redirect,
  Req,
  Res,
  Sse,
  StreamableFile,
} from '@nestjs/common';
import { Query, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { raw, type Request, type Response } from 'express';
import session from 'express-session';
import { from, type Observable } from 'rxjs';
import { E2eModule } from '../../../src/index.js';
import { suite as plain } from './support/plain.suite.js';
import { suite as sealed } from './support/sealed.suite.js';

type Session = Request & { session: { name?: string } };

@Controller()
class AppController {
  @Get('cats')
  @Header('x-seen', 'yes')
  cats() {
    return [{ name: 'Tom' }];
  }

  @Get('hello')
  hello(@Res() response: Response) {
    response.type('text').send('Hello World!');
  }

  @Get('null')
  nothing() {
    return null;
  }

  @Get('broken')
  broken() {
    throw new Error('broken');
  }

  @Get('empty')
  @HttpCode(204)
  empty() {
    return undefined;
  }

  @Get('form')
  form(@Res() response: Response) {
    response.type('application/x-www-form-urlencoded').send('a=1&b=2');
  }

  @Get('bytes')
  bytes(@Res() response: Response) {
    response.send(Buffer.from([0, 255, 1]));
  }

  @Get('image')
  image(@Res() response: Response) {
    response.type('png').send(Buffer.from([137, 80]));
  }

  @Get('links')
  @Header('link', '</cats?page=2>; rel="next", </cats?page=9>; rel="last"')
  links() {
    return {};
  }

  @Get('moved')
  @Redirect('/cats')
  moved() {
    return undefined;
  }

  @Get('slow')
  async slow() {
    await new Promise((done) => setTimeout(done, 2000).unref());
    return {};
  }

  @Get('whoami')
  whoami(@Req() { session }: Session) {
    return { name: session.name ?? 'nobody' };
  }

  @Post('login')
  login(@Req() { session }: Session, @Body() { name }: { name: string }) {
    session.name = name;
    return { name };
  }

  @Post('files')
  async files(@Body() body: Uint8Array, @Headers('content-type') type: string) {
    const form = await new globalThis.Response(Buffer.from(body), { headers: { 'content-type': type } }).formData();
    const files: object[] = [];
    const fields: Record<string, unknown> = {};
    for (const [field, value] of form) {
      if (typeof value === 'string') fields[field] = field in fields ? [fields[field], value].flat() : value;
      else {
        const hex = Buffer.from(await value.arrayBuffer()).toString('hex');
        files.push({ field, name: value.name, type: value.type, hex });
      }
    }
    return { fields, files };
  }

  @Get('download')
  download() {
    return new StreamableFile(Buffer.alloc(200_000, 'file'), { disposition: 'attachment; filename="a.bin"' });
  }

  @Sse('events')
  events(): Observable<{ id: string; data: object }> {
    return from([1, 2, 3].map((n) => ({ id: String(n), data: { n } })));
  }

  @All('echo')
  echo(
    @Req() { method }: Request,
    @Headers() headers: Record<string, string>,
    @Query() query: object,
    @Body() body: unknown,
    @Res() response: Response,
  ) {
    const { accept, cookie, authorization, 'content-type': type, 'x-user': user, 'x-gone': gone } = headers;
    const status = method === 'POST' ? 201 : 200;
    response.status(status).json({ query, accept, cookie, authorization, type, user, gone, body });
  }
}

@Module({
  imports: [E2eModule.forRoot({ secret: 'a secret of thirty-two characters', keyPool: { size: 0 } })],
  controllers: [AppController],
})
class AppModule {}

async function start(): Promise<INestApplication> {
  const testing = await Test.createTestingModule({ imports: [AppModule] }).compile();
  const app = testing.createNestApplication();
  app.useLogger(false);
  app.use(raw({ type: 'multipart/form-data', limit: '1mb' }));
  app.use(session({ secret: 'cats', resave: false, saveUninitialized: false }));
  return app;
}

describe('over supertest', () => plain(start));
describe('over the kit, by another import', () => sealed(start));

const pathOf = (name: string) => fileURLToPath(new URL(`support/${name}.suite.ts`, import.meta.url));

// `npm run typecheck` compiles both as ts-jest and vitest do.
describe('the two suites', () => {
  it('differ in their import alone', () => {
    const [one, other] = ['plain', 'sealed'].map((name) => readFileSync(pathOf(name), 'utf8'));
    const moved = "import { request } from '../../../../src/testing/index.js';";
    expect(other).toBe(one!.replace("import request from 'supertest';", moved));
  });
});
