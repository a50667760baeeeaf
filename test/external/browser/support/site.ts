import { Controller, Get, Header, NotFoundException, Param } from '@nestjs/common';
import { readdirSync, readFileSync } from 'node:fs';
import type * as Client from '../../../../src/client/index.js';

declare global {
  /** The client's module, on the site's page. */
  const e2e: typeof Client;
}

const BUILT = new URL('../../../../dist/esm/', import.meta.url);
const library = new Map(
  ['client', 'crypto', 'protocol'].flatMap((folder) =>
    readdirSync(new URL(folder, BUILT))
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
      <script type="module">import * as e2e from '/lib/client/index.js'; globalThis.e2e = e2e;</script>`;
  }

  @Get('lib/:folder/:file')
  @Header('Content-Type', JAVASCRIPT)
  file(@Param('folder') folder: string, @Param('file') file: string): string {
    const source = library.get(`${folder}/${file}`);
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
}
