import multipart from '@fastify/multipart';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Controller, Get, Post, Req, Res, Sse, StreamableFile, UploadedFile, UseInterceptors } from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { concat, defer, finalize, interval, map, of, take, throwError, type Observable } from 'rxjs';
import { Encrypted } from '../../../src/index.js';
import { e2eAgent, type E2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';

const FILE = Buffer.concat([Buffer.from('canary-7f3a91 '), randomBytes(300_000)]);
const NAME = 'report-zulu.pdf';
const folder = mkdtempSync(join(tmpdir(), 'kit-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What the application says in the clear beside a stream. */
let tell: ((response: ServerResponse, file: { name: string; bytes: Buffer }) => unknown) | undefined;
/** How many event streams are open. */
let open = 0;

type Reply = ServerResponse & { raw?: ServerResponse };

@Encrypted()
@Controller('streams')
class StreamController {
  @Get('file')
  file(@Res({ passthrough: true }) reply: Reply): StreamableFile {
    tell?.(reply.raw ?? reply, { name: NAME, bytes: FILE });
    return new StreamableFile(FILE, { type: 'application/pdf', disposition: `attachment; filename="${NAME}"` });
  }

  @Get('broken')
  broken(): StreamableFile {
    async function* pieces() {
      yield FILE;
      await new Promise(setImmediate);
      throw new Error('the disk is gone');
    }
    return new StreamableFile(Readable.from(pieces()));
  }

  @Sse('live')
  live(@Res({ passthrough: true }) reply: Reply): Observable<object> {
    tell?.(reply.raw ?? reply, { name: NAME, bytes: FILE });
    return defer(() => {
      open++;
      return interval(2).pipe(
        map((n) => ({ id: `id-${n}`, type: n === 1 ? 'named-event' : undefined, data: { secret: `delta-5c81-${n}` } })),
        finalize(() => open--),
      );
    });
  }

  @Sse('few')
  few(): Observable<object> {
    return interval(1).pipe(
      take(2),
      map((n) => ({ data: `line ${n}\nand more` })),
    );
  }

  @Sse('failing')
  failing(): Observable<object> {
    return concat(
      of({ data: 'one' }),
      throwError(() => new Error('no more')),
    );
  }
}

interface Received {
  readonly name: string;
  readonly bytes: Buffer;
}

function answer({ name, bytes }: Received, response: ServerResponse): object {
  tell?.(response, { name, bytes });
  return { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('base64') };
}

@Encrypted()
@Controller('uploads')
class MulterController {
  @Post()
  @UseInterceptors(FileInterceptor('file'))
  upload(
    @UploadedFile() { originalname, buffer }: { originalname: string; buffer: Buffer },
    @Res({ passthrough: true }) reply: Reply,
  ): object {
    return answer({ name: originalname, bytes: buffer }, reply);
  }
}

@Encrypted()
@Controller('uploads')
class FormController {
  @Post()
  async upload(
    @Req() request: { file(): Promise<{ filename: string; toBuffer(): Promise<Buffer> }> },
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<object> {
    const file = await request.file();
    return answer({ name: file.filename, bytes: await file.toBuffer() }, reply.raw!);
  }
}

onEachPlatform('The kit, on streams', (platform) => {
  const app = useApp(platform, {
    controllers: [StreamController, platform === 'express' ? MulterController : FormController],
    configure: async (nest) => {
      if (platform === 'fastify') {
        await (nest as NestFastifyApplication).register(multipart, { limits: { fileSize: 10_000_000 } });
      }
    },
  });
  let agent: E2eAgent;
  beforeAll(async () => (agent = await e2eAgent(app().nest)));
  afterAll(() => agent.close());

  const eventually = async (is: () => boolean) => {
    for (let left = 500; left > 0 && !is(); left--) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(is()).toBe(true);
  };
  const messageOf = async (call: PromiseLike<unknown>): Promise<string> =>
    call.then(
      () => '',
      (error: unknown) => (error as Error).message,
    );

  it('reads a download, by itself, by a parser, and into a stream', async () => {
    const whole = await agent.get('/streams/file').expect(200).expect('content-type', 'application/pdf');
    expect(FILE.equals(whole.body as Buffer)).toBe(true);
    expect(whole.get('content-disposition')).toBe(`attachment; filename="${NAME}"`);

    const parsed = await agent.get('/streams/file').parse((response: Readable & { statusCode: number }, done) => {
      response.once('data', (chunk: Buffer) => done(null, [response.statusCode, chunk.toString('latin1', 0, 13)]));
    });
    expect(parsed.body).toEqual([200, 'canary-7f3a91']);
    expect(parsed.bytes.length).toBeGreaterThan(0);

    const path = join(folder, `${platform}.pdf`);
    const call = agent.get('/streams/file').expect(200);
    await finished(call.pipe(createWriteStream(path)));
    expect(readFileSync(path).equals(FILE)).toBe(true);
    expect(await call).toMatchObject({ status: 200, text: '' });
    const unkept = await agent
      .get('/streams/file')
      .buffer(false)
      .parse((response: Readable, done) => response.resume().on('end', () => done(null, 'read')));
    expect(unkept).toMatchObject({ body: 'read', text: '' });
  });

  it('never takes a broken stream for the whole', async () => {
    const broken = { code: expect.stringMatching(/^stream-(broken|failed)$/) as unknown };
    await expect(agent.get('/streams/broken')).rejects.toMatchObject(broken);
    const parse = agent.get('/streams/broken').parse((response: Readable, done) => {
      response.resume().on('end', () => done(null, 'whole'));
    });
    await expect(parse).rejects.toMatchObject(broken);
    const call = agent.get('/streams/broken');
    await expect(finished(call.pipe(createWriteStream(join(folder, 'broken'))))).rejects.toMatchObject(broken);
  });

  it('destroys the stream that a call was to fill where an expectation of it is not met', async () => {
    const call = agent.get('/streams/none').expect(200);
    const target = call.pipe(createWriteStream(join(folder, 'none')), { end: false });
    await expect(finished(target)).rejects.toThrow(/expected status 200, got 404/);
  });

  it('reads so many events of an endless stream, and lets it go', async () => {
    const { body, text } = await agent
      .get('/streams/live')
      .events(2)
      .expect(200, [
        { type: 'message', data: '{"secret":"delta-5c81-0"}', lastEventId: 'id-0' },
        { type: 'named-event', data: '{"secret":"delta-5c81-1"}', lastEventId: 'id-1' },
      ]);
    expect(body).toHaveLength(2);
    expect(text).toContain('data: {"secret":"delta-5c81-1"}');
    await eventually(() => open === 0);
    await expect(agent.get('/streams/live').events().timeout(300)).rejects.toMatchObject({ code: 'ECONNABORTED' });
    await eventually(() => open === 0);
  });

  it('reads a stream that ends, as events and as text; and what is no stream as usual', async () => {
    const expected = [0, 1].map((n) => expect.objectContaining({ data: `line ${n}\nand more` }) as unknown);
    expect((await agent.get('/streams/few').events()).body).toEqual(expected);
    expect((await agent.get('/streams/few').events(9)).body).toEqual(expected);
    expect((await agent.get('/streams/few')).text).toContain('data: line 1\ndata: and more\n');
    expect((await agent.get('/streams/failing').events()).body).toContainEqual(
      expect.objectContaining({ type: 'error', data: 'Internal server error' }),
    );
    const missing = await agent.get('/streams/none').events(1).expect(404);
    expect(missing.body).toMatchObject({ statusCode: 404 });
    expect(() => agent.get('/').events(0)).toThrow(/a positive integer; received 0/);
  });

  it('uploads a file that is long, in frames, and proves it sealed both ways', async () => {
    const path = join(folder, NAME);
    writeFileSync(path, FILE);
    app().tap.clear();
    const sha256 = createHash('sha256').update(FILE).digest('base64');
    const call = () => agent.post('/uploads').field('title', 'a title 4711').attach('file', path);
    await call().expect(201, { size: FILE.length, sha256 });
    await call().expectSealed().expect(201, { size: FILE.length, sha256 });
    await agent.post('/uploads').field('n', 1).attach('file', Buffer.from('x'), 'a.txt').expectSealed().expect(201);
    await agent.get('/streams/file').expectSealed().expect(200);
    await agent.get('/streams/live').events(3).expectSealed().expect(200);
    await eventually(() => open === 0);
  });

  it.each<[string, NonNullable<typeof tell>, RegExp]>([
    ['a file name', (r, { name }) => r.setHeader('x-file', name), /name|response.*x-file/],
    ['the file', (r, { bytes }) => r.setHeader('x-file', bytes.toString('base64', 0, 30)), /in the response's header/],
    [
      'its hash',
      (r, { bytes }) => r.setHeader('x-hash', createHash('sha256').update(bytes).digest('hex')),
      /the sha256 of the body part "file" can be read in the response's header x-hash/,
    ],
    [
      'a part head',
      (r) => r.setHeader('x-head', 'Content-Disposition: form-data; name="file"; filename="report-zulu.pdf"'),
      /the (headers|file name) of the body part "file"/,
    ],
  ])('finds %s that an application tells in the clear, in an upload', async (_what, leak, found) => {
    tell = leak;
    try {
      const call = agent.post('/uploads').attach('file', FILE, NAME).expectSealed();
      expect(await messageOf(call)).toMatch(found);
    } finally {
      tell = undefined;
    }
  });

  it('finds what an application tells beside a download and beside events', async () => {
    tell = (response, { bytes }) => response.setHeader('x-file', bytes.toString('latin1', 0, 13));
    try {
      expect(await messageOf(agent.get('/streams/file').expectSealed())).toMatch(/part of the response .* x-file/);
      tell = (response) => response.setHeader('x-last', 'delta-5c81-0');
      expect(await messageOf(agent.get('/streams/live').events(1).expectSealed())).toMatch(
        /the response event 1 member "secret" can be read in the response's header x-last/,
      );
    } finally {
      tell = undefined;
    }
  });
});
