import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { useApp, type PlatformName } from '../../integration/e2e/support/apps.js';
import { CANARY } from '../../integration/e2e/support/raw.js';
import { useChromium } from '../browser/support/chromium.js';
import { run } from '../package/application.js';
import { API } from './support/api.js';
import { OFFLINE, startSite, Visitor, type Site } from './support/site.js';
import { program, workshop } from './support/workshop.js';

interface Framework {
  readonly name: string;
  readonly heading: string;
  readonly platform: PlatformName;
  readonly build: readonly string[];
  readonly start: readonly string[];
  /** The variable that has the API's URL when the server runs. */
  readonly variable: string;
  readonly add: (user: Visitor, title: string) => Promise<string>;
}

const FRAMEWORKS: readonly Framework[] = [
  {
    name: 'next',
    heading: 'Next.js',
    platform: 'express',
    build: [program('next/dist/bin/next'), 'build'],
    start: [program('next/dist/bin/next'), 'start', '-p', 'PORT'],
    variable: 'API_URL',
    add: (user, title) => user.fetch('/notes/add', { method: 'POST', body: JSON.stringify({ title }) }),
  },
  {
    name: 'nuxt',
    heading: 'Nuxt',
    platform: 'fastify',
    build: [program('nuxt/bin/nuxt.mjs'), 'build'],
    start: ['.output/server/index.mjs'],
    variable: 'NUXT_PUBLIC_API_URL',
    add: (user, title) => user.fetch(`/add?title=${encodeURIComponent(title)}`),
  },
];

describe.each(FRAMEWORKS)('$heading', ({ name, heading, platform, build, start, variable, add }) => {
  const app = useApp(platform, API[platform]);
  const chromium = useChromium();
  let site: Site;

  beforeAll(async () => {
    // The page's origin is localhost, so the API is on the same site and gets its cookie.
    const api = app().url.replace('127.0.0.1', 'localhost');
    const folder = workshop(name, 'server-rendering.md', heading, api);
    await run(folder, 'env', ...Object.entries(OFFLINE).map((each) => each.join('=')), process.execPath, ...build);
    site = await startSite(folder, start, { [variable]: api });
  });
  afterAll(() => (site as Site | undefined)?.close());

  const expectSealed = () => {
    expect(app().tap.text).toContain('application/jose');
    expect(app().tap.text).not.toContain(CANARY);
  };

  it('never mixes users who call at the same time: each has a client, and a session at the API', async () => {
    const users = ['ada', 'grace', 'joan'].map((user) => ({ user, visitor: new Visitor(site) }));
    // The first page gives each its cookie.
    await Promise.all(users.map(({ visitor }) => visitor.fetch('/notes')));
    for (let round = 0; round < 4; round++) {
      await Promise.all(users.map(({ user, visitor }) => add(visitor, `${CANARY} of ${user} ${round}`)));
    }
    await Promise.all(
      users.map(async ({ user, visitor }) => {
        const page = await visitor.fetch('/notes');
        const seen = new Set([...page.matchAll(new RegExp(`${CANARY} of (\\w+ \\d)`, 'g'))].map(([, note]) => note));
        expect([...seen].sort()).toEqual([0, 1, 2, 3].map((round) => `${user} ${round}`));
      }),
    );
    expectSealed();
  });

  it('renders a page whose browser has its own client and session', async () => {
    app().tap.clear();
    const page = await (await chromium.profile()).newPage();
    await page.goto(`${site.url}/notes`, { waitUntil: 'networkidle' });
    await page.getByRole('button', { name: 'Add a note' }).click();
    await page.getByRole('button', { name: '1 notes' }).waitFor();
    expect(await page.getByRole('listitem').count()).toBe(0);
    expect(app().tap.text).toContain('application/jose');
    expect(app().tap.text).not.toContain('From the browser');
  });

  if (name === 'next') {
    it('with one client for all, shows one user what another one wrote', async () => {
      const [ada, grace] = [new Visitor(site), new Visitor(site)];
      await ada.fetch('/wrong', { method: 'POST', body: JSON.stringify({ title: `${CANARY} of ada` }) });
      expect(await grace.fetch('/wrong')).toContain(`${CANARY} of ada`);
      expectSealed();
    });
  }
});
