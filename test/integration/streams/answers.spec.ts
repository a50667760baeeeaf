import { describe, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  Header,
  HttpCode,
  Param,
  Post,
  Query,
  Req,
  RequestMethod,
  Res,
  Sse,
  StreamableFile,
  type MessageEvent,
} from '@nestjs/common';
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, gzipSync } from 'node:zlib';
import { concat, from, of, throwError, type Observable } from 'rxjs';
import { onEachPlatform, type PlatformName } from '../e2e/support/apps.js';
import { usePair, type Outcome } from '../parity/support/compare.js';

const folder = mkdtempSync(join(tmpdir(), 'answers-'));
const path = join(folder, 'file.bin');
const FRAME = 65_536;

/** Bytes that say where they stand. */
function bytesOf(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32BE(at, at);
  return bytes;
}
writeFileSync(path, bytesOf(200_000));

interface Reply extends ServerResponse {
  raw?: ServerResponse;
  send(body?: unknown): unknown;
  header(name: string, value: string): Reply;
  hijack?(): void;
  sendFile?(path: string): unknown;
  download?(path: string, name: string): unknown;
  status(code: number): Reply;
  type(type: string): Reply;
}

function own(reply: Reply): ServerResponse {
  reply.hijack?.();
  return reply.raw ?? reply;
}
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const source = (...pieces: (string | Uint8Array)[]): Readable =>
  Readable.from(pieces.map((piece) => Buffer.from(piece)));
async function* slowly(...pieces: string[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) {
    await tick();
    yield Buffer.from(piece);
  }
}

const failing = (...pieces: string[]): Readable =>
  Readable.from(
    (async function* () {
      yield* slowly(...pieces);
      throw new Error('the source failed');
    })(),
  );

/** Everything that an application can write with its own hands. */
const WRITES: Record<string, (response: ServerResponse, request: IncomingMessage) => unknown> = {
  'write and end': (response) => {
    response.write('one ');
    response.write('two ');
    response.end('three');
  },
  'write, and end without a body': (response) => {
    response.writeHead(201, { 'Content-Type': 'text/plain' });
    response.write('one');
    response.end();
  },
  'write of strings in encodings': (response) => {
    response.setHeader('Content-Type', 'application/octet-stream');
    response.write('ÿþ', 'latin1');
    response.write('00ff', 'hex');
    response.end('AAEC', 'base64');
  },
  'flushHeaders, and wait': async (response) => {
    response.setHeader('Content-Type', 'text/plain');
    response.flushHeaders();
    await tick();
    response.write('late');
    await tick();
    response.end();
  },
  'flushHeaders, and nothing': (response) => {
    response.setHeader('Content-Type', 'text/plain');
    response.flushHeaders();
    response.end();
  },
  'empty writes': (response) => {
    response.write('');
    response.write('');
    response.end('x');
  },
  'content-length, all at once': (response) => {
    response.setHeader('Content-Length', 6);
    response.write('abc');
    response.end('def');
  },
  callbacks: async (response) => {
    response.setHeader('Content-Type', 'text/plain');
    await new Promise<void>((resolve) => response.write('one ', () => resolve()));
    await new Promise<void>((resolve) => response.write('two ', 'utf8', () => resolve()));
    response.end('three', () => response.emit('told'));
  },
  drain: async (response) => {
    response.setHeader('Content-Type', 'application/octet-stream');
    for (let at = 0; at < 40; at++) {
      if (!response.write(bytesOf(50_000))) {
        await new Promise<void>((resolve) => response.once('drain', () => resolve()));
      }
    }
    response.end();
  },
  'a large body, whole': (response) => response.end(bytesOf(1 << 20)),
  'writes after the end': (response) => {
    response.on('error', () => undefined);
    response.write('one');
    response.end();
    response.write('two');
    response.end('three');
  },
  'status 204 in pieces': (response) => {
    response.statusCode = 204;
    response.write('');
    response.end();
  },
  'a redirect in pieces': (response) => {
    response.writeHead(302, { Location: '/elsewhere', 'Content-Type': 'text/plain' });
    response.write('go ');
    response.end('there');
  },
  'an error status in pieces': (response) => {
    response.writeHead(503, { 'Content-Type': 'text/plain' });
    response.write('not ');
    response.end('now');
  },
  'sealed headers': (response) => {
    response.setHeader('Content-Disposition', 'attachment; filename="ü.txt"'.replace('ü', 'u'));
    response.setHeader('Link', ['<a>; rel=next', '<b>; rel=prev']);
    response.setHeader('X-Own', 'outside');
    response.write('a');
    response.end('b');
  },
  'pipe of a source': (response) => source('one ', 'two ', 'three').pipe(response),
  'pipe of a file': (response) => {
    response.setHeader('Content-Type', 'application/octet-stream');
    createReadStream(path).pipe(response);
  },
  'pipe of a file, small pieces': (response) => {
    response.setHeader('Content-Length', 200_000);
    createReadStream(path, { highWaterMark: 1000 }).pipe(response);
  },
  'pipe of a file, with its length': (response) => {
    response.setHeader('Content-Length', 200_000);
    createReadStream(path).pipe(response);
  },
  'pipe through a transform': (response) =>
    source(gzipSync(bytesOf(100_000)))
      .pipe(createGunzip())
      .pipe(response),
  'pipe of an async generator': (response) => Readable.from(slowly('a', 'b', 'c')).pipe(response),
  'pipe of one after the other': (response) => {
    const first = source('one ');
    first.on('end', () => source('two').pipe(response));
    first.pipe(response, { end: false });
  },
  pipeline: (response) => pipeline(source('one ', 'two'), response, () => undefined),
  ...Object.fromEntries(
    [0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 2 * FRAME + 1, 1 << 20].flatMap((length) => [
      [
        `${length} bytes in one write`,
        (response: ServerResponse) => {
          response.write(bytesOf(length));
          response.end();
        },
      ],
      [
        `${length} bytes in one write, with their length`,
        (response: ServerResponse) => {
          response.setHeader('Content-Length', length);
          response.write(bytesOf(length));
          response.end();
        },
      ],
      [`${length} bytes whole`, (response: ServerResponse) => response.end(bytesOf(length))],
      [
        `${length} bytes in odd pieces, with their length`,
        (response: ServerResponse) => {
          response.setHeader('Content-Length', length);
          const bytes = bytesOf(length);
          for (let at = 0; at < length; at += 40_009) response.write(bytes.subarray(at, at + 40_009));
          response.end();
        },
      ],
    ]),
  ),
};

/** What a handler can return that is sent in pieces. */
const RESULTS: Record<string, () => unknown> = {
  'file of a buffer': () => new StreamableFile(bytesOf(100_000), { type: 'application/pdf' }),
  'file of a short buffer': () => new StreamableFile(Buffer.from('short'), { disposition: 'attachment; filename="a"' }),
  'file of an empty buffer': () => new StreamableFile(Buffer.alloc(0)),
  'file of a file': () => new StreamableFile(createReadStream(path)),
  'file of a file, with its length': () =>
    new StreamableFile(createReadStream(path), { length: 200_000, type: 'image/png', disposition: 'inline' }),
  'file of a source': () => new StreamableFile(source('one ', 'two')),
  'file that is not there': () => new StreamableFile(createReadStream(join(folder, 'none'))),
  'source that fails at once': () => new StreamableFile(failing()),
  'async generator': () => slowly('one ', 'two '),
  'web stream': () => new Response('of the web').body,
  'web response': () =>
    new Response('of the web', { status: 202, headers: { 'Content-Type': 'text/x', 'X-Web': 'yes' } }),
  'large JSON': () => ({ list: Array.from({ length: 20_000 }, (_, index) => index) }),
  'large text': () => 'ü'.repeat(100_000),
};

/** What only one platform has. */
const OWN: Record<PlatformName, Record<string, (reply: Reply) => unknown>> = {
  express: {
    sendFile: (reply) => reply.sendFile!(path),
    'sendFile that is not there': (reply) => reply.sendFile!(join(folder, 'none')),
    download: (reply) => reply.download!(path, 'name.bin'),
    'send of bytes': (reply) => reply.type('image/png').send(bytesOf(70_000)),
  },
  fastify: {
    'send of a source': (reply) => reply.send(source('one ', 'two')),
    'send of a file': (reply) => reply.type('image/png').send(createReadStream(path)),
    'send of a file that is not there': (reply) => reply.send(createReadStream(join(folder, 'none'))),
    'send of a web stream': (reply) => reply.send(new Response('of the web').body),
    'send of a web response': (reply) => reply.send(new Response('of the web', { status: 202 })),
    'send of bytes': (reply) => reply.type('image/png').send(bytesOf(70_000)),
  },
};

const EVENTS: Record<string, () => Observable<MessageEvent>> = {
  three: () => from([{ data: 'one' }, { data: { two: 2 }, id: 'b', type: 'kind' }, { data: 'three\nlines', retry: 5 }]),
  none: () => from([]),
  'an error': () =>
    concat(
      of({ data: 'one' }),
      throwError(() => new Error('failed')),
    ),
};

@Controller()
class AnswerController {
  @Get('write/:name')
  write(@Param('name') name: string, @Res() reply: Reply, @Req() request: IncomingMessage): unknown {
    return WRITES[name]!(own(reply), request);
  }
  @Get('passthrough')
  passthrough(@Res({ passthrough: true }) reply: Reply): string {
    reply.header('X-Own', 'yes');
    return 'whole';
  }
  @Get('result/:name')
  result(@Param('name') name: string): unknown {
    return RESULTS[name]!();
  }
  @Post('result/:name')
  @HttpCode(202)
  @Header('Content-Language', 'de')
  posted(@Param('name') name: string): unknown {
    return RESULTS[name]!();
  }
  @Get('own/:platform/:name')
  own(@Param('platform') platform: PlatformName, @Param('name') name: string, @Res() reply: Reply): unknown {
    return OWN[platform][name]!(reply);
  }
  @Sse('events')
  events(@Query('name') name: string): Observable<MessageEvent> {
    return EVENTS[name]!();
  }
  @Sse('events', { method: RequestMethod.POST })
  postedEvents(@Query('name') name: string): Observable<MessageEvent> {
    return EVENTS[name]!();
  }
}

/** Long bodies by their hash. A body that nobody named the type of is `application/octet-stream` (PROTOCOL §4). */
function inBrief(outcome: Outcome | string): unknown {
  if (typeof outcome === 'string') return outcome;
  const { body, mediaType } = outcome;
  const isLong = body.length > 1000;
  return {
    ...outcome,
    mediaType: body === '' ? null : (mediaType ?? 'application/octet-stream'),
    body: isLong ? `${body.length} bytes ${createHash('sha256').update(body, 'latin1').digest('hex')}` : body,
  };
}

onEachPlatform('An answer in pieces is what it is plain', (platform) => {
  const pair = usePair(platform, { controllers: [AnswerController] });
  const compare = async (target: string, init: RequestInit = {}): Promise<void> => {
    const { plain, sealed } = await pair().both(encodeURI(target), init);
    expect(inBrief(sealed)).toEqual(inBrief(plain));
  };

  it.each(Object.keys(WRITES))('written: %s', (name) => compare(`/write/${name}`));
  it.each(Object.keys(RESULTS))('returned: %s', (name) => compare(`/result/${name}`));
  it.each(['file of a source', 'large JSON'])('returned to a POST: %s', (name) =>
    compare(`/result/${name}`, { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } }),
  );
  it.each(Object.keys(OWN[platform]))('of the platform: %s', (name) => compare(`/own/${platform}/${name}`));
  it('with passthrough', () => compare('/passthrough'));

  describe.each(['GET', 'POST'])('events by %s', (method) => {
    it.each(Object.keys(EVENTS))('%s', (name) => compare(`/events?name=${name}`, { method }));
  });
});
