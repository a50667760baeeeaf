import { describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Post, Req } from '@nestjs/common';
import type { BrowserContext, Page } from 'playwright-core';
import { Encrypted, KeyService } from '../../../src/index.js';
import { useApp } from '../../integration/e2e/support/apps.js';
import { startSample } from '../conformance/server.js';
import { useChromium } from './support/chromium.js';
import { eventually } from './support/eventually.js';
import { SamplePage } from './support/sample-page.js';
import { SiteController } from './support/site.js';

/** Notes belong to the session that they were written in. */
@Encrypted()
@Controller('notes')
class NoteController {
  constructor(private readonly keys: KeyService) {}
  @Post()
  create(@Req() { session }: { session: { notes?: string[] } }, @Body() { note }: { note: string }): string[] {
    return (session.notes = [...(session.notes ?? []), note]);
  }
  @Get()
  list(@Req() { session }: { session: { notes?: string[] } }): string[] {
    return session.notes ?? [];
  }
  @Post('login')
  async login(@Req() request: { session: { notes?: string[] } }): Promise<object> {
    const { notes = [] } = request.session;
    await this.keys.carryOver(request);
    request.session.notes = notes;
    return {};
  }
}

interface Seen {
  readonly session: string;
  readonly notes: unknown;
}

/** A client with a device key, in this page: its session, and its notes. */
function look(page: Page, note?: string): Promise<Seen> {
  return page.evaluate(async (written) => {
    const client = e2e.createE2eClient({ keyKind: 'X25519', deviceKey: true });
    if (written !== undefined) {
      const headers = { 'content-type': 'application/json' };
      await client.fetch('/notes', { method: 'POST', headers, body: JSON.stringify({ note: written }) });
    }
    const notes: unknown = await (await client.fetch('/notes')).json();
    return { session: (await client.handshake()).session, notes };
  }, note);
}

describe('A device key in Chromium', () => {
  const chromium = useChromium();
  const app = useApp('express', { controllers: [NoteController, SiteController], e2e: { deviceBinding: 'required' } });

  async function openPage(context: BrowserContext): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`${app().url}/page`);
    return page;
  }

  it('lies in IndexedDB, cannot be read out, and is shared by the tabs and visits of a profile', async () => {
    const context = await chromium.profile();
    const first = await look(await openPage(context), 'mine');
    const second = await openPage(context);
    expect(await look(second)).toEqual(first);
    expect(first.notes).toEqual(['mine']);

    const kept = await second.evaluate(async () => {
      const [database] = await indexedDB.databases();
      const opening = indexedDB.open(database!.name!);
      await new Promise((resolve) => (opening.onsuccess = resolve));
      const reading = opening.result.transaction('devices').objectStore('devices').getAll();
      await new Promise((resolve) => (reading.onsuccess = resolve));
      const [{ keys }] = reading.result as [{ keys: CryptoKeyPair }];
      const readOut = await crypto.subtle.exportKey('pkcs8', keys.privateKey).then(
        () => 'read out',
        (error: unknown) => (error as Error).name,
      );
      return { devices: reading.result.length, extractable: keys.privateKey.extractable, readOut };
    });
    expect(kept).toEqual({ devices: 1, extractable: false, readOut: 'InvalidAccessError' });
  });

  it('keeps a second profile that has the first one’s cookie out of the first one’s session', async () => {
    const victim = await chromium.profile();
    const victimsPage = await openPage(victim);
    const before = await look(victimsPage, 'secret');

    const thief = await chromium.profile();
    await thief.addCookies(await victim.cookies());
    const thiefsPage = await openPage(thief);
    const stolen = await look(thiefsPage);
    expect(stolen.notes).toEqual([]);
    expect(stolen.session).not.toBe(before.session);
    // Without a device key there is no channel at all.
    await thief.clearCookies();
    await thief.addCookies(await victim.cookies());
    const problem = await thiefsPage.evaluate(async () => {
      const call = e2e.createE2eClient({ keyKind: 'X25519' }).fetch('/notes');
      return call.then(
        () => 'answered',
        (error: unknown) => (error as { problem?: string }).problem,
      );
    });
    expect(problem).toBe('key-rejected');
    expect(await look(victimsPage)).toEqual({ session: before.session, notes: ['secret'] });
  });

  it('outlives a login, with the session’s name', async () => {
    const context = await chromium.profile();
    const page = await openPage(context);
    const before = await look(page, 'kept');
    const [cookie] = await context.cookies();
    await page.evaluate(async () => {
      const client = e2e.createE2eClient({ keyKind: 'X25519', deviceKey: true });
      await client.fetch('/notes/login', { method: 'POST' });
    });
    expect((await context.cookies())[0]!.value).not.toBe(cookie!.value);
    expect(await look(page)).toEqual(before);
  });

  it('that was cleared leads to a new session, and to no dead end', async () => {
    const context = await chromium.profile();
    const page = await openPage(context);
    const before = await look(page, 'of the old session');
    await page.evaluate(async () => {
      const [database] = await indexedDB.databases();
      const deleting = indexedDB.deleteDatabase(database!.name!);
      await new Promise((resolve) => (deleting.onsuccess = resolve));
    });
    const after = await look(page);
    expect(after.session).not.toBe(before.session);
    expect(after.notes).toEqual([]);
    expect((await look(page, 'of the new one')).notes).toEqual(['of the new one']);
  });

  it('is one for ten tabs of a new profile that begin at once', async () => {
    const context = await chromium.profile();
    const tabs = await Promise.all(Array.from({ length: 10 }, () => openPage(context)));
    const seen = await Promise.all(tabs.map((tab) => look(tab)));
    expect(new Set(seen.map(({ session }) => session)).size).toBe(1);
  });
});

describe('The sample that requires device keys', () => {
  const chromium = useChromium();

  it('has a page that uses one, through a login and a reload', async () => {
    const sample = await startSample({ E2E_DEVICE_BINDING: 'required' });
    try {
      const tab = await SamplePage.open(await chromium.profile(), sample.base);
      await tab.write('A note', 'of a bound session');
      await tab.logIn('lovelace');
      await eventually(async () => expect(await tab.text('me')).toBe('Logged in as ada'));
      await tab.page.reload();
      await tab.ready();
      await eventually(async () => expect(await tab.titles()).toEqual(['A note']));
      expect(tab.complaints).toEqual([]);
    } finally {
      await sample.stop();
    }
  });
});
