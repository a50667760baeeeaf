import { afterAll, describe, expect, it } from '@jest/globals';
import { Controller, Post, Req } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { Encrypted } from '../../../src/index.js';
import { useApp } from '../../integration/e2e/support/apps.js';
import { makeCanary } from './support/canary.js';
import { makeCertificate } from './support/certificate.js';
import { useChromium } from './support/chromium.js';
import { Content, sha256 } from './support/content.js';
import { growthOf } from './support/memory.js';
import { SiteController } from './support/site.js';

const { STREAM_MIB = '' } = process.env;
/** In MiB. What a browser writes to a file first is what has to be shown with a large one. */
const SIZES = { 'HTTP/1.1': +STREAM_MIB || 600, 'HTTP/1.1 with TLS': +STREAM_MIB || 16, 'HTTP/2': +STREAM_MIB || 64 };
/** What the browser may need more, in MiB, however large the file is: its buffers, and what is not collected yet. */
const ROOM = 300;

const folder = mkdtempSync(join(tmpdir(), 'upload-'));
afterAll(() => rmSync(folder, { recursive: true }));
const canary = makeCanary();

const count = { begun: 0, whole: 0 };

@Encrypted()
@Controller('streams')
class StreamController {
  @Post()
  async take(@Req() request: IncomingMessage & { raw?: IncomingMessage }): Promise<object> {
    count.begun++;
    const hash = await sha256(request.raw ?? request);
    count.whole++;
    return { sha256: hash };
  }
}

const { key, cert } = makeCertificate();

// Over plain HTTP the client asks for no stream; over TLS only the attempt tells that HTTP/1.1 takes none.
describe.each<[keyof typeof SIZES, string[]]>([
  ['HTTP/1.1', ['File']],
  ['HTTP/1.1 with TLS', ['ReadableStream', 'File']],
  ['HTTP/2', ['ReadableStream']],
])('a large body from a page, over %s', (version, by) => {
  const isHttp2 = version === 'HTTP/2';
  const isSecure = version !== 'HTTP/1.1';
  const chromium = useChromium();
  const app = useApp(isSecure ? 'fastify' : 'express', {
    controllers: [SiteController, StreamController],
    e2e: { maxStreamSize: 2 ** 31 },
    ...(isSecure && { fastify: () => new FastifyAdapter({ http2: isHttp2, https: { key, cert } } as never) }),
    configure: (nest) => {
      if (!isSecure) return;
      const fastify = (nest as NestFastifyApplication).getHttpAdapter().getInstance();
      fastify.addContentTypeParser('application/octet-stream', (_request, _body, done) => done(null));
    },
  });

  const size = SIZES[version];

  /** A page with a file chosen. Unless it is short, nobody keeps what passes. */
  async function openPage(content: Content): Promise<Page> {
    const page = await (await chromium.diskProfile({ ignoreHTTPSErrors: true })).newPage();
    const url = content.mebibytes > 64 ? await app().nest.getUrl() : app().url;
    await page.goto(`${url.replace(/^https?:/, isSecure ? 'https:' : 'http:')}/page`);
    await page.evaluate(() => document.body.append(Object.assign(document.createElement('input'), { type: 'file' })));
    const path = join(folder, `${canary}.bin`);
    await content.write(path);
    await page.setInputFiles('input', path);
    return page;
  }

  /** What the page sends, and by what. */
  function send(page: Page): Promise<{ sha256: string; by: string[]; left: number }> {
    return page.evaluate(async () => {
      const by: string[] = [];
      const client = e2e.createE2eClient({
        keyKind: 'X25519',
        fetch: (input, init) => {
          const { body } = init ?? {};
          if (body instanceof Blob || body instanceof ReadableStream) by.push(body.constructor.name);
          return fetch(input, init);
        },
      });
      const [file] = document.querySelector('input')!.files!;
      const response = await client.fetch('/streams', { method: 'POST', body: file });
      const { sha256 } = (await response.json()) as { sha256: string };
      const root = await navigator.storage.getDirectory();
      let left = 0;
      for await (const entry of (await root.getDirectoryHandle('e2e-uploads', { create: true })).keys()) {
        left += entry.length > 0 ? 1 : 0;
      }
      return { sha256, by, left };
    });
  }

  it(`goes out whole, with memory that does not grow with it (${size} MiB)`, async () => {
    const content = new Content(size, canary);
    const page = await openPage(content);
    app().tap.clear();
    const { result, before, growth } = await growthOf(() => send(page));
    console.log(`upload of ${size} MiB over ${version}: ${before} MiB before, at most ${growth} MiB more`);
    expect(result.sha256).toBe(await content.sha256());
    expect(growth).toBeLessThan(ROOM);
    expect(result.by).toEqual(by);
    expect(result.left).toBe(0);
  });

  it('from a tab that is closed in the middle is not complete for the server', async () => {
    const page = await openPage(new Content(512, canary));
    const { begun, whole } = count;
    void send(page).catch(() => undefined);
    while (count.begun === begun) await new Promise((resolve) => setTimeout(resolve, 5));
    await page.close();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(count.whole).toBe(whole);
  });
});
