import { describe, expect, it } from '@jest/globals';
import { Controller, Post, Req } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import type { BrowserContext, Page } from 'playwright-core';
import { Encrypted } from '../../../src/index.js';
import { useApp } from '../../integration/e2e/support/apps.js';
import { holds, makeCanary } from './support/canary.js';
import { useChromium } from './support/chromium.js';
import { MIB } from './support/content.js';
import { eventually } from './support/eventually.js';
import { SiteController } from './support/site.js';

/** Long enough that it is not sent from memory. */
const SIZE = 2 * MIB;

@Encrypted()
@Controller('uploads')
class UploadController {
  /** What a held upload waits for. */
  readonly waiting: (() => void)[] = [];

  @Post('held')
  async hold(@Req() request: IncomingMessage): Promise<object> {
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    return this.take(request);
  }

  @Post('whole')
  async take(@Req() request: IncomingMessage): Promise<object> {
    let length = 0;
    for await (const chunk of request) length += (chunk as Buffer).length;
    return { length };
  }

  @Post('refused')
  refuse(): never {
    throw new Error('as handlers do');
  }

  @Post('cut')
  cut(@Req() request: IncomingMessage): Promise<never> {
    request.socket.destroy();
    return new Promise(() => undefined);
  }
}

/** What an upload came to, on the page. */
interface Outcome {
  readonly status?: number;
  readonly name?: string;
  readonly code?: string;
  readonly cause?: string;
}

describe('the private files of an upload (OPFS)', () => {
  const chromium = useChromium();
  const app = useApp('express', { controllers: [SiteController, UploadController] });
  const canary = makeCanary();
  const uploads = () => app().get(UploadController);

  async function openPage(context: BrowserContext): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`${app().url}/page`);
    return page;
  }

  /** Sends a Blob that repeats the canary. On request it aborts once the server has begun to read. */
  function upload(page: Page, path: string, { leaves = false } = {}): Promise<Outcome> {
    return page.evaluate(
      async ([to, text, size, isLeft]) => {
        const client = e2e.createE2eClient({ keyKind: 'X25519' });
        const leaving = new AbortController();
        if (isLeft) addEventListener('leave', () => leaving.abort(), { once: true });
        const body = new File([text.repeat(size / text.length)], `${text}.txt`);
        const form = new FormData();
        form.append('file', body);
        try {
          const init = { method: 'POST', body: form, signal: leaving.signal };
          return { status: (await client.fetch(to, init)).status };
        } catch (error) {
          const { name, code, cause } = error as Error & { code?: string };
          return {
            name,
            ...(typeof code === 'string' && { code }),
            ...(cause ? { cause: (cause as Error).name } : {}),
          };
        }
      },
      [`/uploads/${path}`, canary, SIZE, leaves] as const,
    );
  }

  /** The names of the files that are there, and what they hold. */
  function files(page: Page): Promise<{ name: string; content: string }[]> {
    return page.evaluate(async () => {
      const root = await navigator.storage.getDirectory();
      const found: { name: string; content: string }[] = [];
      for await (const [folder, handle] of root.entries()) {
        for await (const [name, entry] of (handle as FileSystemDirectoryHandle).entries()) {
          const file = await (entry as FileSystemFileHandle).getFile();
          const content = new TextDecoder('latin1').decode(await file.arrayBuffer());
          found.push({ name: `${folder}/${name}`, content });
        }
      }
      return found;
    });
  }

  const goOn = () =>
    uploads()
      .waiting.splice(0)
      .forEach((resolve) => resolve());

  it('contain only ciphertext, under a random name, and are removed after sending', async () => {
    const page = await openPage(await chromium.diskProfile());
    app().tap.clear();
    const outcome = upload(page, 'held');
    await eventually(() => expect(uploads().waiting).toHaveLength(1));
    const [file, ...more] = await files(page);
    expect(more).toEqual([]);
    expect(file!.name).toMatch(/^e2e-uploads\/[0-9a-f]{8}-[0-9a-f-]{27}$/);
    expect(file!.content.length).toBeGreaterThan(SIZE);
    expect(holds(file!.content, canary)).toBe(false);
    expect(file!.content).toMatch(/^eyJ[\w-]+\.[\w-]*\.[\w-]{16}\.[\w-]*\.[\w-]{22}\n/);
    goOn();
    expect(await outcome).toEqual({ status: 201 });
    expect(await files(page)).toEqual([]);
    expect(app().tap.text.length).toBeGreaterThan(SIZE);
    expect(holds(app().tap.text, canary)).toBe(false);
  });

  it.each<[string, Outcome]>([
    ['refused', { status: 500 }],
    // Chromium sends it once more by itself, and the server refuses that as a copy.
    ['cut', { name: expect.any(String) as unknown as string }],
  ])('are gone after an upload that is %s', async (path, expected) => {
    const page = await openPage(await chromium.diskProfile());
    expect(await upload(page, path)).toMatchObject(expected);
    expect(await files(page)).toEqual([]);
  });

  it('are gone after the caller has left', async () => {
    const page = await openPage(await chromium.diskProfile());
    const outcome = upload(page, 'held', { leaves: true });
    await eventually(() => expect(uploads().waiting).toHaveLength(1));
    await page.evaluate(() => dispatchEvent(new Event('leave')));
    goOn();
    expect(await outcome).toMatchObject({ name: 'AbortError' });
    await eventually(async () => expect(await files(page)).toEqual([]));
  });

  it('of a closed tab are gone with the next upload; those of tabs that are open are not', async () => {
    const context = await chromium.diskProfile();
    const [closed, open, next] = [await openPage(context), await openPage(context), await openPage(context)];
    const left = upload(closed, 'held').catch(() => 'closed');
    const going = upload(open, 'held');
    await eventually(() => expect(uploads().waiting).toHaveLength(2));
    await closed.close();
    expect(await left).toBe('closed');
    const leftBehind = await files(next);
    expect(leftBehind).toHaveLength(2);
    expect(leftBehind.filter(({ content }) => holds(content, canary))).toEqual([]);

    expect(await upload(next, 'whole')).toEqual({ status: 201 });
    expect(await files(next)).toHaveLength(1);
    goOn();
    expect(await going).toEqual({ status: 201 });
    expect(await files(next)).toEqual([]);
  });

  it('that do not fit are an error that says so', async () => {
    const page = await openPage(await chromium.diskProfile());
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Storage.overrideQuotaForOrigin', { origin: new URL(app().url).origin, quotaSize: MIB });
    expect(await upload(page, 'whole')).toEqual({
      name: 'E2eClientError',
      code: 'request-unsupported',
      cause: 'QuotaExceededError',
    });
    expect(await files(page)).toEqual([]);
  });
});
