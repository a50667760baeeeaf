import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import type { BrowserContext } from 'playwright-core';
import { startSample } from '../conformance/server.js';
import { holds, makeCanary } from './support/canary.js';
import { useChromium } from './support/chromium.js';
import { eventually } from './support/eventually.js';
import { SamplePage } from './support/sample-page.js';
import { useSample } from './support/sample.js';

/** A compact JWE as a card shows it: its long parts shortened. */
const MESSAGE = /eyJ[\w-]+…?\.[\w-]*…?\.[\w-]{16}\.[\w-]*…?\.[\w-]{22}/;

describe('the page', () => {
  const chromium = useChromium();
  const sample = useSample();

  const cookies = async (context: BrowserContext) => (await context.cookies()).map(({ name, value }) => name + value);

  it('lights up the eight steps in their order, from the handshake to the first answer', async () => {
    const tab = await SamplePage.tab(await chromium.profile());
    await tab.page.addInitScript(() => {
      const lit: string[] = [];
      Object.assign(globalThis, { lit });
      new MutationObserver((changes) => {
        for (const { target } of changes) {
          const step = target as HTMLElement;
          if (step.hasAttribute('data-lit')) lit.push(step.dataset.step!);
        }
      }).observe(document, { subtree: true, attributeFilter: ['data-lit'] });
    });
    await tab.goto(sample().base);
    await eventually(async () => {
      const lit = await tab.page.evaluate(() => (globalThis as unknown as { lit: string[] }).lit);
      expect(lit.slice(0, 8)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8']);
    });
    await eventually(async () => expect(await tab.page.locator('#steps [data-lit]').count()).toBe(8));
    expect(await tab.text('onlooker')).toMatch(/^→ GET \/notes\neyJ[^]*\n← 200\neyJ/);
    expect(await tab.text('identity')).toMatch(/^[\w-]{43}$/);
    expect([tab.complaints, tab.statuses]).toEqual([[], []]);
  });

  it('logs in only with the right password, and reports what was wrong otherwise', async () => {
    const tab = await SamplePage.open(await chromium.profile(), sample().base);
    await tab.logIn('babbage');
    await eventually(async () =>
      expect(await tab.page.locator('#login-error').innerText()).toMatch(/wrong password.*401/),
    );
    expect(await tab.text('me')).toBe('Not logged in');
    const failed = await tab.card('POST /auth/login');
    expect(failed.summary).toMatch(/401\s*sealed/);
    expect(failed.seen).toContain('"password": "babbage"');
    expect(failed.seen).toContain('Unknown name or wrong password');
    expect(failed.wire).not.toMatch(/babbage|Unauthorized|wrong password/);
    expect(failed.wire).toMatch(MESSAGE);

    await tab.logIn('lovelace');
    await eventually(async () => expect(await tab.text('me')).toBe('Logged in as ada'));
    expect(await tab.page.locator('#login-error').innerText()).toBe('');
    expect(await tab.get('login').isVisible()).toBe(false);
    expect(tab.complaints).toEqual([]);
  });

  it('logs out: the session ends, and the page continues with a new one', async () => {
    const context = await chromium.profile();
    const tab = await SamplePage.open(context, sample().base);
    expect(await tab.get('logout').isVisible()).toBe(false);
    await tab.logIn('lovelace');
    await tab.write('private', 'ada alone reads this');
    const loggedIn = await cookies(context);
    await tab.get('logout').click();
    await eventually(async () => expect(await tab.page.locator('#notes-count').innerText()).toBe('No notes yet.'));
    expect((await tab.card('POST /auth/logout')).summary).toMatch(/204\s*sealed/);
    expect([await tab.text('me'), await tab.titles()]).toEqual(['Not logged in', []]);
    expect([await tab.get('login').isVisible(), await tab.get('logout').isVisible()]).toEqual([true, false]);
    expect(await cookies(context)).not.toEqual(loggedIn);
    await tab.page.reload();
    await tab.ready();
    expect([await tab.text('me'), await tab.titles()]).toEqual(['Not logged in', []]);
    expect([tab.complaints, tab.statuses, await tab.problems()]).toEqual([[], [], []]);
  });

  it('writes, searches, opens and deletes notes, and shows the wire data of each call', async () => {
    const tab = await SamplePage.open(await chromium.profile(), sample().base);
    await tab.write('Analytical', 'The engine weaves algebraical patterns');
    await tab.write('Shopping', 'Tea, and a loom');
    expect(await tab.titles()).toEqual(['Shopping', 'Analytical']);
    const created = await tab.card('POST /notes');
    expect(created.summary).toMatch(/201\s*sealed/);
    expect(created.seen).toContain('"title": "Shopping"');
    expect(created.wire).toContain('content-type: application/jose');
    expect(created.wire).toMatch(MESSAGE);
    expect(created.wire).not.toMatch(/Shopping|Tea/);

    await tab.get('search').fill('algebra');
    await eventually(async () => expect(await tab.titles()).toEqual(['Analytical']));
    const searched = await tab.card('GET /notes?search=algebra');
    expect(searched.seen).toContain('GET /notes?search=algebra');
    expect(searched.wire).toContain('e2e-request:');
    expect(searched.wire).not.toMatch(/search|algebra/);

    const note = tab.get('note-open').first();
    await note.click();
    await eventually(async () => expect(await note.getAttribute('aria-expanded')).toBe('true'));
    expect(await tab.text('note')).toContain('The engine weaves algebraical patterns');

    await tab.get('note-delete').first().click();
    await eventually(async () => expect(await tab.page.locator('#notes-count').innerText()).toBe('No note matches.'));
    expect((await tab.card('DELETE /notes/')).summary).toMatch(/204\s*sealed/);
    await tab.get('search').fill('');
    await eventually(async () => expect(await tab.titles()).toEqual(['Shopping']));
    expect(tab.complaints).toEqual([]);
  });

  it('attaches a file to a note and downloads it, and the wire shows neither name nor content', async () => {
    const tab = await SamplePage.open(await chromium.profile(), sample().base);
    const [name, canary] = [makeCanary(), makeCanary()];
    const content = Buffer.alloc(3_000_000, canary);
    await tab.get('note-title').fill('With a file');
    await tab.get('note-file').setInputFiles({ name: `${name}.txt`, mimeType: 'text/plain', buffer: content });
    await tab.get('note-add').click();
    await eventually(async () => expect(await tab.titles()).toContain('With a file'));
    expect(await tab.get('progress').isVisible()).toBe(false);

    const [download] = await Promise.all([tab.page.waitForEvent('download'), tab.get('file-download').click()]);
    expect(download.suggestedFilename()).toBe(`${name}.txt`);
    expect(readFileSync(await download.path()).equals(content)).toBe(true);

    const [up, down] = [await tab.card('POST /files'), await tab.card('GET /files/')];
    expect([up.summary, down.summary].every((text) => text.includes('sealed'))).toBe(true);
    expect(up.seen).toContain(`${name}.txt, 3.0 MB`);
    expect(down.seen).toContain(`${name}.txt, 3.0 MB, text/plain`);
    for (const { wire } of [up, down]) {
      expect(wire).toMatch(MESSAGE);
      expect(wire).toMatch(/frame, 65,552 bytes: 00010010[0-9a-f]{80}…/);
      expect([holds(wire, name), holds(wire, canary)]).toEqual([false, false]);
    }
    expect([tab.complaints, tab.statuses, await tab.problems()]).toEqual([[], [], []]);
  });

  it('shows live events, each with its frame, until they are stopped', async () => {
    const tab = await SamplePage.open(await chromium.profile(), sample().base);
    await tab.get('events-start').click();
    await eventually(async () => expect(await tab.get('events-seen').locator('li').count()).toBe(8));
    expect(await tab.get('events-seen').locator('li').allInnerTexts()).toContainEqual(
      expect.stringMatching(/^\d+: \{"n":\d+\}$/),
    );
    const frames = await tab.get('events-wire').locator('li').allInnerTexts();
    for (const frame of frames) expect(frame).toMatch(/^frame, \d+ bytes: 00[0-9a-f]+…?$/);
    // Other calls go on beside them.
    await tab.write('Beside the events', 'a note');
    await tab.get('events-start').click();
    const last = await tab.text('events-seen');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await tab.text('events-seen')).toBe(last);
    expect(await tab.get('events-start').innerText()).toBe('Watch live events');
    expect([tab.complaints, tab.statuses, await tab.problems()]).toEqual([[], [], []]);
  });

  it('shows the sealed call and the same words in the clear side by side', async () => {
    const tab = await SamplePage.open(await chromium.profile(), sample().base);
    await tab.get('plain-text').fill('Meet me at the loom');
    await tab.get('sealed-send').click();
    await eventually(async () => expect((await tab.card('POST /echo')).seen).toContain('Response 201'));
    const sealed = await tab.card('POST /echo');
    expect(sealed.seen).toContain('Meet me at the loom');
    expect(sealed.wire).not.toContain('loom');

    await tab.get('plain-send').click();
    await eventually(async () => expect(await tab.text('onlooker')).toContain('Meet me at the loom'));
    expect((await tab.card('POST /plain/echo')).wire).toContain('Meet me at the loom');
    // The steps of the sealed call before are not this call's.
    const lit = tab.page.locator('#steps [data-lit]');
    expect(await lit.evaluateAll((steps) => steps.map((step) => (step as HTMLElement).dataset.step))).toEqual([
      ...['1', '2', '3'],
      '8',
    ]);
    const arrows = tab.page.locator('#steps [data-wire]');
    expect((await arrows.allInnerTexts()).slice(2)).toEqual(['ciphertext', 'ciphertext']);

    await tab.get('boom').click();
    await eventually(async () => expect((await tab.card('GET /boom')).seen).toContain('Internal server error'));
    expect((await tab.card('GET /boom')).wire).not.toContain('Internal');
    await tab.get('raw').click();
    await eventually(async () => expect((await tab.card('GET /raw')).seen).toContain('"raw": true'));
    expect((await tab.card('GET /raw')).wire).not.toContain('"raw"');
    expect(tab.complaints).toEqual([]);
  });

  it.each([
    ['RSA', 'web'],
    ['P-256', 'web'],
    ['X25519', 'web'],
    ['MLKEM768-X25519', 'web'],
    ['RSA', 'forge'],
  ])('talks %s by %s', async (kind, engine) => {
    const tab = await SamplePage.open(await chromium.profile(), sample().base);
    await tab.get('engine').selectOption(engine);
    await tab.get('kind').selectOption(kind);
    await eventually(async () => expect((await tab.card('POST /e2e/handshake')).seen).toContain(`"kind": "${kind}"`));
    await tab.write(`by ${kind} and ${engine}`, 'as ever');
    const { wire } = await tab.card('POST /notes');
    expect(wire).toMatch(MESSAGE);
    expect(wire).not.toContain('as ever');
    const offered = await tab.get('kind').locator('option:not([disabled])').allInnerTexts();
    expect(offered).toEqual(engine === 'forge' ? ['RSA'] : ['RSA', 'P-256', 'X25519', 'MLKEM768-X25519']);
    expect(tab.complaints).toEqual([]);
  });

  it('takes new settings while a handshake is under way', async () => {
    const tab = await SamplePage.open(await chromium.profile(), sample().base);
    const held: (() => void)[] = [];
    await tab.page.route('**/e2e/handshake', async (route) => {
      await new Promise<void>((resolve) => held.push(resolve));
      // The page has given up on all but the last one.
      await route.continue().catch(() => undefined);
    });
    for (const [name, value] of [
      ['kind', 'X25519'],
      ['engine', 'forge'],
      ['engine', 'web'],
      ['kind', 'P-256'],
    ] as const) {
      const before = held.length;
      await tab.get(name).selectOption(value);
      await eventually(() => expect(held.length).toBeGreaterThan(before));
    }
    held.forEach((go) => go());
    await eventually(async () => expect((await tab.card('POST /e2e/handshake')).seen).toContain('"kind": "P-256"'));
    await tab.write('on the newest channel', 'P-256');
    expect([await tab.problems(), tab.complaints]).toEqual([[], []]);
  });

  it('shows its calls also after a handshake that was given up while its keys were made', async () => {
    const tab = await SamplePage.open(await chromium.profile(), sample().base);
    const making = await tab.page.evaluateHandle(() => {
      const making: { count: number; finish?: () => void } = { count: 0 };
      const generateKey = crypto.subtle.generateKey.bind(crypto.subtle) as (...args: unknown[]) => Promise<unknown>;
      const made = new Promise<void>((resolve) => (making.finish = resolve));
      crypto.subtle.generateKey = (async (algorithm: { name: string }, ...args: unknown[]) => {
        const keys = await generateKey(algorithm, ...args);
        making.count++;
        if (algorithm.name === 'RSA-OAEP') await made;
        return keys;
      }) as never;
      return making;
    });
    await tab.get('engine').selectOption('web');
    await eventually(async () => expect(await making.evaluate(({ count }) => count)).toBeGreaterThan(0));
    await tab.get('kind').selectOption('P-256');
    await eventually(async () => expect((await tab.card('POST /e2e/handshake')).seen).toContain('"kind": "P-256"'));
    await making.evaluate(({ finish }) => finish!());
    await tab.write('after the old keys', 'P-256');
    expect((await tab.card('POST /notes')).wire).not.toContain('/e2e/handshake');
    expect([await tab.problems(), tab.complaints]).toEqual([[], []]);
  });

  it('is a new client on the same session after a reload', async () => {
    const context = await chromium.profile();
    const tab = await SamplePage.open(context, sample().base);
    await tab.write('before the login', '1');
    const anonymous = await cookies(context);
    await tab.logIn('lovelace');
    await eventually(async () => expect(await tab.text('me')).toBe('Logged in as ada'));
    const loggedIn = await cookies(context);
    expect(loggedIn).not.toEqual(anonymous);
    await tab.write('after it', '2');
    const kid = /"kid": "([\w-]{43})"/;
    const first = kid.exec((await tab.card('POST /e2e/handshake')).seen)![1];

    await tab.page.reload();
    await tab.ready();
    expect(await tab.text('me')).toBe('Logged in as ada');
    expect(await tab.titles()).toEqual(['after it', 'before the login']);
    expect(await cookies(context)).toEqual(loggedIn);
    const second = kid.exec((await tab.card('POST /e2e/handshake')).seen)![1];
    expect(second).not.toBe(first);
    expect(tab.complaints).toEqual([]);
  });

  it('recovers by itself after a restart of the server', async () => {
    const first = await startSample();
    const tab = await SamplePage.open(await chromium.profile(), first.base);
    await tab.write('kept in memory', 'lost with it');
    await first.stop();
    const second = await startSample({}, first.port);
    try {
      await tab.write('after the restart', 'as if nothing had been');
      expect(await tab.titles()).toEqual(['after the restart']);
      const { wire, summary } = await tab.card('POST /notes');
      expect(summary).toMatch(/201\s*sealed/);
      // Refused by a server that knows no channel, a new handshake, and once more: the page's socket first, or this call.
      expect(wire).toMatch(/POST \/e2e\/handshake\n[^]*201[^]*POST \/notes\n[^]*201/);
      expect(tab.complaints).toEqual([]);
    } finally {
      await second.stop();
    }
  });

  it('shows the wire data on a phone, next to the buttons', async () => {
    const context = await chromium.profile({ viewport: { width: 390, height: 844 }, isMobile: true });
    const tab = await SamplePage.open(context, sample().base);
    await tab.get('plain-text').fill('Meet me at the loom');
    const result = tab.get('contrast-result');
    const isInView = () =>
      result.evaluate((element) => {
        const { top, bottom } = element.getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight;
      });
    expect(await result.isVisible()).toBe(false);
    for (const [button, expected] of [
      ['sealed-send', /sealed[^]*→.eyJ[^]*←.eyJ/],
      ['plain-send', /in the clear[^]*→.{"text":"Meet me at the loom"}[^]*←.{"text":"Meet me at the loom"}/],
      ['sealed-send', /sealed[^]*→.eyJ[^]*←.eyJ/],
    ] as const) {
      await tab.get(button).evaluate((element) => element.scrollIntoView({ block: 'center' }));
      await tab.get(button).click();
      await eventually(async () => expect(await result.innerText()).toMatch(expected));
      expect([button, await isInView()]).toEqual([button, true]);
      if (button === 'sealed-send') expect(await result.innerText()).not.toContain('loom');
    }
    expect(tab.complaints).toEqual([]);
  });

  it.each([['light'], ['dark']] as const)('fits on a phone of 360 px (%s)', async (colorScheme) => {
    const context = await chromium.profile({ viewport: { width: 360, height: 740 }, colorScheme, isMobile: true });
    const tab = await SamplePage.open(context, sample().base);
    const overflow = () =>
      tab.page.evaluate(() => ({
        page: document.documentElement.scrollWidth - innerWidth,
        // What sticks out without a box of its own that scrolls or cuts it.
        widest:
          Math.max(
            ...[...document.querySelectorAll('main > *, header, footer')].map((e) => e.getBoundingClientRect().right),
          ) > 360,
      }));
    expect(await overflow()).toEqual({ page: 0, widest: false });
    // The longest title there can be, with no place to break it.
    await tab.write('W'.repeat(80), 'm'.repeat(300));
    await tab.get('note-open').first().click();
    await tab.get('plain-send').click();
    await eventually(async () => expect(await tab.get('call').filter({ hasText: '/plain/echo' }).count()).toBe(1));
    await tab.page.evaluate(() => {
      for (const details of document.querySelectorAll('details')) details.open = true;
      for (const all of document.querySelectorAll<HTMLElement>('#calls .tools > button')) all.click();
    });
    expect(await overflow()).toEqual({ page: 0, widest: false });
    expect(tab.complaints).toEqual([]);
  });
});
