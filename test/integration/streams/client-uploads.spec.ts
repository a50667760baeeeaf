import { expect, it } from '@jest/globals';
import multipart from '@fastify/multipart';
import { Body, Controller, HttpCode, Post, Put, Req, UploadedFile, UseInterceptors, type Type } from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import axios, { type AxiosProgressEvent } from 'axios';
import { sealAxios } from '../../../src/axios/index.js';
import type { E2eClientError, E2eProgress } from '../../../src/client/index.js';
import { Encrypted } from '../../../src/index.js';
import { errorOf } from '../../unit/client/support/harness.js';
import { until } from '../../support/clock.js';
import { onEachPlatform, useApp, type Setup } from '../e2e/support/apps.js';

const sha256 = (content: Uint8Array | string): string => createHash('sha256').update(content).digest('hex');

@Encrypted()
@Controller()
class BodyController {
  @Post('dto')
  @HttpCode(200)
  dto(@Body() body: { text: string }): object {
    return { length: body.text.length };
  }
  @Put('read')
  async read(@Req() request: IncomingMessage & { raw?: IncomingMessage }): Promise<object> {
    const hash = createHash('sha256');
    for await (const chunk of request.raw ?? request) hash.update(chunk as Buffer);
    const { 'content-type': type, 'content-length': length } = request.headers;
    return { sha256: hash.digest('hex'), type, length };
  }
}

@Encrypted()
@Controller('files')
class MulterController {
  @Post()
  @UseInterceptors(FileInterceptor('file'))
  file(
    @UploadedFile() file: { originalname: string; mimetype: string; buffer: Buffer },
    @Body() { note }: { note: string },
  ): object {
    return { note, name: file.originalname, type: file.mimetype, sha256: sha256(file.buffer) };
  }
}

@Encrypted()
@Controller('files')
class FormController {
  @Post()
  async file(@Req() request: { file(): Promise<Part> }): Promise<object> {
    const part = await request.file();
    const content = await part.toBuffer();
    return { note: part.fields.note.value, name: part.filename, type: part.mimetype, sha256: sha256(content) };
  }
}

interface Part {
  readonly filename: string;
  readonly mimetype: string;
  readonly fields: { readonly note: { readonly value: string } };
  toBuffer(): Promise<Buffer>;
}

const SETUPS: Record<'express' | 'fastify', Setup> = {
  express: { controllers: [BodyController, MulterController] },
  fastify: {
    controllers: [BodyController as Type, FormController],
    configure: async (nest) => {
      const fastify = nest as NestFastifyApplication;
      await fastify.register(multipart, { limits: { fileSize: 2 ** 24 } });
      // Nest's own useBodyParser() would read it whole.
      const types = ['application/octet-stream', 'application/x-thing'];
      fastify
        .getHttpAdapter()
        .getInstance()
        .addContentTypeParser(types, (_request, _body, done) => done(null));
    },
  },
};

onEachPlatform('A long body of the client', (platform) => {
  const app = useApp(platform, { ...SETUPS[platform], e2e: { maxStreamSize: 4_000_000 } });
  const json = async (call: Promise<Response>): Promise<unknown> => (await call).json();
  /** What the handler sees of it is what it would see in the clear. */
  const content = new Uint8Array(1_500_000).map((_, index) => (index * 7919) >> 3);

  it.each([10, 60_000, 70_000, 1_500_000])('is a form with a file of %d bytes', async (size) => {
    const form = new FormData();
    form.append('note', 'häl\nlo');
    form.append('file', new File([content.subarray(0, size)], 'ä.bin', { type: 'application/x-thing' }));
    app().tap.clear();
    expect(await json(app().client().fetch('/files', { method: 'POST', body: form }))).toMatchObject({
      note: 'häl\r\nlo',
      type: 'application/x-thing',
      sha256: sha256(content.subarray(0, size)),
    });
    for (const secret of ['form-data', 'filename', 'x-thing']) expect(app().tap.text).not.toContain(secret);
  });

  it('reaches a handler that reads the request, with its media type, and its length where that is known', async () => {
    const client = app().client();
    const put = (body: unknown, headers = {}) =>
      json(client.fetch('/read', { method: 'PUT', body: body as BodyInit, headers }));
    const type = 'application/octet-stream';
    const known = { sha256: sha256(content), type, length: String(content.length) };
    expect(await put(content)).toEqual(known);
    expect(await put(new Blob([content]))).toEqual(known);
    expect(await put(new Blob([content]).stream())).toEqual({ sha256: sha256(content), type });
    expect(await put(new Blob([content]), { 'content-type': 'application/x-thing' })).toEqual({
      ...known,
      type: 'application/x-thing',
    });
  });

  it('reaches a handler that takes a DTO', async () => {
    const body = JSON.stringify({ text: 'x'.repeat(500_000) });
    const headers = { 'content-type': 'application/json' };
    for (const each of [body, new Blob([body]).stream()]) {
      expect(await json(app().client().fetch('/dto', { method: 'POST', body: each, headers }))).toEqual({
        length: 500_000,
      });
    }
  });

  it('is too-large where it is over maxStreamSize, or a DTO over maxBodySize', async () => {
    const client = app().client();
    const long = JSON.stringify({ text: 'x'.repeat(1_500_000) });
    const headers = { 'content-type': 'application/json' };
    const file = new Blob([new Uint8Array(6_000_000)]);
    expect(await errorOf(client.fetch('/read', { method: 'PUT', body: file }))).toMatchObject({
      code: 'refused',
      problem: 'too-large',
      status: 413,
    });
    for (const body of [long, new Blob([long])]) {
      // On Fastify its own limit for bodies is the lower one, and its answer like any other.
      const call = client.fetch('/dto', { method: 'POST', body, headers });
      expect((await call.catch((error: unknown) => error as E2eClientError)).status).toBe(413);
    }
    expect((await client.fetch('/files', { method: 'GET' })).status).toBe(404);
  });

  it('tells its progress, and that of the answer, by the client and by axios', async () => {
    const seen: E2eProgress[] = [];
    const onProgress = (progress: E2eProgress): number => seen.push(progress);
    const body = new Blob([content]);
    await app().client().fetch('/read', { method: 'PUT', body, e2e: { onProgress } });
    await app().client().fetch('/read', { method: 'PUT', body: 'short', e2e: { onProgress } });
    const uploads = seen.filter(({ direction }) => direction === 'upload');
    expect(uploads.map(({ loaded }) => loaded)).toEqual([
      ...Array.from({ length: 22 }, (_, frame) => (frame + 1) * 65_536),
      content.length,
      5,
    ]);
    expect(new Set(uploads.map(({ total }) => total))).toEqual(new Set([content.length, 5]));
    expect(seen.at(-1)).toMatchObject({ direction: 'download', loaded: seen.at(-1)!.total });

    const events: AxiosProgressEvent[] = [];
    const http = sealAxios(axios.create({ baseURL: app().url }), app().client());
    const form = new FormData();
    form.append('note', 'a');
    form.append('file', body, 'a.bin');
    const { data } = await http.post<object>('/files', form, {
      onUploadProgress: (event) => events.push(event),
      onDownloadProgress: (event) => events.push(event),
    });
    expect(data).toMatchObject({ note: 'a', name: 'a.bin', sha256: sha256(content) });
    expect(events.filter(({ upload }) => upload).at(-1)).toMatchObject({ progress: 1, lengthComputable: true });
    expect(events.filter(({ download }) => download).at(-1)).toMatchObject({ progress: 1 });
    for (const responseType of ['arraybuffer', 'blob', 'stream'] as const) {
      const { data: raw } = await http.post<BodyInit>('/files', form, { responseType });
      expect(await new Response(raw).json()).toEqual(data);
    }
  });

  it('that its server does not read is let go, and the client sees why', async () => {
    const client = app().client();
    let isLetGo = false;
    const endless = new ReadableStream({
      pull: async (controller) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        controller.enqueue(new Uint8Array(100));
      },
      cancel: () => void (isLetGo = true),
    });
    const init = { method: 'POST', body: endless, duplex: 'half' } as RequestInit;
    expect((await client.fetch('/nothing', init)).status).toBe(404);
    await until(() => isLetGo);
    expect((await client.fetch('/nothing')).status).toBe(404);
  });

  it('that cannot be read is stream-broken to the server, which keeps nothing of it', async () => {
    const reason = new Error('unplugged');
    const failing = new ReadableStream({
      pull: (controller) => {
        controller.enqueue(content.subarray(0, 1000));
        controller.error(reason);
      },
    });
    const error = await errorOf(app().client().fetch('/read', { method: 'PUT', body: failing }));
    expect([error.code, error.cause]).toEqual(['body-failed', reason]);
  });
});
