import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import multipart from '@fastify/multipart';
import { Body, Controller, Post, Req, UploadedFile, UseInterceptors, type Type } from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp, type Setup } from '../e2e/support/apps.js';
import { KIND, sendUpload, upload } from './support/frames.js';
import { until } from '../../support/clock.js';

const folder = mkdtempSync(join(tmpdir(), 'uploads-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface FormPart {
  readonly type: string;
  readonly fieldname: string;
  readonly value?: unknown;
  toBuffer(): Promise<Buffer>;
}

/** How often a handler ran, and how often one took a body for complete. */
const count = { ran: 0, complete: 0 };

@Encrypted()
@Controller('bodies')
class BodyController {
  @Post('dto')
  dto(@Body() body: unknown): object {
    count.ran++;
    return { body };
  }
  @Post('read')
  async read(@Req() request: IncomingMessage & { raw?: IncomingMessage }): Promise<object> {
    count.ran++;
    let bytes = 0;
    for await (const chunk of request.raw ?? request) bytes += (chunk as Buffer).length;
    count.complete++;
    const { 'content-type': type, 'content-length': length } = request.headers;
    return { bytes, type, length };
  }
  @Post('unread')
  unread(): object {
    return { unread: true };
  }
}

@Encrypted()
@Controller('files')
class MulterController {
  @Post('memory')
  @UseInterceptors(FileInterceptor('file'))
  memory(@UploadedFile() file: { size: number; originalname: string }, @Body() body: object): object {
    count.ran++;
    return { size: file.size, name: file.originalname, fields: { ...body } };
  }
  @Post('disk')
  @UseInterceptors(FileInterceptor('file', { dest: folder }))
  disk(@UploadedFile() file: { size: number; originalname: string }, @Body() body: object): object {
    count.ran++;
    return { size: file.size, name: file.originalname, fields: { ...body } };
  }
}

@Encrypted()
@Controller('files')
class FormController {
  @Post('memory')
  async file(@Req() request: { file(): Promise<FormPart & { filename: string }> }): Promise<object> {
    const file = await request.file();
    const { length } = await file.toBuffer();
    count.ran++;
    return { size: length, name: file.filename, fields: { text: 'hello' } };
  }
  @Post('disk')
  async parts(@Req() request: { parts(): AsyncIterable<FormPart & { filename: string }> }): Promise<object> {
    let size = 0;
    let name = '';
    const fields: Record<string, unknown> = {};
    for await (const part of request.parts()) {
      if (part.type === 'file') [size, name] = [(await part.toBuffer()).length, part.filename];
      else fields[part.fieldname] = part.value;
    }
    count.ran++;
    return { size, name, fields };
  }
}

const SETUPS: Record<'express' | 'fastify', Setup> = {
  express: { controllers: [BodyController, MulterController] },
  fastify: {
    controllers: [BodyController as Type, FormController],
    configure: async (nest) => {
      const fastify = nest as NestFastifyApplication;
      await fastify.register(multipart);
      fastify.useBodyParser('application/octet-stream', {}, ((_request: unknown, _body: unknown, done: () => void) =>
        done()) as never);
    },
  },
};

const FORM = 'multipart/form-data; boundary=b';
const formOf = (content: string): string =>
  `--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nhello\r\n` +
  `--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n${content}\r\n--b--\r\n`;
const pieces = (text: string, size: number): string[] =>
  Array.from({ length: Math.ceil(text.length / size) }, (_, index) => text.slice(index * size, (index + 1) * size));

onEachPlatform('A body in frames', (platform) => {
  const app = useApp(platform, { ...SETUPS[platform], e2e: { maxStreamSize: 2_000_000 } });
  const patient = useApp(platform, { ...SETUPS[platform], e2e: { streamIdleTimeout: 200 } });

  it.each(['memory', 'disk'])('reaches a multipart parser as a plain one would: %s', async (path) => {
    const channel = await app().visitor().handshake('X25519');
    for (const [size, pieceSize] of [
      [10, 7],
      [100_000, 65_536],
      [1_000_000, 65_536],
    ] as const) {
      const sent = upload(channel, `/files/${path}`, FORM, pieces(formOf('x'.repeat(size)), pieceSize));
      const sealed = await sendUpload(channel, sent);
      expect(JSON.parse(sealed.text)).toEqual({ size, name: 'a.txt', fields: { text: 'hello' } });
      expect(sealed.header.early).toBeUndefined();
    }
  });

  it('reaches a handler that takes a DTO, collected', async () => {
    const channel = await app().visitor().handshake('X25519');
    const text = JSON.stringify({ text: 'x'.repeat(300_000) });
    for (const length of [undefined, text.length]) {
      const sent = upload(channel, '/bodies/dto', 'application/json', pieces(text, 65_536), { members: { length } });
      const sealed = await sendUpload(channel, sent, { chunked: length === undefined });
      expect(sealed.status).toBe(201);
      expect(sealed.text).toBe(`{"body":${text}}`);
    }
  });

  it('is too-large for a DTO over maxBodySize, and for anybody over maxStreamSize', async () => {
    const channel = await app().visitor().handshake('X25519');
    const dto = upload(channel, '/bodies/dto', 'application/json', pieces(`["${'x'.repeat(1_200_000)}"]`, 65_536));
    expect((await sendUpload(channel, dto)).status).toBe(413);
    const file = upload(channel, '/files/memory', FORM, pieces(formOf('x'.repeat(2_100_000)), 65_536));
    const sealed = await sendUpload(channel, file);
    expect(sealed.status).toBe(413);
    expect(JSON.parse(sealed.text)).toMatchObject({ type: 'urn:e2e:problem:too-large' });
  });

  it('is refused by its head where that was seen before, and its handler runs once', async () => {
    const channel = await app().visitor().handshake('X25519');
    const sent = upload(channel, '/files/memory', FORM, [formOf('x')]);
    const { ran } = count;
    expect((await sendUpload(channel, sent)).status).toBe(201);
    const again = await sendUpload(channel, sent);
    expect(JSON.parse(again.text)).toMatchObject({ type: 'urn:e2e:problem:message-replayed' });
    expect(count.ran).toBe(ran + 1);
  });

  it('is stream-broken where nothing comes any more, and its handler hears of it', async () => {
    const channel = await patient().visitor().handshake('X25519');
    const { message, ...sent } = upload(channel, '/bodies/dto', 'application/json', ['["', 'x"]']);
    const { hostname, port } = new URL(channel.visitor.base);
    const socket = connect(Number(port), hostname);
    socket.write(
      `POST /bodies/dto HTTP/1.1\r\nHost: x\r\nCookie: ${String(channel.visitor.jar)}\r\n` +
        'Content-Type: application/vnd.e2e.stream\r\nContent-Length: 100000\r\n\r\n',
    );
    socket.write(Buffer.concat([sent.head, sent.frames[0]!]));
    const answer = String((await once(socket, 'data'))[0]);
    socket.destroy();
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
    const fields = head.split('\r\n').map((line) => line.split(': '));
    const headers = Object.fromEntries(fields.map(([name = '', value]) => [name.toLowerCase(), value]));
    const sealed = channel.open({ status: 400, headers, rawHeaders: [], body }, message);
    expect(JSON.parse(sealed.text)).toMatchObject({ type: 'urn:e2e:problem:stream-broken' });
  });

  it('that nobody reads is read on, and the connection serves again', async () => {
    const channel = await app().visitor().handshake('X25519');
    const sent = upload(channel, '/bodies/unread', FORM, pieces(formOf('x'.repeat(500_000)), 65_536));
    const sealed = await sendUpload(channel, sent);
    expect(sealed.status).toBe(201);
    expect((await channel.request('POST', '/bodies/dto', { text: '[1]', cty: 'application/json' })).status).toBe(201);
  });

  describe('that does not end as it must is stream-broken, no file is kept, and no handler takes it for complete', () => {
    const target = '/files/disk';
    const parts = pieces(formOf('secret'), 60);

    async function expectBroken(change: (head: Buffer, frames: readonly Buffer[]) => Buffer, more = {}): Promise<void> {
      const channel = await app().visitor().handshake('X25519');
      const { ran } = count;
      const sent = upload(channel, target, FORM, parts, more);
      const sealed = await sendUpload(channel, sent, { body: change(sent.head, sent.frames) });
      expect(sealed.status).toBe(400);
      expect(JSON.parse(sealed.text)).toMatchObject({ type: 'urn:e2e:problem:stream-broken' });
      expect(count.ran).toBe(ran);
      // Multer removes a file some time after the response, and may even have created it only then.
      await until(() => readdirSync(folder).length === kept);
    }
    let kept = 0;
    beforeAll(() => {
      kept = readdirSync(folder).length;
    });
    const frames = (change: (each: Buffer[]) => Buffer[]) => (head: Buffer, all: readonly Buffer[]) =>
      Buffer.concat([head, ...change([...all])]);

    it('cut at the end of every frame, a byte before it, and a byte after it', async () => {
      const channel = await app().visitor().handshake('X25519');
      const { frames: all } = upload(channel, target, FORM, parts);
      const ends = all.map((_, index) => Buffer.concat(all.slice(0, index)).length);
      for (const end of ends.flatMap((at) => [at - 1, at, at + 1]).filter((at) => at >= 0)) {
        await expectBroken((head, each) => Buffer.concat([head, Buffer.concat(each).subarray(0, end)]));
      }
    });

    it.each<[string, (each: Buffer[]) => Buffer[]]>([
      ['two frames change places', ([a, b, ...rest]) => [b!, a!, ...rest]],
      ['a frame is missing', ([a, , ...rest]) => [a!, ...rest]],
      ['a frame comes twice', ([a, ...rest]) => [a!, a!, ...rest]],
      ['something follows the last', (each) => [...each, Buffer.from('x')]],
      ['the last frame comes twice', (each) => [...each, each.at(-1)!]],
      ['a bit differs', ([a, ...rest]) => [Buffer.from(a!.map((byte, i) => (i === 30 ? byte ^ 1 : byte))), ...rest]],
      ['an unknown kind', ([a, ...rest]) => [Buffer.from(a!.map((byte, i) => (i === 0 ? 9 : byte))), ...rest]],
      ['a length beyond all', ([a, ...rest]) => [Buffer.from(a!.map((byte, i) => (i === 1 ? 9 : byte))), ...rest]],
    ])('%s', async (_, change) => {
      await expectBroken(frames(change));
    });

    it('given up by its sender, or of another length than it says', async () => {
      const channel = await app().visitor().handshake('X25519');
      const gaveUp = upload(channel, target, FORM, [...parts, ''], { end: KIND.failed });
      expect((await sendUpload(channel, gaveUp)).status).toBe(400);
      for (const length of [parts.join('').length - 1, parts.join('').length + 1]) {
        await expectBroken(
          frames((each) => each),
          { members: { length } },
        );
      }
    });

    it('from another stream', async () => {
      const channel = await app().visitor().handshake('X25519');
      const other = upload(channel, target, FORM, parts);
      await expectBroken((head) => Buffer.concat([head, ...other.frames]));
    });
  });

  it('is no body for a message without frames, nor a message for a head', async () => {
    const channel = await app().visitor().handshake('X25519');
    const message = channel.message('POST', '/bodies/dto', { text: '[1]', cty: 'application/json' });
    const head = upload(channel, '/bodies/dto', 'application/json', ['[1]']);
    const wrong = [
      { headers: { 'content-type': 'application/vnd.e2e.stream' }, body: `${message.jwe}\n` },
      { headers: { 'content-type': 'application/jose' }, body: head.message.jwe },
      { headers: { 'content-type': 'application/vnd.e2e.stream' }, body: head.message.jwe },
      { headers: { 'content-type': 'application/vnd.e2e.stream' }, body: 'x'.repeat(40_000) },
    ];
    for (const { headers, body } of wrong) {
      const reply = await channel.visitor.send({ method: 'POST', target: '/bodies/dto', headers, body });
      expect(reply.status).toBe(400);
      expect(reply.body).toContain('message-rejected');
    }
  });
});
