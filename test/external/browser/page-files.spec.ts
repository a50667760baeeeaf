import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSample } from '../conformance/server.js';
import { holds, makeCanary } from './support/canary.js';
import { useChromium } from './support/chromium.js';
import { MIB } from './support/content.js';
import { Devtools } from './support/devtools.js';
import { eventually } from './support/eventually.js';
import { SamplePage } from './support/sample-page.js';
import { useSample } from './support/sample.js';

describe('the page with files and live events', () => {
  const chromium = useChromium();
  const sample = useSample();

  /** A file of zeros that takes no room on disk. */
  async function withFile(bytes: number, work: (path: string) => Promise<void>): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'file-'));
    try {
      const path = join(folder, 'zeros.bin');
      writeFileSync(path, '');
      truncateSync(path, bytes);
      await work(path);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  async function attach(tab: SamplePage, title: string, file: Parameters<SamplePage['attach']>[0]): Promise<void> {
    await tab.get('note-title').fill(title);
    await tab.attach(file);
    await tab.get('note-add').click();
  }

  it('shows devtools neither names nor content of files nor events, and leaves nothing in any storage', async () => {
    const tab = await SamplePage.tab(await chromium.diskProfile());
    const devtools = await Devtools.open(tab.page);
    await tab.goto(sample().base);
    const canary = makeCanary();
    const buffer = Buffer.concat([Buffer.alloc(MIB, canary), randomBytes(MIB)]);
    await attach(tab, canary, { name: `${canary}.txt`, mimeType: 'text/plain', buffer });
    await eventually(async () => expect(await tab.titles()).toContain(canary));
    const [download] = await Promise.all([tab.page.waitForEvent('download'), tab.get('file-download').click()]);
    expect(download.suggestedFilename()).toBe(`${canary}.txt`);
    await tab.get('events-start').click();
    await eventually(async () => expect(await tab.get('events-seen').locator('li').count()).toBe(8));
    await tab.get('events-start').click();
    await devtools.settle();

    const found = devtools.shown.filter(({ text }) => holds(text, canary) || /"n":\d/.test(text));
    expect(found.map(({ what, of }) => `${what}: ${of}`)).toEqual([]);
    const streams = devtools.shown.filter(
      ({ what, of }) => what === 'response body' && /\/(files\/.+|events)$/.test(of),
    );
    expect(streams.reduce((sum, { text }) => sum + text.length, 0)).toBeGreaterThan(2 * MIB);
    const left = await tab.page.evaluate(async () => {
      const names: string[] = [];
      for await (const [folder, handle] of (await navigator.storage.getDirectory()).entries()) {
        for await (const name of (handle as FileSystemDirectoryHandle).keys()) names.push(`${folder}/${name}`);
      }
      const databases = await indexedDB.databases();
      return [names, await caches.keys(), databases, localStorage.length, sessionStorage.length];
    });
    expect(left).toEqual([[], [], [], 0, 0]);
    expect([tab.complaints, tab.statuses, await tab.problems()]).toEqual([[], [], []]);
  });

  it.each([
    [0, 'zeros.bin (0 kB)'],
    [100 * MIB, 'zeros.bin (104.9 MB)'],
  ])('takes a file of %i bytes, once however often the button is pressed', async (bytes, name) => {
    await withFile(bytes, async (path) => {
      const tab = await SamplePage.open(await chromium.diskProfile(), sample().base);
      await attach(tab, 'Once', path);
      for (let more = 0; more < 3; more++) await tab.page.keyboard.press('Enter');
      await eventually(async () => expect(await tab.titles()).toEqual(['Once']));
      expect(await tab.text('file-download')).toBe(`Download ${name}`);
      expect([tab.complaints, tab.statuses, await tab.problems()]).toEqual([[], [], []]);
    });
  });

  it('says of a file that is too large what it may be, and sends nothing', async () => {
    await withFile(101 * MIB, async (path) => {
      const tab = await SamplePage.open(await chromium.diskProfile(), sample().base);
      await attach(tab, 'Large', path);
      await eventually(async () =>
        expect(await tab.problems()).toEqual(['A file has at most 100 MiB. This one has 105.9 MB.']),
      );
      expect(await tab.get('call').filter({ hasText: 'POST /files' }).count()).toBe(0);
    });
  });

  it('lets an upload be cancelled, and keeps the focus', async () => {
    await withFile(100 * MIB, async (path) => {
      const tab = await SamplePage.open(await chromium.diskProfile(), sample().base);
      await attach(tab, 'Cancelled', path);
      await tab.get('transfer-cancel').waitFor();
      await tab.get('transfer-cancel').focus();
      await tab.page.keyboard.press('Enter');
      await eventually(async () => expect(await tab.problems()).toContain('Cancelled.'));
      expect(await tab.get('note-add').evaluate((button) => button === document.activeElement)).toBe(true);
      expect(await tab.titles()).toEqual([]);
      await tab.write('After it', 'as usual');
      expect(await tab.get('progress').isVisible()).toBe(false);
    });
  });

  it('shows that another tab has logged out', async () => {
    const context = await chromium.profile();
    const tab = await SamplePage.open(context, sample().base);
    await tab.logIn('lovelace');
    await eventually(async () => expect(await tab.text('me')).toBe('Logged in as ada'));
    expect(await tab.get('logout').evaluate((button) => button === document.activeElement)).toBe(true);
    const other = await SamplePage.open(context, sample().base);
    await other.get('logout').click();
    await eventually(async () => expect(await other.text('me')).toBe('Not logged in'));
    await tab.get('search').fill('anything');
    await eventually(async () => expect(await tab.text('me')).toBe('Not logged in'));
  });

  it('says where the server goes in the middle of a download, and in the middle of events', async () => {
    await withFile(100 * MIB, async (path) => {
      const own = await startSample();
      const tab = await SamplePage.open(await chromium.diskProfile(), own.base);
      await attach(tab, 'Cut', path);
      await eventually(async () => expect(await tab.titles()).toEqual(['Cut']));
      await tab.get('events-start').click();
      await eventually(async () => expect(await tab.get('events-seen').locator('li').count()).toBe(8));
      await tab.get('file-download').click();
      await eventually(async () => expect(await tab.get('progress').isVisible()).toBe(true));
      await own.kill();
      await eventually(async () => expect((await tab.problems()).join()).toMatch(/cut off.*stream-broken/));
      await eventually(async () => expect((await tab.problems()).join()).toContain('connecting again'));
      expect(await tab.get('progress').isVisible()).toBe(false);
    });
  });
});
