import { expect } from '@jest/globals';
import type { BrowserContext, Locator, Page } from 'playwright-core';
import { eventually } from './eventually.js';

/** The sample's page as a person uses it, and all that the browser complains about meanwhile. */
export class SamplePage {
  /** Console errors, uncaught errors and breaches of the Content Security Policy. */
  readonly complaints: string[] = [];
  /** The lines that Chromium writes for every answer of 400 and above, opened or not. */
  readonly statuses: string[] = [];

  private constructor(readonly page: Page) {}

  /** A tab that shows nothing yet. */
  static async tab(context: BrowserContext): Promise<SamplePage> {
    const sample = new SamplePage(await context.newPage());
    const { page, complaints, statuses } = sample;
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      // The socket is opened again while a server restarts.
      const isStatus = /^(Failed to load resource: the server responded with a status of|WebSocket connection to)/.test(
        message.text(),
      );
      if (message.type() === 'error') (isStatus ? statuses : complaints).push(message.text());
    });
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
        console.error(`CSP: ${violatedDirective} ${blockedURI}`),
      );
    });
    return sample;
  }

  static async open(context: BrowserContext, url: string): Promise<SamplePage> {
    const sample = await SamplePage.tab(context);
    await sample.goto(url);
    return sample;
  }

  /** Until the handshake is made and the notes are read. */
  async goto(url: string): Promise<void> {
    await this.page.goto(url);
    await this.ready();
  }

  async ready(): Promise<void> {
    const count = this.page.locator('#notes-count');
    // node-forge makes its keys in script: three tabs at once take their time where the machine has other things to do.
    await eventually(async () => expect(await count.innerText()).not.toBe(''));
  }

  get(testId: string): Locator {
    return this.page.getByTestId(testId);
  }

  /** What is written into the element at the moment. */
  text(testId: string): Promise<string> {
    return this.get(testId).innerText();
  }

  async logIn(password: string): Promise<void> {
    await this.get('password').fill(password);
    await this.get('login').click();
  }

  /** All that stands in red on the page. */
  async problems(): Promise<string[]> {
    return (await this.page.locator('.problem').allInnerTexts()).filter((text) => text !== '');
  }

  async write(title: string, body: string): Promise<void> {
    await this.get('note-title').fill(title);
    await this.get('note-body').fill(body);
    await this.get('note-add').click();
    await eventually(async () => expect(await this.titles()).toContain(title));
  }

  attach(file: string | { name: string; mimeType: string; buffer: Buffer }): Promise<void> {
    return this.get('note-file').setInputFiles(file);
  }

  async titles(): Promise<string[]> {
    return this.get('note-open').allInnerTexts();
  }

  /** The newest card of such a call: what the person sees, what the wire carries. */
  async card(line: string): Promise<{ seen: string; wire: string; summary: string }> {
    const card = this.get('call')
      .filter({ has: this.page.locator('.line', { hasText: line }) })
      .first();
    // A newer card has closed it, perhaps.
    await card
      .locator('details')
      .first()
      .evaluate((details: HTMLDetailsElement) => (details.open = true));
    return {
      summary: await card.locator('summary').first().innerText(),
      seen: await card.getByTestId('seen').innerText(),
      wire: await card.getByTestId('wire').innerText(),
    };
  }
}
