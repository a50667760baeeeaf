import { expect, it } from '@jest/globals';
import multipart from '@fastify/multipart';
import {
  Body,
  Controller,
  Get,
  ParseFilePipeBuilder,
  Post,
  RawBody,
  Req,
  Res,
  Sse,
  UploadedFile,
  UploadedFiles,
  UseInterceptors,
  type MessageEvent,
} from '@nestjs/common';
import {
  AnyFilesInterceptor,
  FileFieldsInterceptor,
  FileInterceptor,
  FilesInterceptor,
} from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { readFileSync } from 'node:fs';
import { interval, map, type Observable } from 'rxjs';
import { Encrypted } from '../../../src/index.js';
import { e2eAgent, request } from '../../../src/testing/index.js';
import { onEachPlatform, TestApp, useApp } from '../e2e/support/apps.js';

// Nest's own samples 28-sse and 29-file-upload, and their tests, as an application has them that seals its routes; and
// the other ways in which Nest takes files.

interface File {
  readonly fieldname: string;
  readonly originalname: string;
  readonly buffer: Buffer;
}

const PACKAGE = './package.json';
const content = readFileSync(PACKAGE, 'utf8');
/** Longer than one message: it travels in frames. */
const large = Buffer.alloc(300_000, 'large ');

@Encrypted()
@Controller()
class SseController {
  @Get()
  index(@Res() response: { header(name: string, value: string): unknown; send(body: string): unknown }): void {
    response.header('content-type', 'text/html');
    response.send('<script>new EventSource("/sse")</script>');
  }

  @Sse('sse')
  sse(): Observable<MessageEvent> {
    return interval(5).pipe(map((): MessageEvent => ({ data: { hello: 'world' } })));
  }
}

@Encrypted()
@Controller()
class FileController {
  @Get()
  sayHello(): string {
    return 'Hello World!';
  }

  @Post('file')
  @UseInterceptors(FileInterceptor('file'))
  uploadFile(@Body() body: { name: string }, @UploadedFile() file: File): object {
    return { body, file: file.buffer.toString() };
  }

  @Post('file/pass-validation')
  @UseInterceptors(FileInterceptor('file'))
  pass(
    @Body() body: { name: string },
    @UploadedFile(new ParseFilePipeBuilder().addMaxSizeValidator({ maxSize: 2 ** 20 }).build({ fileIsRequired: false }))
    file?: File,
  ): object {
    return { body, file: file?.buffer.toString() };
  }

  @Post('file/fail-validation')
  @UseInterceptors(FileInterceptor('file'))
  fail(@UploadedFile(new ParseFilePipeBuilder().addMaxSizeValidator({ maxSize: 10 }).build()) file: File): object {
    return { file: file.buffer.toString() };
  }

  @Post('files')
  @UseInterceptors(FilesInterceptor('files', 3))
  several(@UploadedFiles() files: File[]): object {
    return files.map(({ originalname, buffer }) => [originalname, buffer.length]);
  }

  @Post('any')
  @UseInterceptors(AnyFilesInterceptor())
  any(@UploadedFiles() files: File[], @Body() body: object): object {
    return [files.map(({ fieldname, buffer }) => [fieldname, buffer.length]), { ...body }];
  }

  @Post('fields')
  @UseInterceptors(FileFieldsInterceptor([{ name: 'avatar', maxCount: 1 }, { name: 'background' }]))
  fields(@UploadedFiles() files: Record<string, File[]>): object {
    return Object.fromEntries(Object.entries(files).map(([name, [file]]) => [name, file!.buffer.length]));
  }
}

onEachPlatform('Nest’s sample 28-sse, sealed', (platform) => {
  const app = useApp(platform, { controllers: [SseController] });

  it('serves its page, and its events one by one', async () => {
    const agent = await e2eAgent(app().url);
    await agent.get('/').expectSealed().expect(200).expect('content-type', /html/);
    const source = app().client().eventSource('/sse');
    const seen: unknown[] = [];
    for await (const { data } of source) {
      seen.push(JSON.parse(data));
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([{ hello: 'world' }, { hello: 'world' }, { hello: 'world' }]);
    expect(app().tap.text).not.toContain('world');
    await agent.close();
  });
});

onEachPlatform('A raw body in frames', (platform) => {
  @Encrypted()
  @Controller()
  class RawController {
    @Post('raw')
    raw(@RawBody() raw: Buffer, @Body() body: { text: string }): object {
      return { same: raw.toString() === JSON.stringify(body), length: raw.length };
    }
  }
  const app = useApp(platform, { controllers: [RawController], options: { rawBody: true } });

  it('is what was sent', async () => {
    const body = { text: 'x'.repeat(200_000) };
    await request(app().url)
      .post('/raw')
      .send(body)
      .expectSealed()
      .expect(201, { same: true, length: JSON.stringify(body).length });
  });
});

it('Nest’s sample 29-file-upload, sealed', async () => {
  const app = await TestApp.start('express', { controllers: [FileController] });
  try {
    const agent = request(app.url);
    await agent.get('/').expectSealed().expect(200).expect('Hello World!');
    await agent
      .post('/file')
      .attach('file', PACKAGE)
      .field('name', 'test')
      .expectSealed()
      .expect(201, { body: { name: 'test' }, file: content });
    await agent
      .post('/file/pass-validation')
      .attach('file', PACKAGE)
      .field('name', 'test')
      .expect(201, { body: { name: 'test' }, file: content });
    await agent
      .post('/file/pass-validation')
      .field('name', 'test')
      .expect(201, { body: { name: 'test' } });
    await agent.post('/file/fail-validation').attach('file', PACKAGE).expectSealed().expect(400);
    await agent
      .post('/files')
      .attach('files', large, 'a.bin')
      .attach('files', Buffer.from('b'), 'b.bin')
      .expect(201, [
        ['a.bin', large.length],
        ['b.bin', 1],
      ]);
    const any = await agent
      .post('/any')
      .attach('one', large, 'a.bin')
      .field('text', 'words')
      .attach('two', Buffer.from('b'), 'b');
    expect(any.body).toEqual([
      [
        ['one', large.length],
        ['two', 1],
      ],
      { text: 'words' },
    ]);
    await agent
      .post('/fields')
      .attach('avatar', large, 'a.bin')
      .attach('background', Buffer.from('b'), 'b')
      .expect(201, { avatar: large.length, background: 1 });
  } finally {
    await app.close();
  }
});

it('The same shape on Fastify: a form that @fastify/multipart attaches to the body', async () => {
  interface Form {
    readonly body: { readonly name: { readonly value: string }; readonly file: { toBuffer(): Promise<Buffer> } };
  }
  @Encrypted()
  @Controller()
  class FormController {
    @Post('file')
    async upload(@Req() { body }: Form): Promise<object> {
      return { body: { name: body.name.value }, file: (await body.file.toBuffer()).toString() };
    }
  }
  const app = await TestApp.start('fastify', {
    controllers: [FormController],
    configure: async (nest) => {
      await (nest as NestFastifyApplication).register(multipart, { attachFieldsToBody: true });
    },
  });
  try {
    for (const file of [content, large.toString()]) {
      await request(app.url)
        .post('/file')
        .field('name', 'test')
        .attach('file', Buffer.from(file), 'package.json')
        .expectSealed()
        .expect(201, { body: { name: 'test' }, file });
    }
  } finally {
    await app.close();
  }
});
