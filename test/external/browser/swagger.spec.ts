import { expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Tap } from '../../integration/e2e/support/tap.js';
import { onEachPlatform } from '../../integration/e2e/support/apps.js';
import { useApplications } from '../../integration/ecosystem/support/process.js';
import { holds, makeCanary } from './support/canary.js';
import { useChromium } from './support/chromium.js';
import { Devtools } from './support/devtools.js';
import { SwaggerPage } from './support/swagger-page.js';

onEachPlatform('Swagger UI', (platform) => {
  const chromium = useChromium();
  // A process of its own: @nestjs/swagger takes @fastify/static, which jest cannot load.
  const applications = useApplications(platform, '../../external/browser/support/swagger.app.ts');

  const url = (name: string) => applications.url(name);
  const open = async (page: string) => SwaggerPage.open(await chromium.profile(), page);

  /** The application's tap, with nothing in it yet. */
  function listen(name: string): Tap {
    const tap = applications.tap(name);
    tap.clear();
    return tap;
  }

  it('seals what is tried out, and shows the answer opened, while the wire carries ciphertext', async () => {
    const swagger = await SwaggerPage.tab(await chromium.profile());
    const devtools = await Devtools.open(swagger.page);
    const tap = listen('Usual');
    await swagger.page.goto(`${url('Usual')}/api`);

    const canary = makeCanary();
    const body = JSON.stringify({ name: canary, count: 7 });
    const { status, answer, command } = await swagger.call('_create', { body });
    expect(status).toBe('201');
    expect(answer).toContain(`"name": "${canary}"`);
    expect(answer).toContain('"id": 1');
    expect(answer).toContain('content-type: application/json');
    expect(command).toBe(`npx nestjs-e2e-encryption post '${url('Usual')}/things' \\\n  -d '${body}'`);

    const read = await swagger.call('readOne', { parameters: { id: '12', name: canary } });
    expect(read.status).toBe('200');
    expect(read.answer).toContain(`"name": "${canary}"`);

    await devtools.settle();
    expect(devtools.failed).toEqual([]);
    const { requests, responses } = devtools.sealed();
    const calls = [`POST ${url('Usual')}/things`, `GET ${url('Usual')}/things/12`];
    expect(requests.map(({ of }) => of)).toEqual(expect.arrayContaining(calls));
    expect(responses.map(({ of }) => of)).toEqual(calls);
    const found = () =>
      devtools.shown.filter(({ text }) => holds(text, canary)).map(({ what, of }) => `${what}: ${of}`);
    expect(found()).toEqual([]);
    expect(holds(tap.text, canary)).toBe(false);
    expect(tap.text).toContain('POST /e2e/handshake');

    // The control: it is found where it is.
    const plain = await swagger.call('_plain', { body });
    expect(plain.answer).toContain('"id": 4');
    expect(plain.command).toMatch(/^curl/);
    await devtools.settle();
    expect(found().length).toBe(2);
    expect(holds(tap.text, canary)).toBe(true);
    expect(swagger.complaints).toEqual([]);
  });

  it('uploads a file of a form and downloads it, while neither its bytes nor its name are on the wire', async () => {
    const swagger = await SwaggerPage.tab(await chromium.profile());
    const devtools = await Devtools.open(swagger.page);
    const tap = listen('Usual');
    await swagger.page.goto(`${url('Usual')}/api`);

    const [canary, fileName, note] = [makeCanary(), makeCanary(), makeCanary()];
    const bytes = Buffer.concat([Buffer.from(`${canary}\n`), randomBytes(300_000), Buffer.from(canary)]);
    const file = { name: `${fileName}.pdf`, mimeType: 'application/pdf', buffer: bytes };
    const { status, answer, command } = await swagger.call('_upload', { form: { file, note } });
    expect(status).toBe('201');
    expect(answer).toContain(`"name": "${fileName}.pdf"`);
    expect(answer).toContain(`"note": "${note}"`);
    expect(answer).toContain(createHash('sha256').update(bytes).digest('hex'));
    expect(command).not.toMatch(/^curl/);

    const read = await swagger.call('_download', {});
    expect(read.status).toBe('200');
    const saved = swagger.page.waitForEvent('download');
    await swagger.operation('_download').getByText('Download file').click();
    const download = await saved;
    expect(download.suggestedFilename()).toBe(`${fileName}.pdf`);
    expect(readFileSync(await download.path()).equals(bytes)).toBe(true);

    const events = await swagger.call('_live', {});
    expect(events.answer).toContain('data: {"n":2}');

    await devtools.settle();
    const told = [canary, fileName, note];
    const isTold = (text: string) => [...told, 'form-data', '"n":2'].some((each) => text.includes(each));
    const shown = devtools.shown.filter(({ of }) => of.includes('/files'));
    expect(shown.length).toBeGreaterThan(0);
    expect(shown.filter(({ text }) => isTold(text)).map(({ what, of }) => `${what}: ${of}`)).toEqual([]);
    // The plug-in's own files are there, too.
    expect(told.filter((each) => holds(tap.text, each))).toEqual([]);
    expect(tap.text.match(/content-type: application\/vnd\.e2e\.stream/gi)?.length).toBeGreaterThanOrEqual(2);
    expect(swagger.complaints).toEqual([]);
  });

  it.each(platform === 'express' ? ['', '/', '/index.html'] : [''])(
    'behind a prefix, with versions and a path, on the page that ends in "%s"',
    async (end) => {
      const swagger = await open(`${url('Prefixed')}/v/docs/things${end}`);
      const canary = makeCanary();
      const tap = listen('Prefixed');
      const { status, answer, command } = await swagger.call('_create_v3', { body: `{"name":"${canary}"}` });
      expect([status, answer]).toEqual(['201', expect.stringContaining(canary)]);
      expect(command).toContain(`'${url('Prefixed')}/v/v3/things'`);
      expect(command).toContain("--path 'v/secure/channel'");
      expect(tap.text).toContain('POST /v/secure/channel/handshake');
      expect(holds(tap.text, canary)).toBe(false);
      expect(swagger.complaints).toEqual([]);
    },
  );

  it('serves of this package nothing but what the page needs', async () => {
    const status = async (path: string) => (await fetch(`${url('Bare')}/api/e2e-client/${path}`)).status;
    expect(await status('client/index.js')).toBe(200);
    for (const path of ['nest/key.service.js', 'client/none.js', 'client/..%2f..%2f..%2fpackage.json', 'x/y.js']) {
      expect([path, await status(path)]).toEqual([path, 404]);
    }
  });

  // The rest is the page's own, whatever the server is.
  if (platform === 'fastify') return;

  it('shows the DTO in the editor, as the JSON that it is, and what is sealed', async () => {
    const swagger = await open(`${url('Usual')}/api`);
    const badges = (name: string) => swagger.operation(name).locator('.opblock-summary-path ~ span').allInnerTexts();
    expect(await badges('_create')).toEqual(['sealed']);
    expect(await badges('_import')).toEqual(['sealed answer']);
    expect(await badges('_record')).toEqual(['sealed request']);
    expect(await badges('_plain')).toEqual([]);
    const operation = await swagger.unfold('_create');
    expect(JSON.parse(await operation.locator('textarea.body-param__text').inputValue())).toEqual({
      name: 'a thing',
      count: 1,
    });
    expect(await operation.locator('.body-param-content-type select').inputValue()).toBe('application/json');
    expect(await operation.innerText()).not.toContain('application/jose');
    expect(await swagger.page.locator('.errors-wrapper').count()).toBe(0);
    expect(swagger.complaints).toEqual([]);
  });

  it('seals in one direction where only that one is sealed', async () => {
    const swagger = await open(`${url('Usual')}/api`);
    for (const [name, option] of [
      ['_record', '--plain-answer'],
      ['_import', '--plain-request'],
    ] as const) {
      const canary = makeCanary();
      const tap = listen('Usual');
      const { status, answer, command } = await swagger.call(name, { body: JSON.stringify({ name: canary }) });
      expect(status).toBe('201');
      expect(answer).toContain(`"name": "${canary}"`);
      expect(command).toMatch(new RegExp(` ${option}$`));
      // Once: in the direction that is not sealed.
      expect(tap.text.split(canary).length - 1).toBe(1);
    }
  });

  it('behind a prefix that the document leaves to its servers', async () => {
    const swagger = await open(`${url('Servers')}/api`);
    const tap = listen('Servers');
    const { status, answer } = await swagger.call('_create', { body: '{"name":"x"}' });
    expect([status, answer]).toEqual(['201', expect.stringContaining('"name": "x"')]);
    expect(tap.text).toContain('POST /v/e2e/handshake');
  });

  it('seals the password that "Authorize" sends to a sealed route', async () => {
    const swagger = await open(`${url('Servers')}/api`);
    const { page } = swagger;
    const [user, password] = [makeCanary(), makeCanary()];
    const tap = listen('Servers');
    await page.locator('button.authorize').first().click();
    await page.locator('#oauth_username').fill(user);
    await page.locator('#oauth_password').fill(password);
    await page.locator('.auth-btn-wrapper button.authorize').click();
    await page.locator('.auth-btn-wrapper').getByText('Logout').waitFor();
    expect(tap.text).toContain('POST /v/token');
    expect(holds(tap.text, user)).toBe(false);
    expect(holds(tap.text, password)).toBe(false);
    expect(swagger.complaints).toEqual([]);
  });

  it('gives pins to the client, which sends nothing where the server does not prove who it is', async () => {
    const right = await open(`${url('Pages')}/right`);
    expect(await right.call('_create', { body: '{"name":"x"}' })).toMatchObject({ status: '201' });
    const wrong = await open(`${url('Pages')}/wrong`);
    const tap = listen('Pages');
    const { answer } = await wrong.call('_create', { body: '{"name":"x"}' });
    expect(answer).toMatch(/E2eClientError.*identity/);
    expect(tap.text).not.toContain('POST /things');
  });

  it('creates device keys if configured', async () => {
    const swagger = await open(`${url('Device')}/api`);
    const { status, answer } = await swagger.call('_create', { body: '{"name":"x"}' });
    expect([status, answer]).toEqual(['201', expect.stringContaining('"name": "x"')]);
  });

  it('seals whatever an interceptor of the page makes of a request', async () => {
    const swagger = await open(`${url('Pages')}/intercepted`);
    const canary = makeCanary();
    const tap = listen('Pages');
    const { status, answer } = await swagger.call('_create', { body: `{"name":"${canary}"}` });
    expect([status, answer]).toEqual(['201', expect.stringContaining(canary)]);
    expect(holds(tap.text, canary)).toBe(false);
  });

  it('does not start without the plug-in, and so sends nothing in the clear', async () => {
    for (const file of ['load.js', 'plugin.js']) {
      const swagger = await SwaggerPage.tab(await chromium.profile());
      await swagger.page.route(`**/${file}`, (route) => route.abort());
      await swagger.page.goto(`${url('Bare')}/api`);
      expect(swagger.complaints).toContainEqual(expect.stringMatching(/sealedSwaggerUi is not a function/));
      expect(await swagger.page.locator('.opblock').count()).toBe(0);
    }
  });

  it('seals by node-forge on plain HTTP, where there is no WebCrypto', async () => {
    const swagger = await open(`http://e2e.test:${new URL(url('Bare')).port}/api`);
    expect(await swagger.page.evaluate(() => typeof globalThis.crypto.subtle)).toBe('undefined');
    const canary = makeCanary();
    const tap = listen('Bare');
    const { status, answer } = await swagger.call('_create', { body: `{"name":"${canary}"}` });
    expect([status, answer]).toEqual(['201', expect.stringContaining(canary)]);
    expect(holds(tap.text, canary)).toBe(false);
    expect(swagger.complaints).toEqual([]);
  });
});
