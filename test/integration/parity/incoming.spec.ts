import { expect, it } from '@jest/globals';
import multipart from '@fastify/multipart';
import {
  Body,
  Controller,
  Post,
  Query,
  Req,
  UploadedFile,
  UploadedFiles,
  UseInterceptors,
  type Type,
} from '@nestjs/common';
import { AnyFilesInterceptor, FileInterceptor } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { IncomingMessage } from 'node:http';
import { Encrypted } from '../../../src/index.js';
import { form, json, search } from '../../external/conformance/channel.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { expectPlainProblem } from '../e2e/support/raw.js';
import { usePair, type PairSetup } from './support/compare.js';

interface MulterFile {
  readonly originalname: string;
  readonly mimetype: string;
  readonly size: number;
  readonly buffer: Buffer;
}

interface Part {
  readonly type: string;
  readonly fieldname: string;
  readonly value?: unknown;
  readonly filename?: string;
  toBuffer(): Promise<Buffer>;
}

@Controller('upload')
class MulterController {
  @Post('file')
  @UseInterceptors(FileInterceptor('file'))
  file(@UploadedFile() file: MulterFile | undefined, @Body() body: object): object {
    return {
      name: file?.originalname,
      bytes: file?.buffer.toString('latin1'),
      type: file?.mimetype,
      body: { ...body },
    };
  }
  @Post('any')
  @UseInterceptors(AnyFilesInterceptor())
  any(@UploadedFiles() files: MulterFile[], @Body() body: object): object {
    return { files: files.map(({ originalname, size }) => [originalname, size]), body: { ...body } };
  }
}

@Controller('upload')
class FastifyMultipartController {
  @Post('file')
  async file(@Req() request: { file(): Promise<Part & { fields: object }> }): Promise<object> {
    const file = await request.file();
    return { name: file.filename, bytes: (await file.toBuffer()).toString('latin1'), fields: Object.keys(file.fields) };
  }
  @Post('any')
  async any(@Req() request: { parts(): AsyncIterable<Part> }): Promise<object> {
    const parts = [];
    for await (const part of request.parts()) {
      parts.push([part.fieldname, part.type === 'file' ? (await part.toBuffer()).length : part.value]);
    }
    return { parts };
  }
}

@Controller('attached')
class AttachedController {
  @Post()
  attached(@Body() body: Record<string, unknown>): object {
    return Object.fromEntries(
      Object.entries(body).map(([name, value]) => [name, Buffer.isBuffer(value) ? value.length : value]),
    );
  }
}

const BOUNDARY = '----boundary';
const part = (name: string, value: string, filename?: string): string =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${filename ? `; filename="${filename}"` : ''}\r\n` +
  `${filename ? 'Content-Type: text/plain\r\n' : ''}\r\n${value}\r\n`;
const END = `--${BOUNDARY}--\r\n`;

const FORMS: Readonly<Record<string, string>> = {
  'a file and fields': part('text', 'hello') + part('file', 'x'.repeat(5000), 'ü a.txt') + part('after', '1') + END,
  'fields alone': part('user[name]', 'ada') + part('list[]', '1') + part('list[]', '2') + END,
  'an empty file': part('file', '', 'a.txt') + END,
  'nothing but the end': END,
  'half a megabyte': part('file', 'y'.repeat(500_000), 'b.txt') + END,
  'cut short': part('file', 'x'.repeat(100), 'a.txt').slice(0, 60),
  'no multipart at all': 'hello',
};

const SETUPS: Record<'express' | 'fastify', [setup: PairSetup, paths: string[]][]> = {
  express: [[{ controllers: [MulterController] }, ['/upload/file', '/upload/any']]],
  fastify: [
    [
      {
        controllers: [FastifyMultipartController as Type],
        configure: (nest) => (nest as NestFastifyApplication).register(multipart),
      },
      ['/upload/file', '/upload/any'],
    ],
    [
      {
        controllers: [AttachedController],
        configure: (nest) => (nest as NestFastifyApplication).register(multipart, { attachFieldsToBody: 'keyValues' }),
      },
      ['/attached'],
    ],
  ],
};

onEachPlatform('A multipart form in one message is parsed as a plain one', (platform) => {
  for (const [setup, paths] of SETUPS[platform]) {
    const pair = usePair(platform, setup);

    it.each(paths.flatMap((path) => Object.keys(FORMS).map((name) => [path, name] as const)))(
      '%s: %s',
      async (path, name) => {
        const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };
        const { plain, sealed } = await pair().both(path, { method: 'POST', headers, body: FORMS[name]! });
        expect(sealed).toEqual(plain);
      },
    );
  }
});

@Encrypted()
@Controller('sealed')
class SealedController {
  ran = 0;
  @Post()
  see(
    @Req() request: IncomingMessage & { raw?: IncomingMessage },
    @Body() body: unknown,
    @Query() query: object,
  ): object {
    this.ran++;
    const { headers, rawHeaders, trailers } = request.raw ?? request;
    return { body, query, headers, rawHeaders, trailers };
  }
}

const DESCRIPTIONS = [
  'content-encoding',
  'content-location',
  'content-range',
  'content-md5',
  'content-language',
  'digest',
  'content-digest',
  'repr-digest',
  'want-digest',
  'want-content-digest',
  'want-repr-digest',
  'trailer',
];

onEachPlatform('Of a sealed request, the handler', (platform) => {
  const app = useApp(platform, { controllers: [SealedController] });

  it.each(DESCRIPTIONS)('never sees %s from outside', async (name) => {
    const channel = await app().visitor().handshake('X25519');
    const chunked = name === 'trailer';
    const headers = { [name]: name === 'trailer' ? 'X-Note' : 'outside' };
    const sealed = await channel.request('POST', '/sealed', json({ a: 1 }), { headers, chunked });
    expect(sealed.status).toBe(201);
    const seen = JSON.parse(sealed.text) as { headers: object; rawHeaders: string[]; body: unknown };
    expect(seen.body).toEqual({ a: 1 });
    expect(seen.headers).not.toHaveProperty(name);
    expect(seen.headers).toMatchObject({ 'content-type': 'application/json', 'content-length': '7' });
    expect(seen.rawHeaders.map((each) => each.toLowerCase())).not.toContain(name);
    expect(seen.rawHeaders.join()).not.toContain('application/jose');
    expect(sealed.text).not.toContain('outside');
  });

  it.each(['application/jose', 'application/vnd.e2e.stream', 'Application/JOSE'])(
    'never gets a body that calls itself %s inside',
    async (cty) => {
      const before = app().get(SealedController).ran;
      const channel = await app().visitor().handshake('X25519');
      const message = channel.message('POST', '/sealed', { text: 'a.b.c.d.e', cty });
      expectPlainProblem(await channel.post(message), 'message-rejected');
      expect(app().get(SealedController).ran).toBe(before);
    },
  );

  it.each([
    ['JSON', '{"a":{"__proto__":{"isAdmin":true}}}', 'application/json'],
    ['JSON', '{"constructor":{"prototype":{"isAdmin":true}}}', 'application/json'],
    ['JSON', '['.repeat(200) + ']'.repeat(200), 'application/json'],
    ['a form', '__proto__=1', 'application/x-www-form-urlencoded'],
    ['a form', 'constructor[prototype][isAdmin]=1', 'application/x-www-form-urlencoded'],
    ['a query', '__proto__=1', undefined],
  ])('gets no %s that would change every prototype, or is nested too deep: %s', async (_, text, cty) => {
    const before = app().get(SealedController).ran;
    const channel = await app().visitor().handshake('X25519');
    const sealed =
      cty === undefined
        ? await channel.request('POST', '/sealed', search(text))
        : await channel.request('POST', '/sealed', cty.startsWith('application/x') ? form(text) : { text, cty });
    // Express and Fastify parse forms by other parsers: what they leave out does no harm.
    if (sealed.status !== 400) expect(sealed.text).not.toMatch(/__proto__|"prototype"/);
    else expect(app().get(SealedController).ran).toBe(before);
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
  });
});
