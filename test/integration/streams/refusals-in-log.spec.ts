import { expect, it } from '@jest/globals';
import multipart from '@fastify/multipart';
import { Body, Controller, Post, Req, UploadedFile, UseInterceptors } from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { sendUpload, upload } from './support/frames.js';

type AnyRequest = IncomingMessage & { raw?: IncomingMessage };

@Encrypted()
@Controller()
class BodyController {
  @Post('dto')
  dto(@Body() body: object): object {
    return body;
  }
  @Post('read')
  async read(@Req() request: AnyRequest): Promise<object> {
    let bytes = 0;
    for await (const chunk of request.raw ?? request) bytes += (chunk as Buffer).length;
    return { bytes };
  }
  @Post('pipeline')
  async pipeline(@Req() request: AnyRequest): Promise<object> {
    await pipeline(request.raw ?? request, async (source) => {
      for await (const chunk of source) Buffer.from(chunk as Buffer);
    });
    return {};
  }
}

@Encrypted()
@Controller()
class MulterController {
  @Post('form')
  @UseInterceptors(FileInterceptor('file'))
  form(@UploadedFile() file: { size: number }): object {
    return { size: file.size };
  }
}

@Encrypted()
@Controller()
class FormController {
  @Post('form')
  async form(@Req() request: { file(): Promise<{ toBuffer(): Promise<Buffer> }> }): Promise<object> {
    return { size: (await (await request.file()).toBuffer()).length };
  }
}

const LIMIT = 100_000;
const TYPES = {
  dto: 'application/json',
  read: 'application/x-upload',
  pipeline: 'application/x-upload',
  form: 'multipart/form-data; boundary=b',
} as const;
const STARTS = {
  dto: '{"text":"',
  read: '',
  pipeline: '',
  form: '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n',
};
type Path = keyof typeof TYPES;

onEachPlatform("A body that the caller is to blame for is no error of the server's", (platform) => {
  const app = useApp(platform, {
    controllers: [BodyController, platform === 'express' ? MulterController : FormController],
    e2e: { maxStreamSize: LIMIT, maxBodySize: LIMIT },
    configure: async (nest) => {
      if (platform !== 'fastify') return;
      const fastify = nest as NestFastifyApplication;
      await fastify.register(multipart, { limits: { fileSize: 2 ** 24 } });
      const instance = fastify.getHttpAdapter().getInstance();
      instance.addContentTypeParser('application/x-upload', (_request, _payload, done) => done(null));
    },
  });

  const pieces = (path: Path, size: number): string[] => [
    STARTS[path],
    ...Array<string>(size / 10_000).fill('x'.repeat(10_000)),
  ];

  it.each(Object.keys(TYPES) as Path[])('too large: %s', async (path) => {
    const channel = await app().visitor().handshake('X25519');
    app().log.lines.length = 0;
    const answer = await sendUpload(channel, upload(channel, `/${path}`, TYPES[path], pieces(path, 2 * LIMIT)));
    expect(answer.status).toBe(413);
    expect(app().log.lines.filter((line) => /^(error|warn)/.test(line))).toEqual([]);
  });

  it.each(Object.keys(TYPES) as Path[])('broken: %s', async (path) => {
    const channel = await app().visitor().handshake('X25519');
    app().log.lines.length = 0;
    const whole = upload(channel, `/${path}`, TYPES[path], pieces(path, 0.9 * LIMIT));
    const answer = await sendUpload(channel, { ...whole, frames: whole.frames.slice(0, -1) });
    expect(answer.status).toBe(400);
    expect(app().log.lines.filter((line) => /^(error|warn)/.test(line))).toEqual([]);
  });
});
