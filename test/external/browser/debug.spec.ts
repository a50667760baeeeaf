import { describe, expect, it } from '@jest/globals';
import { useChromium } from './support/chromium.js';
import { eventually } from './support/eventually.js';
import { SamplePage } from './support/sample-page.js';
import { useSample } from './support/sample.js';

describe('the debug panel', () => {
  const chromium = useChromium();
  const sample = useSample();

  it('shows plaintext and wire data side by side, as text, and can be removed', async () => {
    const tab = await SamplePage.open(await chromium.profile(), sample().base);
    await tab.logIn('lovelace');
    await eventually(async () => expect(await tab.text('me')).toBe('Logged in as ada'));
    await tab.get('debug').click();
    const panel = tab.page.locator('[data-e2e-debug]');
    const login = panel.locator('li', { hasText: 'POST /auth/login' });
    await eventually(async () =>
      expect(await login.locator('summary').innerText()).toMatch(/^POST \/auth\/login → 20\d$/),
    );
    await login.locator('summary').click();
    const [seen, wire] = [login.locator('section').nth(0), login.locator('section').nth(1)];
    expect(await seen.innerText()).toContain('"password": "lovelace"');
    expect(await wire.innerText()).toMatch(/application\/jose[^]*eyJ[\w-]+\./);
    expect(await wire.innerText()).not.toContain('lovelace');

    await tab.get('search').fill('<img src=x onerror=alert(1)>');
    const search = panel.locator('li', { hasText: 'search=' }).first();
    await eventually(async () => expect(await search.locator('summary').innerText()).toContain('/notes?search='));
    expect(await panel.locator('img').count()).toBe(0);
    if (process.env.SCREENSHOT) await tab.page.screenshot({ path: process.env.SCREENSHOT });

    await panel.getByRole('button', { name: 'Clear' }).click();
    await eventually(async () => expect(await panel.locator('li').count()).toBe(0));
    await tab.get('debug').click();
    await eventually(async () => expect(await panel.count()).toBe(0));
    expect(tab.complaints).toEqual([]);
  });
});
