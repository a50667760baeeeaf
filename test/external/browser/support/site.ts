import { Controller, Get, Header, NotFoundException, Req } from '@nestjs/common';
import { readdirSync, readFileSync } from 'node:fs';
import type * as Client from '../../../../src/client/index.js';

declare global {
  /** The client's module, on the site's page. */
  const e2e: typeof Client;
}

const BUILT = new URL('../../../../dist/esm/', import.meta.url);
const library = new Map(
  ['client', 'crypto', 'protocol'].flatMap((folder) =>
    readdirSync(new URL(folder, BUILT), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.js'))
      .map((name) => [`${folder}/${name}`, readFileSync(new URL(`${folder}/${name}`, BUILT), 'utf8')]),
  ),
);

const JAVASCRIPT = 'text/javascript; charset=utf-8';

/** An empty page that has the client as it is published, unbundled, and a worker that has it too. */
@Controller()
export class SiteController {
  @Get('page')
  @Header('Content-Type', 'text/html; charset=utf-8')
  page(): string {
    return `<!doctype html><title>A page</title><link rel="icon" href="data:,">
      <script type="module">import * as e2e from '/lib/client/lazy.js'; globalThis.e2e = e2e;</script>`;
  }

  // Both platforms spell wildcards in a way of their own.
  @Get(['lib/:room/:file', 'lib/:room/:folder/:file'])
  @Header('Content-Type', JAVASCRIPT)
  file(@Req() { url }: { url: string }): string {
    const source = library.get(url.slice('/lib/'.length));
    if (source === undefined) throw new NotFoundException();
    return source;
  }

  /** Sends what it is told to through a client of its own, and posts the answer. */
  @Get('worker.js')
  @Header('Content-Type', JAVASCRIPT)
  worker(): string {
    return `import { createE2eClient } from '/lib/client/index.js';
      const client = createE2eClient({ keyKind: 'X25519' });
      onmessage = async ({ data: { url, init } }) => {
        try {
          const response = await client.fetch(url, init);
          postMessage({ status: response.status, body: await response.text() });
        } catch (error) {
          postMessage({ error: String(error) });
        }
      };`;
  }

  /**
   * The same in a module service worker, which has no import(): what is asked with options of the client's own. Of an
   * event source, so many events.
   */
  @Get('service-worker.js')
  @Header('Content-Type', JAVASCRIPT)
  serviceWorker(): string {
    return `import { createE2eClient } from '/lib/client/index.js';
      addEventListener('activate', (event) => event.waitUntil(clients.claim()));
      addEventListener('message', (event) => event.waitUntil(answer(event.data).then((told) => event.source.postMessage(told))));
      async function answer({ options, url, init, events }) {
        const client = createE2eClient(options);
        try {
          if (events) return await take(client.eventSource(url), events);
          const response = await client.fetch(url, init);
          return { status: response.status, body: await response.text() };
        } catch (error) {
          return { code: error.code, message: error.message };
        }
      }
      async function take(source, count) {
        const taken = [];
        for await (const { lastEventId } of source) if (taken.push(lastEventId) === count) break;
        return taken;
      }`;
  }
}
