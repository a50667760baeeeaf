import { describe, expect, it } from '@jest/globals';
import { holds, makeCanary } from './support/canary.js';
import { useChromium } from './support/chromium.js';
import { Devtools } from './support/devtools.js';
import { eventually } from './support/eventually.js';
import { SamplePage } from './support/sample-page.js';
import { useSample } from './support/sample.js';

describe("step 8: the browser's devtools see ciphertext", () => {
  const chromium = useChromium();
  const sample = useSample();

  /** Everything that a person can do on the page, each with the canary where a person writes. */
  async function use(tab: SamplePage, canary: string): Promise<void> {
    await tab.logIn(canary);
    await eventually(async () => expect(await tab.page.locator('#login-error').innerText()).toContain('401'));
    await tab.write(`Title ${canary}`, `Body ${canary}`);
    await tab.get('search').fill(canary);
    await eventually(async () =>
      expect((await tab.card(`GET /notes?search=${canary}`)).seen).toContain(`Body ${canary}`),
    );
    await tab.get('note-open').first().click();
    await eventually(async () => expect(await tab.get('note-open').first().getAttribute('aria-expanded')).toBe('true'));
    // Refused by validation, in an answer that quotes what it refuses to take.
    await tab.page.evaluate(() => document.querySelector('#note-title')!.removeAttribute('maxlength'));
    await tab.get('note-title').fill(canary.repeat(3));
    await tab.get('note-add').click();
    await eventually(async () => expect(await tab.page.locator('#note-error').innerText()).toContain('400'));
    await tab.get('plain-text').fill(canary);
    await tab.get('sealed-send').click();
    await eventually(async () => expect((await tab.card('POST /echo')).seen).toContain('Response 201'));
    await tab.get('note-delete').first().click();
    await eventually(async () => expect(await tab.page.locator('#notes-count').innerText()).toBe('No note matches.'));
  }

  it.each([
    { origin: 'localhost', engine: 'WebCrypto', kinds: ['RSA', 'P-256', 'X25519'] },
    // No secure context: browsers hide WebCrypto there, whatever the page does.
    { origin: 'e2e.test', engine: 'node-forge', kinds: ['RSA'] },
  ])('on http://$origin, by $engine', async ({ origin, engine, kinds }) => {
    const tab = await SamplePage.tab(await chromium.profile());
    const devtools = await Devtools.open(tab.page);
    await tab.goto(`http://${origin}:${sample().port}/`);
    const isSecure = engine === 'WebCrypto';
    expect(await tab.page.evaluate(() => [isSecureContext, typeof globalThis.crypto.subtle])).toEqual([
      isSecure,
      isSecure ? 'object' : 'undefined',
    ]);
    const forge = devtools.shown.filter(({ what, text }) => what === 'url' && text.endsWith('/vendor/forge.js'));
    expect(forge.length).toBe(isSecure ? 0 : 1);
    expect(await tab.get('engine').locator('option:checked').innerText()).toBe(engine);

    const canary = makeCanary();
    for (const kind of kinds) {
      await tab.get('kind').selectOption(kind);
      await eventually(async () => expect((await tab.card('POST /e2e/handshake')).seen).toContain(`"kind": "${kind}"`));
      await tab.get('search').fill('');
      await use(tab, canary);
    }

    await devtools.settle();
    expect(devtools.failed).toEqual([]);
    const { requests, responses } = devtools.sealed();
    // 9 calls at the least for each kind, and each answer with its request.
    expect(requests.length).toBeGreaterThanOrEqual(9 * kinds.length);
    expect(new Set(responses.map(({ of }) => of)).size).toBeGreaterThanOrEqual(6);
    expect(responses.length).toBeGreaterThanOrEqual(9 * kinds.length);
    const found = () =>
      devtools.shown.filter(({ text }) => holds(text, canary)).map(({ what, of }) => `${what}: ${of}`);
    expect(found()).toEqual([]);

    // The control: it is found where it is.
    await tab.get('plain-send').click();
    await eventually(() => expect(found().length).toBe(2));
    await devtools.settle();
    const plain = `POST http://${origin}:${sample().port}/plain/echo`;
    expect(found().sort()).toEqual([`request body: ${plain}`, `response body: ${plain}`]);
    expect(tab.complaints).toEqual([]);
  });

  it('would see the canary in a URL and in headers, too', async () => {
    const tab = await SamplePage.open(await chromium.profile(), sample().base);
    const devtools = await Devtools.open(tab.page);
    const canary = makeCanary();
    await tab.page.evaluate(async (text) => {
      await fetch(`/health?q=${text}`);
      await fetch('/health', { headers: { 'x-canary': text } });
      document.cookie = `canary=${text}`;
      await fetch('/health?with-cookie');
    }, canary);
    await devtools.settle();
    const found = new Set(devtools.shown.filter(({ text }) => holds(text, canary)).map(({ what }) => what));
    expect([...found].sort()).toEqual(['request headers', 'url']);
    const cookie = devtools.shown.filter(({ text }) => text.includes(`canary=${canary}`));
    expect(cookie.map(({ what }) => what)).toEqual(['request headers']);
  });

  it.each([
    ['as it is', (text: string) => text],
    ['in base64', (text: string) => Buffer.from(`{"a":"${text}"}`).toString('base64')],
    ['in base64url, one byte on', (text: string) => Buffer.from(`{"ab":"${text}"}`).toString('base64url')],
    ['in base64url, two bytes on', (text: string) => Buffer.from(`{"abc":"${text}"}`).toString('base64url')],
    ['percent-encoded', (text: string) => [...text].map((each) => `%${each.charCodeAt(0).toString(16)}`).join('')],
    ['in hex', (text: string) => Buffer.from(text).toString('hex').toUpperCase()],
  ])('would see the canary %s', (_how, disguise) => {
    const canary = makeCanary();
    expect(holds(`…${disguise(canary)}…`, canary)).toBe(true);
    expect(holds(`…${disguise(makeCanary())}…`, canary)).toBe(false);
  });
});
