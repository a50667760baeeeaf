import multipart from '@fastify/multipart';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { Controller, Get, Post, Req, Sse, StreamableFile } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { IncomingMessage } from 'node:http';
import { interval, map, take, type Observable } from 'rxjs';
import { progressLine } from '../../../src/cli/progress.js';
import { run } from '../../../src/cli/main.js';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp } from '../../integration/e2e/support/apps.js';
import { useCommandLine } from './support/command.js';

const FILE = Buffer.concat([Buffer.from('canary-7f3a91'), randomBytes(300_000)]);

@Encrypted()
@Controller('files')
class FileController {
  @Post()
  async read(@Req() request: IncomingMessage & { raw?: IncomingMessage; body?: unknown }): Promise<object> {
    const chunks: Buffer[] = [];
    for await (const chunk of request.raw ?? request) chunks.push(chunk as Buffer);
    // Fastify has a parser for bytes here, and none for forms.
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.concat(chunks);
    const type = request.headers['content-type']!;
    if (!type.startsWith('multipart/')) return { type, same: body.equals(FILE), size: body.length };
    const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData();
    const parts = [...form].map(([name, value]) =>
      typeof value === 'string' ? [name, value] : [name, value.name, value.type, value.size],
    );
    return { parts };
  }

  @Get()
  file(): StreamableFile {
    return new StreamableFile(FILE, { type: 'application/pdf', length: FILE.length });
  }

  @Get('broken')
  broken(): StreamableFile {
    async function* pieces() {
      yield FILE;
      await new Promise(setImmediate);
      throw new Error('the disk is gone');
    }
    return new StreamableFile(Readable.from(pieces()));
  }

  @Sse('events')
  events(): Observable<object> {
    return interval(5).pipe(
      take(3),
      map((n) => ({ data: { n, bell: '\u0007' } })),
    );
  }
}

onEachPlatform('the command line, on streams', (platform) => {
  const cli = useCommandLine();
  const app = useApp(platform, {
    controllers: [FileController],
    configure: async (nest) => {
      if (platform === 'express') return;
      await (nest as NestFastifyApplication).register(multipart);
      (nest as NestFastifyApplication).useBodyParser(
        'application/octet-stream',
        { bodyLimit: 1_000_000 },
        (_request, body, done) => done(null, body),
      );
    },
  });
  const call = (method: string, path: string, ...args: string[]) =>
    cli.run([method, app().url + path, '--kind', 'x25519', ...args]);
  const left = () => readdirSync(cli.folder).filter((name) => name.endsWith('.part'));

  it('uploads files and fields, in frames', async () => {
    const file = join(cli.folder, 'report-zulu.pdf');
    writeFileSync(file, FILE);
    app().tap.clear();
    const form = await call(
      'post',
      '/files',
      '-F',
      'title=A=B',
      '-F',
      `file=@${file};type=application/pdf`,
      '-F',
      `as=@${file};filename=b"c.bin`,
    );
    expect(form.err).toBe('');
    expect(JSON.parse(form.out)).toEqual({
      parts: [
        ['title', 'A=B'],
        ['file', 'report-zulu.pdf', 'application/pdf', FILE.length],
        ['as', 'b"c.bin', 'application/octet-stream', FILE.length],
      ],
    });
    const whole = await call('post', '/files', '--data-binary', `@${file}`);
    expect(JSON.parse(whole.out)).toEqual({ type: 'application/octet-stream', same: true, size: FILE.length });
    const args = ['post', `${app().url}/files`, '--kind', 'X25519', '--data-binary', '@-'];
    expect(JSON.parse((await cli.run(args, 'from input')).out)).toMatchObject({ size: 10 });
    expect(app().tap.text).toContain('application/vnd.e2e.stream');
    expect(app().tap.text).not.toMatch(/canary-7f3a91|report-zulu|form-data|from input/);
    const shown = await call('post', '/files', '-v', '-F', `file=@${file}`);
    expect(shown.err).toMatch(/frame 0 {2}more {2}\d+ bytes/);
    expect(shown.err).toContain('(a body that is read as it is sent)');
  });

  it('saves a download under its name once it is whole, and no other', async () => {
    const file = join(cli.folder, 'out.pdf');
    expect(await call('get', '/files', '-o', file)).toEqual({ code: 0, out: '', err: '' });
    expect(readFileSync(file).equals(FILE)).toBe(true);
    // One that breaks leaves the earlier one as it was, or none.
    const broken = await call('get', '/files/broken', '-o', file);
    expect(broken).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^stream-(broken|failed): /) });
    expect(readFileSync(file).equals(FILE)).toBe(true);
    const fresh = join(cli.folder, 'fresh.pdf');
    expect(await call('get', '/files/broken', '-o', fresh)).toMatchObject({ code: 2 });
    const missing = await call('get', '/files/none', '-o', fresh);
    expect(missing).toMatchObject({ code: 4, out: expect.stringContaining('"statusCode": 404') });
    expect(existsSync(fresh)).toBe(false);
    expect(left()).toEqual([]);
  });

  it('prints events as they come', async () => {
    const { code, out } = await call('get', '/files/events', '-N');
    expect(code).toBe(0);
    expect(out.match(/^data: .*$/gm)).toHaveLength(3);
    const seen: string[] = [];
    const bar: string[] = [];
    const io = {
      out: (text: string | Uint8Array) => seen.push(String(text)),
      err: (text: string) => bar.push(text),
      input: async function* () {
        // nothing
      },
      isTerminal: { out: true, err: true },
      colours: false,
      columns: 100,
    };
    const on = ['--kind', 'X25519'];
    expect(await run(['get', `${app().url}/files/events`, '-N', ...on], io)).toBe(0);
    expect(seen.length).toBeGreaterThan(1);
    // A download has a bar on a terminal, and in a pipe none.
    expect(await run(['get', `${app().url}/files`, '-o', join(cli.folder, 'bar'), ...on], io)).toBe(0);
    expect(bar.join('')).toMatch(/\[#{30}\] 100 % {2}0\.3 MiB of 0\.3 MiB\n$/);
  });
});

describe('a progress line', () => {
  it.each([
    [0, 100, '[..............................]   0 %  0.0 MiB of 0.0 MiB'],
    [2 ** 20, 2 ** 21, '[###############...............]  50 %  1.0 MiB of 2.0 MiB'],
    [2 ** 20, Number.NaN, '1.0 MiB'],
  ])('of %d of %d bytes', (loaded, total, line) => {
    expect(progressLine(loaded, total)).toBe(line);
  });
});
