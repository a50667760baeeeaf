import { afterAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Header, Post, Req, StreamableFile } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { Encrypted } from '../../../src/index.js';
import { useApp } from '../../integration/e2e/support/apps.js';
import { holds, makeCanary } from './support/canary.js';
import { makeCertificate } from './support/certificate.js';
import { useChromium } from './support/chromium.js';
import { growthOf } from './support/memory.js';
import { SiteController } from './support/site.js';

const MIB = 2 ** 20;
/** In MiB: 600 shows what a large file costs, and takes minutes. */
const SIZE = Number(process.env.STREAM_MIB ?? 64);

const folder = mkdtempSync(join(tmpdir(), 'upload-'));
afterAll(() => rmSync(folder, { recursive: true }));
const canary = makeCanary();
const path = join(folder, `${canary}.bin`);
const expected = writeFile(path);

function writeFile(name: string): string {
  const file = openSync(name, 'w');
  const hash = createHash('sha256');
  const chunk = randomBytes(MIB);
  for (let written = 0; written < SIZE; written++) {
    chunk.writeUInt32BE(written);
    chunk.write(canary, 8);
    writeSync(file, chunk);
    hash.update(chunk);
  }
  closeSync(file);
  return hash.digest('hex');
}

const count = { begun: 0, whole: 0 };

@Encrypted()
@Controller('streams')
class StreamController {
  @Post()
  async take(@Req() request: IncomingMessage & { raw?: IncomingMessage }): Promise<object> {
    count.begun++;
    const hash = createHash('sha256');
    for await (const chunk of request.raw ?? request) hash.update(chunk as Buffer);
    count.whole++;
    return { sha256: hash.digest('hex') };
  }

  @Get()
  @Header('Content-Type', 'application/octet-stream')
  give(): StreamableFile {
    const chunk = Buffer.alloc(MIB, canary);
    const pieces = function* (): Generator<Buffer> {
      for (let given = 0; given < SIZE; given++) yield chunk;
    };
    return new StreamableFile(Readable.from(pieces(), { objectMode: false }), { length: SIZE * MIB });
  }
}

const { key, cert } = makeCertificate();

// Over plain HTTP the client asks for no stream; over TLS only the attempt tells that HTTP/1.1 takes none.
describe.each([
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

  async function openPage(options?: BrowserContextOptions): Promise<Page> {
    const page = await (await chromium.diskProfile({ ignoreHTTPSErrors: true, ...options })).newPage();
    await page.goto(`${app().url.replace('http:', isSecure ? 'https:' : 'http:')}/page`);
    await page.evaluate(() => document.body.append(Object.assign(document.createElement('input'), { type: 'file' })));
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

  it(`goes out whole, with memory that does not grow with it (${SIZE} MiB)`, async () => {
    const page = await openPage();
    app().tap.clear();
    const { result, before, growth } = await growthOf(() => send(page));
    console.log(`upload of ${SIZE} MiB over ${version}: ${before} MiB before, at most ${growth} MiB more`);
    expect(result.sha256).toBe(expected);
    expect(result.by).toEqual(by);
    expect(result.left).toBe(0);
    if (!isSecure && SIZE <= 64) expect(holds(app().tap.text, canary)).toBe(false);
  }, 300_000);

  it('from a tab that is closed in the middle is no whole body to the server', async () => {
    const page = await openPage();
    const { begun, whole } = count;
    void send(page).catch(() => undefined);
    while (count.begun === begun) await new Promise((resolve) => setTimeout(resolve, 5));
    await page.close();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(count.whole).toBe(whole);
  }, 60_000);
});
