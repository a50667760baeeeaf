import { expect, it } from '@jest/globals';
import { Controller, Get, Post, Req, Res, Sse, type MessageEvent } from '@nestjs/common';
import { createWriteStream, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Page } from 'playwright-core';
import { finalize, interval, map, type Observable } from 'rxjs';
import { Encrypted, type E2eEvent } from '../../../src/index.js';
import { onEachPlatform, useApp } from '../../integration/e2e/support/apps.js';
import { useChromium } from './support/chromium.js';
import { MIB } from './support/content.js';
import { eventually } from './support/eventually.js';
import { takeOctets } from './support/octets.js';
import { SiteController } from './support/site.js';

@Encrypted()
@Controller()
class LongController {
  readonly folder = mkdtempSync(join(tmpdir(), 'kept-'));
  /** What has been told the handlers: how each exchange ended. */
  readonly ends: string[] = [];

  /** Reads slowly, keeps what ends well, as an application does. */
  @Post('upload')
  async upload(@Req() request: IncomingMessage & { raw?: IncomingMessage }): Promise<object> {
    const path = join(this.folder, 'upload');
    async function* slowly(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of source) {
        yield chunk;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    try {
      await pipeline(request.raw ?? request, slowly, createWriteStream(path));
      this.ends.push('whole');
      return {};
    } catch (error) {
      rmSync(path, { force: true });
      this.ends.push((error as { code?: string }).code ?? 'failed');
      throw error;
    }
  }

  @Get('download')
  download(@Res() reply: ServerResponse & { raw?: ServerResponse; hijack?: () => void }): void {
    reply.hijack?.();
    const response = reply.raw ?? reply;
    const timer = setInterval(() => response.write(Buffer.alloc(65_536)), 10);
    response.on('close', () => {
      clearInterval(timer);
      this.ends.push(response.writableFinished ? 'whole' : 'closed');
    });
  }

  @Sse('events')
  events(): Observable<MessageEvent> {
    return interval(20).pipe(
      map((n) => ({ id: String(n), data: { n } })),
      finalize(() => this.ends.push('unsubscribed')),
    );
  }
}

onEachPlatform('a tab that is closed in the middle', (platform) => {
  const chromium = useChromium();
  const told: E2eEvent[] = [];
  const app = useApp(platform, {
    controllers: [SiteController, LongController],
    e2e: { onEvent: (event) => told.push(event) },
    configure: takeOctets,
  });
  const of = (type: string, direction: string) =>
    told.filter((event) => event.type === type && (event as { direction?: string }).direction === direction).length;
  const running = () =>
    ['request', 'response'].map(
      (direction) => of('stream-opened', direction) - of('stream-ended', direction) - of('stream-broken', direction),
    );

  const begin: Record<string, (page: Page) => Promise<unknown>> = {
    'an upload': (page) =>
      page.evaluate(async (size) => {
        const client = e2e.createE2eClient({ keyKind: 'X25519' });
        await client.fetch('/upload', { method: 'POST', body: new Blob([new Uint8Array(size)]) });
      }, 32 * MIB),
    'a download': (page) =>
      page.evaluate(async () => {
        const response = await e2e.createE2eClient({ keyKind: 'X25519' }).fetch('/download');
        await response.blob();
      }),
    'live events': (page) =>
      page.evaluate(
        () =>
          new Promise((resolve) => {
            e2e.createE2eClient({ keyKind: 'X25519' }).eventSource('/events').onerror = resolve;
          }),
      ),
  };

  it.each([
    ['an upload', 'request', 'ECONNRESET'],
    ['a download', 'response', 'closed'],
    ['live events', 'response', 'unsubscribed'],
  ])('ends %s at the server, which keeps nothing of it', async (what, direction, end) => {
    const controller = app().get(LongController);
    controller.ends.length = told.length = 0;
    const page = await (await chromium.diskProfile()).newPage();
    await page.goto(`${app().url}/page`);
    const done = begin[what]!(page).then(
      () => 'done',
      () => 'gone with its tab',
    );
    await eventually(() => expect(of('stream-opened', direction)).toBe(1));
    if (what === 'an upload') await eventually(() => expect(existsSync(join(controller.folder, 'upload'))).toBe(true));
    expect(running()).toEqual(direction === 'request' ? [1, 0] : [0, 1]);
    await page.close();
    expect(await done).toBe('gone with its tab');
    await eventually(() => expect(controller.ends).toEqual([end]));
    await eventually(() => expect(running()).toEqual([0, 0]));
    expect(of('stream-broken', direction)).toBe(1);
    expect(readdirSync(controller.folder)).toEqual([]);
  });
});
