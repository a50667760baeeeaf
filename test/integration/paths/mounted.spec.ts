import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Server } from 'node:http';
import { onEachPlatform, TestApp, type Setup } from '../e2e/support/apps.js';
import { CANARY, expectPlainProblem } from '../e2e/support/raw.js';
import { mountByHand, OpenController, ran, startUpstream, UndeclaredController } from './support/mounted.js';

const FORM = (): FormData => {
  const form = new FormData();
  form.set('text', CANARY);
  return form;
};
const json = (value: unknown, method = 'POST'): RequestInit => ({
  method,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});

type Case = [name: string, path: string, init?: () => RequestInit];
const COMMON: Case[] = [
  ['a GET', 'legacy/hello'],
  ['a GET with a query', `legacy/hello?a=1&b[]=2&text=${CANARY}%20x`],
  ['a POST of JSON', 'legacy/json', () => json({ text: CANARY })],
  ['a body that its parser refuses', 'legacy/json', () => ({ ...json({}), body: `{"${CANARY}` })],
  ['a PUT without a body', 'legacy/hello', () => ({ method: 'PUT' })],
  ['a DELETE', 'legacy/hello', () => ({ method: 'DELETE' })],
  ['what nobody answers', `legacy/${CANARY.slice(0, 6)}/nothing`],
  ['an exception', 'legacy/throw'],
  ['events', 'legacy/events'],
  ['a redirect, followed', 'legacy/jump'],
  ['a file', 'legacy/files/note.txt'],
  ['a proxied GET', `legacy/proxy/some/path?q=${CANARY}`],
  ['a proxied POST', 'legacy/proxy/json', () => json({ text: CANARY })],
  ['a proxied POST of a long body', 'legacy/proxy/json', () => json({ text: CANARY.repeat(20_000) })],
  ['a proxied form', 'legacy/proxy/form', () => ({ method: 'POST', body: new URLSearchParams({ text: CANARY }) })],
  ['a route of a controller', `legacy/nest/7?text=${CANARY}`],
  ['a body for a controller', 'legacy/nest', () => json({ text: CANARY })],
  ['an open route', 'open'],
];
const CASES = {
  express: [...COMMON, ['a middleware that answers by itself', `legacy/middle?q=${CANARY}`]] as Case[],
  fastify: COMMON,
};

/** What of an answer is the application's. */
async function shownOf(response: Response): Promise<object> {
  const text = await response.text();
  const headers = ['content-type', 'x-from', 'x-upstream'].map((name) => response.headers.get(name));
  // Every run has connections, and files, of its own.
  return { status: response.status, headers, text, path: new URL(response.url).pathname };
}

onEachPlatform('What answers under a sealed path, whoever mounted it,', (platform) => {
  let [sealed, plain, upstream]: [TestApp?, TestApp?, Server?] = [];
  const setup = (e2e: Setup['e2e']): Setup => ({
    e2e,
    controllers: [UndeclaredController, OpenController],
    configure: (app) => mountByHand(app, platform, upstream!),
  });
  beforeAll(async () => {
    upstream = await startUpstream();
    sealed = await TestApp.start(platform, setup({ sealedPaths: ['/legacy'] }));
    plain = await TestApp.start(platform, setup(false));
  });
  afterAll(async () => {
    await sealed?.close();
    await plain?.close();
    upstream?.close();
  });
  beforeEach(() => void (ran.length = 0));

  it.each(CASES[platform])('answers %s as it would in the clear, and nothing of it is on the wire', async (...each) => {
    const [, path, init = (): RequestInit => ({})] = each;
    const client = sealed!.client();
    await client.handshake();
    sealed!.tap.clear();
    const shown = await shownOf(await client.fetch(path, init()));
    const wire = sealed!.tap.text;
    const handlers = [...ran];
    ran.length = 0;
    expect(shown).toEqual(await shownOf(await fetch(`${plain!.url}/${path}`, init())));
    expect(handlers).toEqual(ran);
    expect(wire.includes(CANARY)).toBe(false);
    expect(/application\/(jose|vnd\.e2e\.stream)|e2e-request/i.test(wire)).toBe(true);
  });

  it.each(CASES[platform].filter(([, path]) => path !== 'open'))('refuses %s in the clear', async (...each) => {
    const [, path, init = (): RequestInit => ({})] = each;
    const { method = 'GET', body } = init();
    const reply = await sealed!.visitor().send({
      method,
      target: `/${path}`,
      headers: { Accept: 'text/html', 'Content-Type': 'application/json' },
      ...(typeof body === 'string' ? { body } : {}),
    });
    expectPlainProblem(reply, 'message-required');
    expect(ran).toEqual([]);
  });

  it('reads files of a form as in the clear', async () => {
    const shown = await shownOf(await sealed!.client().fetch('legacy/proxy/form', { method: 'POST', body: FORM() }));
    expect(ran).toEqual(['proxy']);
    expect(shown).toMatchObject({ status: 203, text: expect.stringContaining(CANARY) as unknown });
  });

  it('is not reached in the clear where it answers before all of the module', async () => {
    const early = await sealed!.visitor().send({ target: '/legacy/early' });
    expectPlainProblem(early, 'message-required');
    const asIs = await fetch(`${plain!.url}/legacy/early`);
    expect(await asIs.text()).toContain(CANARY);
  });

  it('does not change what is elsewhere', async () => {
    expect(await (await fetch(`${sealed!.url}/open`)).text()).toBe('open');
    expect((await fetch(`${sealed!.url}/legacyx`)).status).toBe(404);
  });
});
