import { afterAll, expect, it } from '@jest/globals';
import { Controller, Get, Query, Render, Res } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createReadStream, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onEachPlatform, type PlatformName } from '../e2e/support/apps.js';
import { usePair, type PairSetup } from './support/compare.js';

const folder = mkdtempSync(join(tmpdir(), 'files-'));
const FILES: Readonly<Record<string, string | Buffer>> = {
  'note.view': 'The title is {title}.',
  'broken.view': '{nothing}',
  'a.txt': 'hello ü',
  'empty.txt': '',
  'page.html': '<p>ü</p>',
  'no-extension': 'bytes',
  'image.png': Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 255]),
  'large.json': JSON.stringify('x'.repeat(300_000)),
};
for (const [name, content] of Object.entries(FILES)) writeFileSync(join(folder, name), content);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Reply {
  sendFile(name: string, root?: object): unknown;
  download(name: string, as?: string): unknown;
  render(view: string, data: object): unknown;
  view?(view: string, data: object): unknown;
}
/** What is used of Fastify's. */
interface FastifyReply extends Reply {
  type(type: string): this;
  header(name: string, value: string | number): this;
  send(body: unknown): unknown;
  callNotFound(): unknown;
}

@Controller('views')
class ViewController {
  @Get('rendered')
  @Render('note')
  rendered(@Query('title') title: string): object {
    return { title };
  }
  @Get('broken')
  @Render('broken')
  broken(): object {
    return {};
  }
  @Get('missing')
  @Render('missing')
  missing(): object {
    return {};
  }
  @Get('by-hand')
  byHand(@Res() reply: Reply): void {
    if (reply.view) reply.view('note', { title: 'ü' });
    else reply.render('note', { title: 'ü' });
  }
}

@Controller('files')
class FileController {
  @Get('sent')
  sent(@Query('name') name: string, @Res() reply: Reply): void {
    reply.sendFile(name, isFastify(reply) ? undefined : { root: folder });
  }
  @Get('downloaded')
  downloaded(@Query('name') name: string, @Res() reply: Reply): void {
    reply.download(isFastify(reply) ? name : join(folder, name), 'ü.txt');
  }
}

const isFastify = (reply: object): boolean => 'view' in reply;

/** A view engine that fills a template in, or fails. */
function fillIn(template: string, data: Record<string, unknown>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => {
    if (!(name in data)) throw new Error(`there is no ${name}`);
    return String(data[name]);
  });
}

const configure: PairSetup['configure'] = (nest, platform) => {
  if (platform === 'express') {
    const app = nest as NestExpressApplication;
    app.setBaseViewsDir(folder);
    app.setViewEngine('view');
    app.engine('view', (path: string, data: Record<string, unknown>, done: (error: unknown, text?: string) => void) => {
      try {
        done(null, fillIn(String(FILES[path.split('/').pop()!]), data));
      } catch (error) {
        done(error);
      }
    });
    return;
  }
  const fastify = (nest as NestFastifyApplication).getHttpAdapter().getInstance();
  // As @fastify/view and @fastify/static do; the latter does not load under jest on Node 20.
  fastify.decorateReply('view', function (this: FastifyReply, view: string, data?: object) {
    const template = FILES[`${view}.view`];
    if (template === undefined) return this.send(new Error('there is no such view'));
    return this.type('text/html; charset=utf-8').send(fillIn(String(template), data as Record<string, unknown>));
  } as never);
  fastify.decorateReply('sendFile', function (this: FastifyReply, name: string) {
    const path = join(folder, name);
    if (!existsSync(path)) return this.callNotFound();
    const { size, mtime } = statSync(path);
    this.header('accept-ranges', 'bytes').header('last-modified', mtime.toUTCString()).header('content-length', size);
    return this.type('application/octet-stream').send(createReadStream(path));
  } as never);
  fastify.decorateReply('download', function (this: FastifyReply, name: string, as: string) {
    return this.header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(as)}`).sendFile(name);
  } as never);
};

const named = (path: string): string[] => [...Object.keys(FILES), 'missing.txt'].map((name) => `${path}?name=${name}`);
const PATHS = [
  '/views/rendered?title=a+title',
  '/views/rendered?title=%C3%BC%3Cb%3E',
  '/views/broken',
  '/views/missing',
  '/views/by-hand',
  ...named('/files/sent'),
  ...named('/files/downloaded'),
];

onEachPlatform('A sealed route answers files and views as the plain one does', (platform: PlatformName) => {
  const pair = usePair(platform, {
    controllers: [ViewController, FileController],
    configure,
    // Fastify's 404 names the URL.
    client: { sealQuery: false },
  });

  it.each(PATHS)('%s', async (path) => {
    const { plain, sealed } = await pair().both(path);
    expect(sealed).toEqual(plain);
  });
});
