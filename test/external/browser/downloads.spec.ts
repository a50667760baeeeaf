import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Param, ParseIntPipe, Res, StreamableFile } from '@nestjs/common';
import { transform } from 'esbuild';
import type { Response as Answer } from 'express';
import { once } from 'node:events';
import { createReadStream, readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import type { E2eClient } from '../../../src/client/index.js';
import { Encrypted } from '../../../src/index.js';
import { useApp } from '../../integration/e2e/support/apps.js';
import { codeBlocks } from '../../support/markdown.js';
import { holds, makeCanary } from './support/canary.js';
import { useChromium } from './support/chromium.js';
import { Content, MIB, sha256 } from './support/content.js';
import { growthOf } from './support/memory.js';
import { SiteController } from './support/site.js';

/** In MiB. */
const SIZE = Number(process.env.STREAM_MIB ?? 600);
/** What the browser may need more, in MiB, however large the file is: its buffers, and what is not collected yet. */
const ROOM = 300;
const NAME = 'the yearly report.bin';

const canary = makeCanary();
const contentOf = (mebibytes: number) => new Content(mebibytes, canary);

@Encrypted()
@Controller('files')
class FileController {
  @Get('whole/:mebibytes')
  whole(@Param('mebibytes', ParseIntPipe) mebibytes: number): StreamableFile {
    const content = contentOf(mebibytes);
    const disposition = `attachment; filename="${canary}"`;
    return new StreamableFile(content.stream(), { length: content.length, disposition });
  }

  @Get('failed')
  failed(@Res() answer: Answer): never {
    answer.write(Buffer.alloc(MIB));
    throw new Error('as handlers do');
  }

  /** Never ends. */
  @Get('aborted')
  aborted(@Res() answer: Answer): void {
    answer.write('the first');
  }

  /** So much that the page has begun to read. */
  @Get('cut')
  async cut(@Res() answer: Answer): Promise<void> {
    for (const piece of contentOf(16).pieces()) if (!answer.write(piece)) await once(answer, 'drain');
    answer.destroy();
  }
}

declare global {
  /** The recipe of docs/streams.md. */
  var save: (client: E2eClient, path: string, name: string) => Promise<void>;
  var showSaveFilePicker: undefined | ((options: { suggestedName: string }) => Promise<FileSystemFileHandle>);
}

describe('a download to a page', () => {
  const chromium = useChromium();
  const app = useApp('express', { controllers: [SiteController, FileController] });
  let recipe: string;
  beforeAll(async () => {
    const block = codeBlocks(readFileSync('docs/streams.md', 'utf8')).find(({ code }) =>
      code.includes('function save'),
    );
    const { code } = await transform(block!.code, { loader: 'ts', format: 'iife', globalName: 'recipe' });
    recipe = `${code};globalThis.save = recipe.save;`;
  });
  const problems: string[] = [];
  afterAll(() => expect(problems).toEqual([]));

  /** @param isTapped whether all that passes is kept, in memory. */
  async function openPage(isTapped: boolean): Promise<Page> {
    const page = await (await chromium.diskProfile()).newPage();
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.goto(`${isTapped ? app().url : await app().nest.getUrl()}/page`);
    await page.evaluate(recipe);
    return page;
  }

  /** A click, a dialog where the browser has one, and the file, or the error. */
  const save = (page: Page, path: string) =>
    page.evaluate(
      ([from, name]) =>
        globalThis.save(e2e.createE2eClient({ keyKind: 'X25519' }), from, name).then(
          () => 'saved',
          (error: unknown) => (error as { code?: string }).code ?? String(error),
        ),
      [path, NAME] as const,
    );

  /** No dialog can be answered here, so the user chooses a file of the private file system: its interface is the same. */
  const answerDialog = (page: Page) =>
    page.evaluate(() => {
      globalThis.showSaveFilePicker = async ({ suggestedName }) =>
        (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });
    });
  const withoutDialog = (page: Page) => page.evaluate(() => (globalThis.showSaveFilePicker = undefined));

  it(`read as a stream takes no more memory the longer it is (${SIZE} MiB)`, async () => {
    const page = await openPage(false);
    const { result, before, growth } = await growthOf(() =>
      page.evaluate(async (path) => {
        const response = await e2e.createE2eClient({ keyKind: 'X25519' }).fetch(path);
        const block = new Uint8Array(32 + 2 ** 20);
        let [filled, length] = [32, 0];
        for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
          length += piece.length;
          for (let from = 0; from < piece.length;) {
            const part = piece.subarray(from, from + block.length - filled);
            block.set(part, filled);
            from += part.length;
            filled += part.length;
            if (filled < block.length) continue;
            block.set(new Uint8Array(await crypto.subtle.digest('SHA-256', block)));
            filled = 32;
          }
        }
        const chain = Array.from(block.subarray(0, 32), (byte) => byte.toString(16).padStart(2, '0')).join('');
        return { length, chain };
      }, `/files/whole/${SIZE}`),
    );
    console.log(`download of ${SIZE} MiB as a stream: ${before} MiB before, at most ${growth} MiB more`);
    const content = contentOf(SIZE);
    expect(result).toEqual({ length: content.length, chain: content.chain() });
    expect(growth).toBeLessThan(ROOM);
  });

  it(`handed to the user as a file takes no more memory the longer it is (${SIZE} MiB)`, async () => {
    const page = await openPage(false);
    await withoutDialog(page);
    const waiting = page.waitForEvent('download', { timeout: 0 });
    const { result, before, growth } = await growthOf(async () => {
      expect(await save(page, `/files/whole/${SIZE}`)).toBe('saved');
      return (await waiting).path();
    });
    console.log(`download of ${SIZE} MiB to a file: ${before} MiB before, at most ${growth} MiB more`);
    expect((await waiting).suggestedFilename()).toBe(NAME);
    expect(await sha256(createReadStream(result))).toBe(await contentOf(SIZE).sha256());
    expect(growth).toBeLessThan(ROOM);
  });

  it('goes where the user says, where the browser has a dialog, and shows nothing on the wire', async () => {
    const page = await openPage(true);
    await answerDialog(page);
    app().tap.clear();
    expect(await save(page, '/files/whole/16')).toBe('saved');
    const chosen = await page.evaluate(async (name) => {
      const file = await (
        await navigator.storage.getDirectory()
      )
        .getFileHandle(name)
        .then((handle) => handle.getFile());
      const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
      return { size: file.size, hash: Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('') };
    }, NAME);
    expect(chosen).toEqual({ size: 16 * MIB, hash: await contentOf(16).sha256() });
    expect(app().tap.text.length).toBeGreaterThan(16 * MIB);
    expect(holds(app().tap.text, canary)).toBe(false);
  });

  describe.each([
    ['cut', 'stream-broken'],
    ['failed', 'stream-failed'],
    ['aborted', 'AbortError'],
  ])('that is %s', (how, expected) => {
    it('says so to whatever reads it, clones too', async () => {
      const page = await openPage(false);
      const outcomes = await page.evaluate(async (path) => {
        const client = e2e.createE2eClient({ keyKind: 'X25519' });
        const readers = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const;
        const ways: Record<string, (response: Response) => unknown> = {
          ...Object.fromEntries(readers.map((name) => [name, (response: Response) => response[name]()])),
          'a clone': (response) => response.clone().text(),
          "a clone's clone": (response) => response.clone().clone().blob(),
          pipeTo: (response) => response.body!.pipeTo(new WritableStream()),
          'a reader': async (response) => {
            const reader = response.body!.getReader();
            while (!(await reader.read()).done);
          },
        };
        const told: Record<string, string> = {};
        for (const [way, read] of Object.entries(ways)) {
          const leaving = new AbortController();
          const response = await client.fetch(path, { signal: leaving.signal });
          const reading = read(response);
          if (path.endsWith('aborted')) setTimeout(() => leaving.abort());
          told[way] = await Promise.resolve(reading).then(
            () => 'whole',
            (error: unknown) => {
              const { code, name } = error as { code?: unknown; name: string };
              return typeof code === 'string' ? code : name;
            },
          );
        }
        return told;
      }, `/files/${how}`);
      expect(outcomes).toEqual(Object.fromEntries(Object.keys(outcomes).map((way) => [way, expected])));
      expect(Object.keys(outcomes)).toHaveLength(10);
    });

    if (how === 'aborted') return;
    it('leaves no file to the user', async () => {
      const page = await openPage(false);
      let downloads = 0;
      page.on('download', () => downloads++);
      await withoutDialog(page);
      expect(await save(page, `/files/${how}`)).toBe(expected);
      await answerDialog(page);
      expect(await save(page, `/files/${how}`)).toBe(expected);
      const size = await page.evaluate(async (name) => {
        const chosen = await (await navigator.storage.getDirectory()).getFileHandle(name);
        return (await chosen.getFile()).size;
      }, NAME);
      expect([size, downloads]).toEqual([0, 0]);
    });
  });
});
