import { beforeEach, expect, it } from '@jest/globals';
import type { BrowserContext, Page } from 'playwright-core';
import { Encrypted } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { onEachPlatform, useApp } from '../../integration/e2e/support/apps.js';
import { SessionController } from '../../integration/e2e/support/sessions.js';
import { liveGateway, seen, type LiveGateway } from '../../integration/sockets/support/gateway.js';
import { record, SCRIPTS, type Script } from '../../support/socket-scripts.js';
import { holds, makeCanary } from './support/canary.js';
import { useChromium } from './support/chromium.js';
import { eventually } from './support/eventually.js';
import { SiteController } from './support/site.js';

const Live = liveGateway('/live', Encrypted());
const Plain = liveGateway('/plain');

/** What a test has in its page. */
interface Held {
  client?: ReturnType<typeof e2e.createE2eClient>;
  socket: ReturnType<ReturnType<typeof e2e.createE2eClient>['webSocket']>;
  log: string[];
}

/** What a socket of the page carries, as the devtools show it. */
function carriedBy(page: Page): string[] {
  const carried: string[] = [];
  page.on('websocket', (socket) => {
    carried.push(socket.url());
    for (const event of ['framesent', 'framereceived'] as const) {
      socket.on(event as 'framesent', ({ payload }) => carried.push(Buffer.from(payload).toString('latin1')));
    }
  });
  return carried;
}

/** Opens a socket in the page, which stays there. */
function open(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const held = globalThis as unknown as Held;
    held.client ??= e2e.createE2eClient({ keyKind: 'X25519' });
    held.log = [];
    const socket = (held.socket = held.client.webSocket('/live'));
    socket.addEventListener('message', ({ data }) => held.log.push(data as string));
    const opened = new Promise<string>((resolve) => {
      socket.onopen = () => resolve('open');
      socket.onerror = ({ error }) => resolve(String(error));
    });
    socket.addEventListener('close', ({ code, wasClean }) => held.log.push(`close ${code} ${wasClean}`));
    return opened;
  });
}

const send = (page: Page, event: string, ...data: unknown[]): Promise<void> =>
  page.evaluate(
    ({ event, data }) => {
      const { socket } = globalThis as unknown as Held;
      for (const each of data) socket.send(JSON.stringify({ event, data: each }));
    },
    { event, data: data.length > 0 ? data : [null] },
  );
const logOf = (page: Page): Promise<string[]> => page.evaluate(() => (globalThis as unknown as Held).log);

onEachPlatform('client.webSocket in a page', (platform) => {
  const chromium = useChromium();
  const app = useApp(platform, {
    controllers: [SiteController, SessionController],
    providers: [Live, Plain],
    configure: (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest)),
  });
  beforeEach(() => void (seen.length = 0));

  async function openPage(context?: BrowserContext): Promise<Page> {
    const page = await (context ?? (await chromium.profile())).newPage();
    await page.goto(`${app().url}/page`);
    return page;
  }
  async function openTabs(count: number): Promise<Page[]> {
    const context = await chromium.profile();
    const tabs = await Promise.all(Array.from({ length: count }, () => openPage(context)));
    expect(await Promise.all(tabs.map(open))).toEqual(tabs.map(() => 'open'));
    return tabs;
  }

  it('does what the browser’s own WebSocket does, script by script', async () => {
    const page = await openPage();
    const run = ({ protocols, run }: Script, isSealed: boolean) =>
      page.evaluate<string[]>(`(() => {
        const script = { protocols: ${JSON.stringify(protocols)}, ${run.toString()} };
        const client = e2e.createE2eClient({ keyKind: 'X25519' });
        const open = (protocols = []) => ${isSealed}
          ? client.webSocket('/live', protocols)
          : new WebSocket(location.origin.replace('http', 'ws') + '/plain', protocols);
        return (${record.toString()})(open, script);
      })()`);
    for (const [name, script] of Object.entries(SCRIPTS)) {
      expect([name, await run(script, true)]).toEqual([name, await run(script, false)]);
    }
  });

  it('carries messages of ten tabs of one session both ways, in their order, with nothing in the clear', async () => {
    const context = await chromium.profile();
    const tabs = await Promise.all(Array.from({ length: 10 }, () => openPage(context)));
    const carried = tabs.map(carriedBy);
    const canary = makeCanary();
    app().tap.clear();
    expect(await Promise.all(tabs.map(open))).toEqual(tabs.map(() => 'open'));
    const { requests } = app().get<LiveGateway>(Live);
    const sessions = requests.slice(-10).map(({ headers }) => headers.cookie);
    expect([sessions.length, new Set(sessions).size]).toEqual([10, 1]);
    const notes = (tab: number) => Array.from({ length: 10 }, (_, number) => ({ tab, number, canary }));
    await Promise.all(tabs.map((tab, index) => send(tab, 'say', ...notes(index))));
    for (const tab of tabs) await eventually(async () => expect(await logOf(tab)).toHaveLength(100));
    for (const tab of tabs) {
      const read = (await logOf(tab)).map((line) => (JSON.parse(line) as { data: { tab: number } }).data);
      for (const index of tabs.keys()) expect(read.filter((each) => each.tab === index)).toEqual(notes(index));
    }
    // Client frames are masked on the wire, so what was sent is looked for in what the devtools show.
    expect(holds(app().tap.text, canary)).toBe(false);
    for (const each of carried) {
      expect(each.length).toBeGreaterThan(110);
      expect(holds(each.join('\n'), canary)).toBe(false);
    }
    expect(app().tap.text.match(/POST \/e2e\/handshake /g)).toHaveLength(10);
    expect(await context.cookies()).toHaveLength(1);
  });

  it('would be seen in the clear on a plain socket', async () => {
    const page = await openPage();
    const carried = carriedBy(page);
    const canary = makeCanary();
    app().tap.clear();
    await page.evaluate(async (data) => {
      const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/plain`);
      socket.onopen = () => socket.send(JSON.stringify({ event: 'echo', data }));
      await new Promise((resolve) => (socket.onmessage = resolve));
    }, canary);
    expect(holds(app().tap.text, canary)).toBe(true);
    expect(carried.filter((each) => holds(each, canary))).toHaveLength(2);
  });

  it('ends in all tabs with 4401 when one of them logs out, and opens on the next session', async () => {
    const tabs = await openTabs(5);
    const status = await tabs[2]!.evaluate(async () => {
      const { client } = globalThis as unknown as Held;
      return (await client!.fetch('/session/destroy', { method: 'POST' })).status;
    });
    expect(status).toBe(201);
    for (const tab of tabs) await eventually(async () => expect(await logOf(tab)).toEqual(['close 4401 true']));
    expect(await open(tabs[0]!)).toBe('open');
  });

  it('ends at the server when its tab is closed, and in no other tab', async () => {
    const [first, second] = await openTabs(2);
    await first!.close();
    await eventually(() => expect(seen.filter((each) => each === 'disconnected')).toHaveLength(1));
    await send(second!, 'echo', 1);
    await eventually(async () => expect(await logOf(second!)).toEqual(['{"event":"echo","data":1}']));
  });

  it('hands over in its order what came while its tab was frozen', async () => {
    const [frozen, other] = await openTabs(2);
    const devtools = await frozen!.context().newCDPSession(frozen!);
    await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
    await send(other!, 'say', ...Array.from({ length: 50 }, (_, index) => index));
    await eventually(async () => expect(await logOf(other!)).toHaveLength(50));
    await devtools.send('Page.setWebLifecycleState', { state: 'active' });
    await eventually(async () =>
      expect(await logOf(frozen!)).toEqual(
        Array.from({ length: 50 }, (_, index) => JSON.stringify({ event: 'said', data: index })),
      ),
    );
    await send(frozen!, 'echo', 'awake');
    await eventually(async () => expect((await logOf(frozen!)).at(-1)).toContain('awake'));
  });

  it('lives in a worker, and is not broken by a handler that throws', async () => {
    const page = await openPage();
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    expect(await open(page)).toBe('open');
    await page.evaluate(() => {
      (globalThis as unknown as Held).socket.onmessage = ({ data }) => {
        throw new Error(`as it is: ${data as string}`);
      };
    });
    await send(page, 'echo', 1, 2);
    await eventually(() =>
      expect(errors).toEqual([1, 2].map((data) => `as it is: ${JSON.stringify({ event: 'echo', data })}`)),
    );
    expect(await logOf(page)).toHaveLength(2);
    const inWorker = await page.evaluate(async () => {
      const source = `import { createE2eClient } from '${location.origin}/lib/client/index.js';
        const client = createE2eClient({ keyKind: 'X25519', baseUrl: '${location.origin}' });
        const socket = client.webSocket('/live');
        socket.onopen = () => socket.send(JSON.stringify({ event: 'echo', data: 'of a worker' }));
        socket.onmessage = ({ data }) => postMessage(data);
        socket.onerror = ({ error }) => postMessage(String(error));`;
      const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
      const worker = new Worker(url, { type: 'module' });
      const answer = await new Promise<unknown>((resolve) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => resolve(message);
      });
      worker.terminate();
      return answer;
    });
    expect(inWorker).toBe('{"event":"echo","data":"of a worker"}');
  });
});
