import { expect, it } from '@jest/globals';
import { Controller, Get, Param, Req, Res, Sse, StreamableFile, type MessageEvent } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough, pipeline, Readable } from 'node:stream';
import { of, throwError, concat, type Observable } from 'rxjs';
import { Encrypted } from '../../../src/index.js';
import { CANARY } from '../e2e/support/raw.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';

type Raw = ServerResponse & Record<string, (...args: unknown[]) => unknown>;
const later = (task: () => unknown): void => void setImmediate(task);
const fields = { 'content-type': 'text/plain', 'content-disposition': CANARY, location: `/${CANARY}` };

/** What handlers do with a response that no handler should. Each says something secret; none of it may be read outside. */
const ODD: Record<string, (response: Raw, request: IncomingMessage) => unknown> = {
  'writes a head twice': (r) => (r.writeHead(200, fields), r.writeHead(201, fields), r.end(CANARY)),
  'writes a head with a secret reason': (r) => (r.writeHead(200, CANARY, fields), r.end(CANARY)),
  'sets a secret statusMessage': (r) => (((r as ServerResponse).statusMessage = CANARY), r.end(CANARY)),
  'sets a secret statusMessage after the head': (r) => (
    r.write(CANARY),
    ((r as ServerResponse).statusMessage = CANARY),
    r.end()
  ),
  'ends twice': (r) => (r.end(CANARY), r.end(CANARY)),
  'ends and then writes': (r) => (r.end(CANARY), r.write(CANARY)),
  'writes, and ends twice': (r) => (r.write(CANARY), r.end(CANARY), r.end(CANARY)),
  'ends, and writes later': (r) => {
    r.end(CANARY);
    later(() => r.write(CANARY));
  },
  'sends early hints': (r) => (r.writeEarlyHints({ link: `<${CANARY}>; rel=preload` }), r.end(CANARY)),
  'sends early hints in the middle': (r) => (r.write(CANARY), r.writeEarlyHints({ link: `<${CANARY}>` }), r.end()),
  'sends trailers': (r) => (
    r.setHeader('trailer', 'x-t'),
    r.write(CANARY),
    r.addTrailers({ 'x-t': CANARY }),
    r.end(CANARY)
  ),
  'continues and processes': (r) => {
    r.writeContinue();
    r.writeProcessing();
    r.end(CANARY);
  },
  'flushes, and then ends': (r) => (r.flushHeaders(), r.end(CANARY)),
  'flushes twice, writes and flushes': (r) => (
    r.flushHeaders(),
    r.flushHeaders(),
    r.write(CANARY),
    r.flushHeaders(),
    r.end()
  ),
  'writes in other encodings': (r) => (
    r.write(Buffer.from(CANARY).toString('hex'), 'hex'),
    r.write(Buffer.from(CANARY).toString('base64'), 'base64'),
    r.end(CANARY, 'latin1')
  ),
  'corks and uncorks': (r) => (r.cork(), r.write(CANARY), r.write(CANARY), r.uncork(), r.end(CANARY)),
  'destroys after a write': (r) => (r.write(CANARY), r.destroy()),
  'destroys after the end': (r) => (r.end(CANARY), r.destroy()),
  'pipes two sources': (r) => (Readable.from([CANARY]).pipe(r), Readable.from([CANARY]).pipe(r)),
  'pipes a source that fails': (r) => {
    const source = new PassThrough().on('error', () => undefined);
    source.pipe(r);
    source.write(CANARY);
    later(() => (source.destroy(new Error(CANARY)), r.end(CANARY)));
  },
  'pipelines a source that fails': (r) =>
    pipeline(
      Readable.from(
        (function* () {
          yield CANARY;
          throw new Error(CANARY);
        })(),
      ),
      r,
      () => undefined,
    ),
  'throws after a write': (r) => {
    r.write(CANARY);
    throw new Error(CANARY);
  },
  'throws after an end': (r) => {
    r.end(CANARY);
    throw new Error(CANARY);
  },
  'throws what is not an error': () => {
    throw { toString: () => CANARY, message: CANARY, status: 418, headers: fields } as unknown as Error;
  },
  'answers by a method that it kept': (r) => {
    const end = r.end.bind(r);
    later(() => end(CANARY));
  },
  'says 204 with a body': (r) => (((r as ServerResponse).statusCode = 204), r.write(CANARY), r.end(CANARY)),
  'says 304 with a body': (r) => (r.writeHead(304, fields), r.end(CANARY)),
  'says 101': (r) => (r.writeHead(101, fields), r.end(CANARY)),
  'redirects after a write': (r) => (r.write(CANARY), r.writeHead(302, fields), r.end(CANARY)),
  'says a length that is less': (r) => (r.setHeader('content-length', 3), r.write(CANARY), r.end(CANARY)),
  'says a length that is more': (r) => (r.setHeader('content-length', 300), r.write(CANARY), r.end()),
  'frames its body by itself': (r) => (
    r.setHeader('transfer-encoding', 'chunked'),
    r.write(`5\r\n${CANARY}\r\n`),
    r.end('0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n')
  ),
  'sets header fields after the head': (r) => {
    r.write(CANARY);
    try {
      r.setHeader('content-disposition', CANARY);
    } finally {
      r.end();
    }
  },
  'removes its header fields, and writes no media type': (r) => {
    for (const name of r.getHeaderNames()) r.removeHeader(name);
    r.removeHeader('content-type');
    r.end(CANARY);
  },
  'writes 1,000 pieces, and an end in the middle': (r) => {
    for (let n = 0; n < 1000; n++) {
      r.write(CANARY);
      if (n === 500) r.end(CANARY);
    }
  },
};

const FAILING = new Set([
  'destroys after a write',
  'pipes a source that fails',
  'pipelines a source that fails',
  'throws after a write',
  'redirects after a write',
  'says a length that is less',
  'says a length that is more',
]);

@Encrypted()
@Controller()
class OddController {
  @Get('odd/:name')
  odd(
    @Param('name') name: string,
    @Req() request: IncomingMessage & { raw?: IncomingMessage },
    @Res() reply: Raw,
  ): void {
    (reply as { hijack?: () => void }).hijack?.();
    ODD[name]!((reply as { raw?: Raw }).raw ?? reply, request.raw ?? request);
  }
  @Get('file')
  file(): StreamableFile {
    return new StreamableFile(
      Readable.from(
        (function* () {
          yield CANARY;
          throw new Error(CANARY);
        })(),
      ),
    );
  }
  @Sse('sse')
  sse(): Observable<MessageEvent> {
    return concat(
      of({ data: CANARY, id: CANARY, type: CANARY }),
      throwError(() => new Error(CANARY)),
    );
  }
}

onEachPlatform('Nothing of a sealed route leaves in the clear, whatever its handler does', (platform) => {
  const app = useApp(platform, { controllers: [OddController] });
  const read = async (path: string): Promise<string> => {
    const client = app().client();
    await client.handshake();
    app().tap.clear();
    const timeout = AbortSignal.timeout(3000);
    return client
      .fetch(path, { signal: timeout, redirect: 'manual' })
      .then((response) => response.text().then((text) => `${response.status} ${text}`))
      .catch((error: unknown) => `error ${(error as { code?: string }).code ?? String(error)}`);
  };

  it.each(Object.keys(ODD))('%s', async (name) => {
    const outcome = await read(`/odd/${encodeURIComponent(name)}`);
    expect(app().tap.text).not.toContain(CANARY);
    expect(outcome).not.toContain('Timeout');
    // No end that the handler did not mean is one.
    if (FAILING.has(name)) expect(outcome).toMatch(/^error/);
  });

  it.each(['/file', '/sse'])('%s', async (path) => {
    const outcome = await read(path);
    if (path === '/file') expect(outcome).toMatch(/^error/);
    expect(app().tap.text).not.toContain(CANARY);
  });
});
