import { describe, expect, it } from '@jest/globals';
import type { BrowserContext } from 'playwright-core';
import { useChromium } from './support/chromium.js';
import { eventually } from './support/eventually.js';
import { SamplePage } from './support/sample-page.js';
import { useSample } from './support/sample.js';

/** Handshakes, and the cookies that their answers set. */
async function watch(context: BrowserContext): Promise<{ handshakes: number; sessions: Set<string> }> {
  const seen = { handshakes: 0, sessions: new Set<string>() };
  context.on('response', (response) => {
    if (new URL(response.url()).pathname !== '/e2e/handshake') return;
    seen.handshakes++;
    void response.headerValue('set-cookie').then((cookie) => cookie !== null && seen.sessions.add(cookie));
  });
  return seen;
}

async function openTabs(context: BrowserContext, count: number, url: string): Promise<SamplePage[]> {
  const tabs = await Promise.all(Array.from({ length: count }, () => SamplePage.tab(context)));
  await Promise.all(tabs.map((tab) => tab.goto(url)));
  return tabs;
}

const writeInAll = (tabs: SamplePage[]) =>
  Promise.all(tabs.map((tab, index) => tab.write(`by tab ${index}`, 'all at once')));

describe('tabs of a new profile, opened at once', () => {
  const chromium = useChromium();
  const sample = useSample();

  it('share one session, ten of them, since the first handshakes wait for each other (Web Locks)', async () => {
    const context = await chromium.profile();
    const seen = await watch(context);
    const tabs = await openTabs(context, 10, sample().base);
    await writeInAll(tabs);

    expect(seen.handshakes).toBe(10);
    expect(seen.sessions.size).toBe(1);
    expect(await context.cookies()).toHaveLength(1);
    await tabs[0]!.page.reload();
    await eventually(async () =>
      expect((await tabs[0]!.titles()).sort()).toEqual(tabs.map((_tab, index) => `by tab ${index}`)),
    );
    expect(tabs.flatMap(({ complaints }) => complaints)).toEqual([]);
  }, 60_000);

  it('end up on one session where there are no locks, at the price of a few more handshakes', async () => {
    const context = await chromium.profile();
    const seen = await watch(context);
    const tabs = await openTabs(context, 3, `http://e2e.test:${sample().port}`);
    expect(await tabs[0]!.page.evaluate(() => 'locks' in navigator)).toBe(false);
    await writeInAll(tabs);

    expect(seen.handshakes).toBeGreaterThanOrEqual(3);
    expect(await context.cookies()).toHaveLength(1);
    await tabs[0]!.page.reload();
    await eventually(async () =>
      expect((await tabs[0]!.titles()).sort()).toEqual(['by tab 0', 'by tab 1', 'by tab 2']),
    );
    expect(tabs.flatMap(({ complaints }) => complaints)).toEqual([]);
  }, 90_000);
});
