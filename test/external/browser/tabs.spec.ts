import { describe, expect, it } from '@jest/globals';
import { Body, Controller, Post, Req } from '@nestjs/common';
import type { BrowserContext } from 'playwright-core';
import { Encrypted } from '../../../src/index.js';
import { startSample } from '../conformance/server.js';
import { useApp } from '../../integration/e2e/support/apps.js';
import { useChromium } from './support/chromium.js';
import { eventually } from './support/eventually.js';
import { SamplePage } from './support/sample-page.js';
import { useSample } from './support/sample.js';
import { SiteController } from './support/site.js';

/** Notes belong to the session that they were written in. */
@Encrypted()
@Controller('notes')
class NoteController {
  readonly notes = new Map<string, string[]>();

  @Post()
  create(@Req() { sessionID }: { sessionID: string }, @Body() { note }: { note: string }): void {
    this.notes.set(sessionID, [...(this.notes.get(sessionID) ?? []), note]);
  }
}

interface Handshakes {
  made: number;
  underWay: number;
  /** How many were under way at the same time, at most. */
  atOnce: number;
  /** How many answers set a cookie. */
  cookies: number;
}

/** Counts a profile's handshakes, each of which is held back until `hold` lets it go. */
async function countHandshakes(context: BrowserContext, hold: () => Promise<void>): Promise<Handshakes> {
  const counts: Handshakes = { made: 0, underWay: 0, atOnce: 0, cookies: 0 };
  await context.route('**/e2e/handshake', async (route) => {
    counts.underWay++;
    counts.atOnce = Math.max(counts.atOnce, counts.underWay);
    await hold();
    await route.continue();
  });
  context.on('response', (response) => {
    if (!response.url().endsWith('/e2e/handshake')) return;
    counts.underWay--;
    counts.made++;
    void response.headerValue('set-cookie').then((cookie) => cookie !== null && counts.cookies++);
  });
  return counts;
}

/** Lets nobody pass before so many have come, and then all at once. */
function gate(count: number): () => Promise<void> {
  let come = 0;
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return () => {
    if (++come === count) open();
    return opened;
  };
}

describe('tabs of a new profile, opened at once', () => {
  const chromium = useChromium();
  const sample = useSample();
  const app = useApp('express', { controllers: [NoteController, SiteController] });

  it('share one session, ten of them, since their first handshakes wait for each other (Web Locks)', async () => {
    const context = await chromium.profile();
    const handshakes = await countHandshakes(context, () => new Promise((resolve) => setTimeout(resolve, 200)));
    const tabs = await Promise.all(Array.from({ length: 10 }, () => context.newPage()));
    await Promise.all(tabs.map((tab) => tab.goto(`${app().url}/page`)));
    const statuses = tabs.map((tab, index) =>
      tab.evaluate(async (note) => {
        const client = e2e.createE2eClient({ keyKind: 'X25519' });
        const headers = { 'content-type': 'application/json' };
        return (await client.fetch('/notes', { method: 'POST', headers, body: JSON.stringify({ note }) })).status;
      }, `by tab ${index}`),
    );
    expect(await Promise.all(statuses)).toEqual(tabs.map(() => 201));

    await eventually(() => expect(handshakes).toEqual({ made: 10, underWay: 0, atOnce: 1, cookies: 1 }));
    expect(await context.cookies()).toHaveLength(1);
    const notes = [...app().get(NoteController).notes.values()];
    expect(notes.map((each) => each.sort())).toEqual([tabs.map((_tab, index) => `by tab ${index}`)]);
  });

  it('write ten notes at once on the sample’s page, and ten more at once after the server was restarted', async () => {
    let server = await startSample();
    try {
      const { port } = server;
      const context = await chromium.profile();
      const tabs = await Promise.all(Array.from({ length: 10 }, () => SamplePage.tab(context)));
      await Promise.all(tabs.map((tab) => tab.goto(`http://localhost:${port}`)));
      const writeAll = async (when: string) => {
        const titles = tabs.map((_tab, index) => `${when} by tab ${index}`);
        await Promise.all(tabs.map((tab, index) => tab.write(titles[index]!, 'all at once')));
        await tabs[0]!.page.reload();
        await eventually(async () => expect((await tabs[0]!.titles()).sort()).toEqual(titles));
      };
      await writeAll('before');

      // In memory: every session is gone with its channels, and the tabs notice it at the same moment.
      await server.stop();
      server = await startSample({}, port);
      await writeAll('after');

      // Nothing that a person would have read as an error.
      const errors = await Promise.all(tabs.map((tab) => tab.page.locator('.problem').allInnerTexts()));
      expect(errors.flat().filter(Boolean)).toEqual([]);
      expect(tabs.flatMap(({ complaints }) => complaints)).toEqual([]);
    } finally {
      await server.stop();
    }
  });

  it('all get through at the same moment after a restart that ended their session, and share one again', async () => {
    let server = await startSample();
    try {
      const { base, port } = server;
      const context = await chromium.profile();
      const tabs = await Promise.all(Array.from({ length: 10 }, () => context.newPage()));
      // Any page of the origin: the clients are the tabs' own.
      await Promise.all(tabs.map((tab) => tab.goto(`${base}/e2e/identity`)));
      const writeAll = () =>
        Promise.all(
          tabs.map((tab, index) =>
            tab.evaluate(async (title) => {
              const page = globalThis as { client?: ReturnType<typeof e2e.createE2eClient> };
              const library = '/lib/client/index.js';
              page.client ??= ((await import(library)) as typeof e2e).createE2eClient({
                keyKind: 'X25519',
                resend: true,
              });
              const headers = { 'content-type': 'application/json' };
              const body = JSON.stringify({ title, body: '' });
              return page.client.fetch('/notes', { method: 'POST', headers, body }).then(
                ({ status }) => status,
                (error: unknown) => String(error),
              );
            }, `by tab ${index}`),
          ),
        );
      expect(await writeAll()).toEqual(tabs.map(() => 201));
      await server.stop();
      server = await startSample({}, port);
      // Each takes its while, so that they would overtake each other.
      const handshakes = await countHandshakes(context, () => new Promise((resolve) => setTimeout(resolve, 200)));
      expect(await writeAll()).toEqual(tabs.map(() => 201));
      await eventually(() => expect(handshakes).toMatchObject({ made: 10, underWay: 0, cookies: 1 }));
    } finally {
      await server.stop();
    }
  });

  it('share one session without locks, after a few more handshakes', async () => {
    const context = await chromium.profile();
    const handshakes = await countHandshakes(context, gate(3));
    const tabs = await Promise.all(Array.from({ length: 3 }, () => SamplePage.tab(context)));
    await Promise.all(tabs.map((tab) => tab.goto(`http://e2e.test:${sample().port}`)));
    expect(await tabs[0]!.page.evaluate(() => [isSecureContext, 'locks' in navigator])).toEqual([false, false]);
    await Promise.all(tabs.map((tab, index) => tab.write(`by tab ${index}`, 'all at once')));

    expect(handshakes.cookies).toBeGreaterThan(1);
    expect(await context.cookies()).toHaveLength(1);
    await tabs[0]!.page.reload();
    await eventually(async () =>
      expect((await tabs[0]!.titles()).sort()).toEqual(['by tab 0', 'by tab 1', 'by tab 2']),
    );
    expect(tabs.flatMap(({ complaints }) => complaints)).toEqual([]);
  });
});
