import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Post, Req, Sse, StreamableFile, type MessageEvent } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { Subject, type Observable } from 'rxjs';
import type { E2eClient } from '../../../src/client/index.js';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp } from '../../integration/e2e/support/apps.js';
import { errorOf } from '../../integration/e2e/support/raw.js';
import { Http2Fetch } from './support/fetch-http2.js';
import { Nginx, shownConfiguration } from './support/nginx.js';

const MEGABYTE = new Uint8Array(2 ** 20).fill(120);
const SIZE = 20;
const hashOf = (pieces: Iterable<Uint8Array>): string => {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
};
const HASH = hashOf(Array<typeof MEGABYTE>(SIZE).fill(MEGABYTE));

/** What of an upload reached its handler so far, in bytes; and who sends the next event. */
const seen = { bytes: 0, failed: 0 };
let events = new Subject<MessageEvent>();

@Encrypted()
@Controller()
class StreamController {
  @Post('files')
  async keep(@Req() request: IncomingMessage & { raw?: IncomingMessage }): Promise<object> {
    seen.bytes = 0;
    const hash = createHash('sha256');
    try {
      for await (const chunk of request.raw ?? request) {
        hash.update(chunk as Buffer);
        seen.bytes += (chunk as Buffer).length;
      }
    } catch (error) {
      seen.failed++;
      throw error;
    }
    return { bytes: seen.bytes, sha256: hash.digest('hex') };
  }

  @Get('file')
  file(): StreamableFile {
    return new StreamableFile(Readable.from(Array<typeof MEGABYTE>(SIZE).fill(MEGABYTE)), {
      length: SIZE * MEGABYTE.length,
    });
  }

  @Get('broken')
  broken(): StreamableFile {
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield MEGABYTE;
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error('the disk is gone');
    }
    return new StreamableFile(Readable.from(pieces())).setErrorLogger(() => undefined);
  }

  @Sse('events')
  live(): Observable<MessageEvent> {
    return (events = new Subject());
  }
}

const SHOWN = shownConfiguration('client_max_body_size');
const BUFFERS_REQUESTS = 'proxy_request_buffering off;';

describe.each<[name: string, configuration: string]>([
  ['as the documentation has it', SHOWN],
  ['with its default buffering', SHOWN.replace(BUFFERS_REQUESTS, '')],
  ['with all buffering off', SHOWN.replace(BUFFERS_REQUESTS, `${BUFFERS_REQUESTS} proxy_buffering off;`)],
])('Streams through nginx %s', (name, configuration) => {
  onEachPlatform('', (platform) => {
    const app = useApp(platform, {
      controllers: [StreamController],
      configure: (nest) => {
        if (platform === 'express') return;
        // As it is: its handler reads the request itself.
        const fastify = (nest as NestFastifyApplication).getHttpAdapter().getInstance();
        fastify.addContentTypeParser('application/octet-stream', (_, __, done) => done(null));
      },
    });

    describe.each(['HTTP/1.1', 'HTTP/2'])('over %s', (version) => {
      let nginx: Nginx;
      let over: Http2Fetch | undefined;
      let client: E2eClient;
      beforeAll(async () => {
        const http2 = version === 'HTTP/2';
        nginx = await Nginx.start(configuration, app().url, { http2 });
        over = http2 ? new Http2Fetch(nginx.url) : undefined;
        client = app().client({ baseUrl: nginx.url, ...(over && { fetch: over.fetch }) });
      });
      afterAll(async () => {
        over?.close();
        await nginx.stop();
      });
      const send = (body: ReadableStream<Uint8Array> | Blob): Promise<Response> =>
        client.fetch('/files', {
          method: 'POST',
          headers: { 'content-type': 'application/octet-stream' },
          body,
          duplex: 'half',
        } as RequestInit);

      it('an upload arrives whole', async () => {
        for (const body of [
          new Blob(Array<typeof MEGABYTE>(SIZE).fill(MEGABYTE)),
          streamOf(Array<typeof MEGABYTE>(SIZE).fill(MEGABYTE)),
        ]) {
          const response = await send(body);
          expect([response.status, await response.json()]).toEqual([
            201,
            { bytes: SIZE * MEGABYTE.length, sha256: HASH },
          ]);
        }
      });

      const isBuffered = !configuration.includes(BUFFERS_REQUESTS);
      it(`an upload arrives ${isBuffered ? 'once it is whole' : 'as it is sent'}`, async () => {
        seen.bytes = 0;
        async function* pieces(): AsyncGenerator<Uint8Array> {
          for (let sent = 0; sent < 3; sent++) {
            yield MEGABYTE;
            // Where nginx buffers requests, its upstream hears of an upload only when that is whole.
            if (isBuffered) continue;
            while (seen.bytes < (sent + 1) * MEGABYTE.length) await new Promise((resolve) => setTimeout(resolve, 5));
          }
        }
        expect((await send(streamOf(pieces()))).status).toBe(201);
      });

      it('a download arrives whole', async () => {
        const response = await client.fetch('/file');
        expect(response.headers.get('content-length')).toBe(String(SIZE * MEGABYTE.length));
        const pieces: Uint8Array[] = [];
        for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) pieces.push(piece);
        expect(hashOf(pieces)).toBe(HASH);
      });

      it('a download that fails in the middle is never whole', async () => {
        const response = await client.fetch('/broken');
        expect(['stream-failed', 'stream-broken']).toContain((await errorOf(response.text())).code);
      });

      it('each event arrives before the next one is sent', async () => {
        const response = await client.fetch('/events', { headers: { accept: 'text/event-stream' } });
        const reader = response.body!.getReader();
        let text = '';
        for (let n = 1; n <= 3; n++) {
          events.next({ id: String(n), data: { n } });
          while (!text.includes(`{"n":${n}}`)) text += Buffer.from((await reader.read()).value!).toString();
        }
        events.complete();
        while (!(await reader.read()).done);
        expect(text.match(/id: \d/g)).toEqual(['id: 1', 'id: 2', 'id: 3']);
      });
    });
  });
});

function streamOf(pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  return Readable.toWeb(Readable.from(pieces)) as ReadableStream<Uint8Array>;
}
