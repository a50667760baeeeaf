import { describe, expect, it } from '@jest/globals';
import { startSample } from '../conformance/server.js';
import { holds, makeCanary } from './support/canary.js';
import { useChromium } from './support/chromium.js';
import { eventually } from './support/eventually.js';
import { SamplePage } from './support/sample-page.js';
import { useSample } from './support/sample.js';

describe('the sample’s socket', () => {
  const chromium = useChromium();
  const sample = useSample();
  const isOpen = (tab: SamplePage) => eventually(async () => expect(await tab.text('live-state')).toContain('is open'));

  it('shows notes of one tab in the other at once, together with their wire data', async () => {
    const context = await chromium.profile();
    const tabs = await Promise.all([1, 2].map(() => SamplePage.open(context, `http://localhost:${sample().port}`)));
    const [first, second] = tabs as [SamplePage, SamplePage];
    const carried: string[] = [];
    first.page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => carried.push(Buffer.from(payload).toString('latin1'))),
    );
    await Promise.all(tabs.map(isOpen));
    await first.write('by the first tab', 'text');
    await eventually(async () => expect(await second.titles()).toEqual(['by the first tab']));
    const canary = makeCanary();
    await second.get('live-text').fill(canary);
    await second.get('live-say').click();
    for (const tab of tabs) {
      await eventually(async () => expect(await tab.text('live-seen')).toContain(`← said {"text":"${canary}"}`));
      const wire = await tab.text('live-wire');
      expect(wire).toMatch(/← \d+ bytes: 03[0-9a-f]{60,}/);
      expect(holds(wire, canary)).toBe(false);
    }
    expect(holds(carried.join('\n'), canary)).toBe(false);
    if (process.env.SCREENSHOT) await first.page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
    expect(tabs.flatMap(({ complaints }) => complaints)).toEqual([]);
  });

  it('says who the server sees, after a login and a logout in another tab', async () => {
    const context = await chromium.profile();
    const tabs = await Promise.all([1, 2].map(() => SamplePage.open(context, `http://localhost:${sample().port}`)));
    const sees = (name: string) =>
      Promise.all(
        tabs.map((tab) => eventually(async () => expect(await tab.text('live-state')).toContain(`sees ${name}`))),
      );
    await sees('nobody');
    await tabs[0]!.logIn('lovelace');
    await sees('ada');
    await eventually(async () => expect(await tabs[1]!.text('me')).toBe('Logged in as ada'));
    await tabs[1]!.get('logout').click();
    await sees('nobody');
    expect(tabs.flatMap(({ complaints }) => complaints)).toEqual([]);
  });

  it('is cut where the server is killed, and opens again on a fresh channel', async () => {
    let server = await startSample();
    try {
      const { base, port } = server;
      const page = await (await chromium.profile()).newPage();
      await page.goto(`${base}/e2e/identity`);
      const open = () =>
        page.evaluate(async () => {
          const held = globalThis as { client?: ReturnType<typeof e2e.createE2eClient>; ended?: Promise<number> };
          const library = '/lib/client/index.js';
          held.client ??= ((await import(library)) as typeof e2e).createE2eClient({ keyKind: 'X25519' });
          const socket = held.client.webSocket('/live');
          held.ended = new Promise((resolve) => socket.addEventListener('close', ({ code }) => resolve(code)));
          socket.onopen = () => socket.send(JSON.stringify({ event: 'echo', data: 1 }));
          const answer = await new Promise<unknown>((resolve) => {
            socket.onmessage = ({ data }) => resolve(data);
            socket.onerror = ({ error }) => resolve(String(error));
          });
          return [answer, (await held.client.handshake()).kid];
        });
      const [answer, kid] = await open();
      expect(answer).toBe('{"event":"echo","data":1}');
      await server.kill();
      expect(await page.evaluate(() => (globalThis as { ended?: Promise<number> }).ended)).toBe(1006);
      server = await startSample({}, port);
      const [again, next] = await open();
      expect(again).toBe('{"event":"echo","data":1}');
      expect(next).not.toBe(kid);
    } finally {
      await server.stop();
    }
  });
});
