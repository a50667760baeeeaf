import { describe, expect, it } from '@jest/globals';
import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  Headers,
  HttpCode,
  Param,
  Post,
  Query,
  Req,
  Session,
  Sse,
  StreamableFile,
  type MessageEvent,
} from '@nestjs/common';
import type { IncomingMessage } from 'node:http';
import type { Page } from 'playwright-core';
import { interval, map, take, type Observable } from 'rxjs';
import type { E2eProgress } from '../../../src/client/index.js';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp, type TestApp } from '../../integration/e2e/support/apps.js';
import { makeCanary } from './support/canary.js';
import { useChromium } from './support/chromium.js';
import { eventually } from './support/eventually.js';
import { takeOctets } from './support/octets.js';
import { SiteController } from './support/site.js';

@Encrypted()
@Controller('notes')
class NoteController {
  /** What has run, whoever asked for it. */
  readonly runs: string[] = [];

  @Get()
  @Header('Retry-After', '7')
  list(@Session() session: { notes?: string[] }, @Query('search') search = ''): string[] {
    this.runs.push('list');
    return (session.notes ?? []).filter((note) => note.includes(search));
  }

  @Post()
  create(@Session() session: { notes?: string[] }, @Body('text') text: string): object {
    this.runs.push('create');
    session.notes = [...(session.notes ?? []), text];
    return { text };
  }

  @Delete(':id')
  @HttpCode(204)
  remove(@Session() session: { notes?: string[] }, @Param('id') id: string): void {
    this.runs.push('remove');
    session.notes = (session.notes ?? []).filter((_note, index) => index !== Number(id));
  }
}

@Encrypted()
@Controller()
class StreamController {
  #kept = Buffer.alloc(0);

  @Post('files')
  async take(@Req() request: IncomingMessage & { raw?: IncomingMessage }): Promise<object> {
    const chunks: Buffer[] = [];
    for await (const chunk of request.raw ?? request) chunks.push(chunk as Buffer);
    this.#kept = Buffer.concat(chunks);
    return { length: this.#kept.length };
  }

  @Get('files')
  give(): StreamableFile {
    const name = this.#kept.subarray(0, makeCanary().length).toString();
    return new StreamableFile(this.#kept, { disposition: `attachment; filename="${name}"`, length: this.#kept.length });
  }

  /** Connections of two events each. */
  @Sse('events')
  events(@Headers('last-event-id') last = '0'): Observable<MessageEvent> {
    return interval(5).pipe(
      take(2),
      map((n) => ({ id: String(Number(last) + n + 1), data: 'x', retry: 10 })),
    );
  }
}

/** The request lines that arrived since the tap was cleared; a body and what follows it share a line. */
const arrived = ({ tap }: TestApp) =>
  [...tap.text.matchAll(/((?:GET|POST|DELETE|OPTIONS) \/\S*) HTTP\/1\.1\r\n/g)].map(([, line]) => line);

onEachPlatform('a page of another origin', (platform) => {
  const chromium = useChromium();
  // The page's origin: another port, so another origin of the same site. On Express, which leaves cookies alone.
  const site = useApp('express', { controllers: [SiteController] });
  const closed = useApp(platform, { controllers: [NoteController, SiteController] });
  const open = useApp(platform, () => ({
    controllers: [NoteController, StreamController],
    // As docs/browsers.md says.
    configure: (app) => {
      takeOctets(app, platform);
      app.enableCors({
        origin: site().url,
        credentials: true,
        methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
        allowedHeaders: ['content-type', 'e2e-request', 'idempotency-key'],
        exposedHeaders: ['retry-after'],
      });
    },
  }));

  async function openPage(url: string): Promise<Page> {
    const page = await (await chromium.profile()).newPage();
    await page.goto(`${url}/page`);
    return page;
  }
  const ofAnotherSite = () => site().url.replace('127.0.0.1', 'evil.test');

  describe('where CORS allows it', () => {
    it('calls sealed routes over one session: E2e-Request, application/jose, Idempotency-Key, DELETE', async () => {
      const page = await openPage(site().url);
      const canary = makeCanary();
      open().tap.clear();
      const result = await page.evaluate(
        async ({ baseUrl, text }) => {
          const client = e2e.createE2eClient({ baseUrl, keyKind: 'X25519' });
          const create = (note: string) =>
            client.fetch('/notes', {
              method: 'POST',
              headers: { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() },
              body: JSON.stringify({ text: note }),
            });
          const created = [await create(text), await create('another')];
          const found = await client.fetch(`/notes?search=${text}`);
          const removed = await client.fetch('/notes/0', { method: 'DELETE' });
          return {
            created: await Promise.all(created.map(async (each) => [each.status, (await each.json()) as unknown])),
            found: [found.status, await found.json(), found.headers.get('retry-after')],
            removed: removed.status,
            left: await (await client.fetch('/notes')).json(),
          };
        },
        { baseUrl: open().url, text: canary },
      );
      expect(result).toEqual({
        created: [
          [201, { text: canary }],
          [201, { text: 'another' }],
        ],
        found: [200, [canary], '7'],
        removed: 204,
        left: ['another'],
      });
      expect(open().tap.text).not.toContain(canary);
      expect(arrived(open())).toEqual(
        expect.arrayContaining(['OPTIONS /e2e/handshake', 'OPTIONS /notes', 'GET /notes']),
      );
      expect(arrived(open()).filter((line) => line === 'POST /e2e/handshake')).toHaveLength(1);
      expect(open().tap.text).toMatch(/^access-control-request-headers: .*e2e-request/im);
      expect(await page.context().cookies()).toHaveLength(1);
    });

    it('uploads, downloads and watches events with nothing more allowed', async () => {
      const page = await openPage(site().url);
      const canary = makeCanary();
      open().tap.clear();
      const result = await page.evaluate(
        async ({ baseUrl, text }) => {
          const client = e2e.createE2eClient({ baseUrl, keyKind: 'X25519' });
          const file = new File([text.repeat(100_000)], `${text}.txt`);
          const steps = { upload: 0, download: 0 };
          const onProgress = ({ direction, loaded, total }: E2eProgress) => (steps[direction] = loaded / total!);
          const sent = await client.fetch('/files', { method: 'POST', body: file, e2e: { onProgress } });
          const fetched = await client.fetch('/files', { e2e: { onProgress } });
          const { headers } = fetched;
          const events: string[] = [];
          for await (const { lastEventId } of client.eventSource('/events')) if (events.push(lastEventId) === 5) break;
          return {
            sent: await sent.json(),
            fetched: [(await fetched.text()) === text.repeat(100_000), headers.get('content-disposition')],
            length: headers.get('content-length'),
            events,
            steps,
          };
        },
        { baseUrl: open().url, text: canary },
      );
      const length = canary.length * 100_000;
      expect(result).toEqual({
        sent: { length },
        fetched: [true, `attachment; filename="${canary}"`],
        length: String(length),
        events: ['1', '2', '3', '4', '5'],
        steps: { upload: 1, download: 1 },
      });
      expect(open().tap.text.length).toBeGreaterThan(2 * length);
      expect(open().tap.text.includes(canary)).toBe(false);
    });

    it('is still rejected from an origin that is not allowed', async () => {
      const page = await openPage(ofAnotherSite());
      open().tap.clear();
      const name = await page.evaluate(
        async (url) =>
          fetch(`${url}/notes`, {
            method: 'POST',
            headers: { 'content-type': 'application/jose' },
            body: 'a.b.c.d.e',
            credentials: 'include',
          }).catch((error: unknown) => (error as Error).name),
        open().url,
      );
      expect(name).toBe('TypeError');
      expect(arrived(open())).toEqual(['OPTIONS /notes']);
    });
  });

  describe('where CORS does not', () => {
    it('cannot send a handshake or a message to the server: the browser stops after the preflight', async () => {
      const page = await openPage(site().url);
      closed().tap.clear();
      const refused = await page.evaluate(async (url) => {
        const nameOf = (call: Promise<unknown>) =>
          call.then(
            () => 'went through',
            (error: unknown) => (error as Error).name,
          );
        const jose = { method: 'POST', headers: { 'content-type': 'application/jose' }, body: 'a.b.c.d.e' };
        return [
          await nameOf(e2e.createE2eClient({ baseUrl: url, keyKind: 'X25519' }).handshake()),
          await nameOf(fetch(`${url}/notes`, { credentials: 'include', ...jose })),
          await nameOf(fetch(`${url}/notes`, { credentials: 'include', headers: { 'e2e-request': 'a.b.c.d.e' } })),
        ];
      }, closed().url);
      expect(refused).toEqual(['TypeError', 'TypeError', 'TypeError']);
      expect(arrived(closed())).toEqual(['OPTIONS /e2e/handshake', 'OPTIONS /notes', 'OPTIONS /notes']);
      expect(closed().get(NoteController).runs).toEqual([]);
    });
  });

  describe('that forges requests (CSRF)', () => {
    /** A person with a session and a channel, on the page of the attacker, which knows the address and nothing else. */
    async function lure(attacker: string): Promise<Page> {
      const page = await openPage(closed().url);
      await page.evaluate(async () => {
        await e2e.createE2eClient({ keyKind: 'X25519' }).fetch('/notes');
      });
      await page.goto(`${attacker}/page`);
      closed().get(NoteController).runs.length = 0;
      closed().tap.clear();
      return page;
    }

    it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])(
      'is answered message-required to a form of %s, cookie or not',
      async (enctype) => {
        for (const attacker of [site().url, ofAnotherSite()]) {
          const page = await lure(attacker);
          const [response] = await Promise.all([
            page.waitForResponse(`${closed().url}/notes`),
            page.evaluate(
              ({ url, type }) => {
                const form = document.createElement('form');
                Object.assign(form, { method: 'post', enctype: type, action: `${url}/notes` });
                const field = document.createElement('input');
                // As text/plain: {"text":"=forged"}
                Object.assign(field, { name: '{"text":"', value: 'forged"}' });
                form.append(field);
                document.body.append(form);
                form.submit();
              },
              { url: closed().url, type: enctype },
            ),
          ]);
          expect([response.request().method(), response.status()]).toEqual(['POST', 415]);
          // Fastify itself refuses what no parser was registered for, before it asks anyone.
          const byFastify = platform === 'fastify' && enctype === 'multipart/form-data';
          expect(await response.json()).toMatchObject(
            byFastify ? { statusCode: 415 } : { type: 'urn:e2e:problem:message-required', status: 415 },
          );
          // It is not the cookie's SameSite alone that protects: from the same site the cookie came along.
          expect(/^cookie: .*sid=/im.test(closed().tap.text)).toBe(attacker === site().url);
          expect(closed().get(NoteController).runs).toEqual([]);
        }
      },
    );

    it('cannot send a message without asking: no-cors drops what makes it one, and beacons ask', async () => {
      const page = await lure(site().url);
      await page.evaluate(async (url) => {
        const asIs = { mode: 'no-cors', credentials: 'include', method: 'POST', body: 'a.b.c.d.e' } as const;
        await fetch(`${url}/notes`, { ...asIs, headers: { 'content-type': 'application/jose' } });
        await fetch(`${url}/notes`, {
          mode: 'no-cors',
          credentials: 'include',
          headers: { 'e2e-request': 'a.b.c.d.e' },
        });
        navigator.sendBeacon(`${url}/notes`, new Blob(['a.b.c.d.e'], { type: 'application/jose' }));
        new Image().src = `${url}/notes?search=image`;
      }, closed().url);
      await eventually(() =>
        expect(arrived(closed()).sort()).toEqual([
          'GET /notes',
          'GET /notes?search=image',
          'OPTIONS /notes',
          'POST /notes',
        ]),
      );
      await eventually(() =>
        expect(closed().tap.text.match(/HTTP\/1.1 415 [^]*?urn:e2e:problem:message-required/g)).toHaveLength(3),
      );
      expect(closed().tap.text).not.toMatch(/^(content-type: application\/jose|e2e-request:)/im);
      expect(closed().get(NoteController).runs).toEqual([]);
    });

    it('makes no session and no channel by a form: a handshake is application/json', async () => {
      const page = await lure(site().url);
      await page.evaluate(async (url) => {
        const body = JSON.stringify({ publicKey: { kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) } });
        await fetch(`${url}/e2e/handshake`, { mode: 'no-cors', credentials: 'include', method: 'POST', body });
      }, closed().url);
      await eventually(() => expect(closed().tap.text).toContain('HTTP/1.1 415 '));
      expect(closed().tap.text).not.toMatch(/^set-cookie:/im);
    });
  });
});
