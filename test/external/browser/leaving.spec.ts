import { describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Post } from '@nestjs/common';
import type { Page } from 'playwright-core';
import { Encrypted, Plain } from '../../../src/index.js';
import { useApp } from '../../integration/e2e/support/apps.js';
import { makeCanary } from './support/canary.js';
import { useChromium } from './support/chromium.js';
import { eventually } from './support/eventually.js';
import { SiteController } from './support/site.js';

@Encrypted()
@Controller()
class LastController {
  readonly told: string[] = [];

  @Post('last')
  last(@Body('text') text: string): object {
    this.told.push(text);
    return {};
  }

  @Plain()
  @Get('elsewhere')
  elsewhere(): string {
    return 'another page';
  }
}

declare global {
  var worker: ServiceWorker;
}

describe('a page that is left', () => {
  const chromium = useChromium();
  const app = useApp('express', { controllers: [SiteController, LastController] });

  /** A page with a service worker that calls sealed routes for it. */
  async function openPage(): Promise<Page> {
    const page = await (await chromium.profile()).newPage();
    await page.goto(`${app().url}/page`);
    await page.evaluate(async () => {
      await navigator.serviceWorker.register('/service-worker.js', { type: 'module' });
      const { active } = await navigator.serviceWorker.ready;
      globalThis.worker = active!;
    });
    return page;
  }

  it.each([
    ['for another page', (page: Page) => page.goto(`${app().url}/elsewhere`)],
    ['since it is closed', (page: Page) => page.close({ runBeforeUnload: true })],
  ])('%s has its last words sealed by a service worker', async (_how, leave) => {
    const page = await openPage();
    const canary = makeCanary();
    app().tap.clear();
    await page.evaluate((text) => {
      const headers = { 'content-type': 'application/json' };
      const init = { method: 'POST', headers, body: JSON.stringify({ text }) };
      addEventListener('pagehide', () => worker.postMessage({ options: { keyKind: 'X25519' }, url: '/last', init }));
    }, canary);
    await leave(page);
    await eventually(() => expect(app().get(LastController).told).toContain(canary));
    expect(app().tap.text).not.toContain(canary);
  });

  it('cannot send them by a beacon: what is not sealed is refused', async () => {
    const page = await openPage();
    app().tap.clear();
    await page.evaluate(() => navigator.sendBeacon('/last', new Blob(['{"text":"x"}'], { type: 'application/json' })));
    await eventually(() => expect(app().tap.text).toContain('urn:e2e:problem:message-required'));
    expect(app().get(LastController).told).not.toContain('x');
  });
});
