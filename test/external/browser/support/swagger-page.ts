import type { BrowserContext, Locator, Page } from 'playwright-core';

/** What Swagger UI shows of a call. */
export interface ShownCall {
  readonly status: string;
  /** The answer's headers and body, or the error. */
  readonly answer: string;
  /** The call as a command: curl's, or this package's. */
  readonly command: string;
}

/** What a person types into an operation, and chooses. */
export interface ToFillIn {
  readonly body?: string;
  readonly parameters?: Record<string, string>;
  /** Fields of a `multipart/form-data` body: texts, and files. */
  readonly form?: Record<string, string | { name: string; mimeType: string; buffer: Buffer }>;
}

/** Swagger UI as a person uses it, and all that the browser complains about meanwhile. */
export class SwaggerPage {
  /** Console errors, uncaught errors and breaches of the Content Security Policy. */
  readonly complaints: string[] = [];

  private constructor(readonly page: Page) {}

  static async open(context: BrowserContext, url: string): Promise<SwaggerPage> {
    const swagger = await SwaggerPage.tab(context);
    await swagger.page.goto(url);
    await swagger.page.locator('.opblock').first().waitFor();
    return swagger;
  }

  /** A tab that shows nothing yet. */
  static async tab(context: BrowserContext): Promise<SwaggerPage> {
    const swagger = new SwaggerPage(await context.newPage());
    const { page, complaints } = swagger;
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      // Chromium writes a line for every answer of 400 and above, opened or not.
      const isStatus =
        /responded with a status of 4\d\d .*/.test(message.text()) && message.location().url.includes('/things');
      if (message.type() === 'error' && !isStatus) complaints.push(message.text());
    });
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
        console.error(`CSP: ${violatedDirective} ${blockedURI}`),
      );
    });
    return swagger;
  }

  operation(name: string): Locator {
    return this.page.locator(`.opblock[id$="${name}"]`);
  }

  /** Opens an operation and presses "Try it out". */
  async unfold(name: string): Promise<Locator> {
    const operation = this.operation(name);
    await operation.locator('.opblock-summary-control').click();
    await operation.getByRole('button', { name: 'Try it out' }).click();
    return operation;
  }

  /** Fills in what is given, presses "Execute", and waits for what comes. */
  async call(name: string, { body, parameters = {}, form = {} }: ToFillIn = {}): Promise<ShownCall> {
    const operation = await this.unfold(name);
    if (body !== undefined) await operation.locator('textarea.body-param__text').fill(body);
    for (const [parameter, value] of Object.entries(parameters)) {
      await operation.locator(`tr[data-param-name="${parameter}"] input`).fill(value);
    }
    for (const [field, value] of Object.entries(form)) {
      const input = operation
        .locator(`.body-param-edit tr[data-property-name="${field}"] input, tr:has-text("${field}") input`)
        .first();
      await (typeof value === 'string' ? input.fill(value) : input.setInputFiles(value));
    }
    await operation.getByRole('button', { name: 'Execute' }).click();
    const answer = operation.locator('.live-responses-table tr.response');
    await answer.waitFor();
    const commands = await operation.locator('.curl-command pre').allInnerTexts();
    return {
      status: (await answer.locator('.response-col_status').innerText()).trim(),
      answer: await answer.locator('.response-col_description').innerText(),
      command: commands.join('\n'),
    };
  }
}
