import { afterEach, expect, it } from '@jest/globals';
import {
  Controller,
  Get,
  Param,
  Post,
  Req,
  Res,
  Sse,
  UseFilters,
  type ArgumentsHost,
  type MessageEvent,
} from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { pipeline, Readable } from 'node:stream';
import { concat, NEVER, of, type Observable } from 'rxjs';
import { Encrypted, type E2eEvent } from '../../../src/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { AnswerReader, inShort } from './support/answer.js';
import { sendUpload, upload } from './support/frames.js';

const FRAME = 65_536;
const TEXT = { 'Content-Type': 'text/plain' };

interface Reply extends ServerResponse {
  raw?: ServerResponse;
  hijack?(): void;
  send(body: unknown): unknown;
}
interface FastifyParsers {
  addContentTypeParser(
    type: string,
    parser: (request: unknown, payload: unknown, done: (e: null) => void) => void,
  ): void;
}
function own(reply: Reply): ServerResponse {
  reply.hijack?.();
  return reply.raw ?? reply;
}

/** What a test holds back: the handler waits for each `next`. */
class Gate {
  #waiting: (() => void)[] = [];
  #open = 0;
  wait(): Promise<void> {
    if (this.#open > 0) {
      this.#open--;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
  next(): void {
    const resolve = this.#waiting.shift();
    if (resolve) resolve();
    else this.#open++;
  }
}
let gate = new Gate();
let pulled = 0;
afterEach(() => {
  gate = new Gate();
  pulled = 0;
});

/** Counts what was asked of it, without an end. */
function endless(): Readable {
  return new Readable({
    read() {
      pulled += FRAME;
      this.push(Buffer.alloc(FRAME));
    },
  });
}
const failsAfter = (first: string): Readable =>
  Readable.from(
    (async function* () {
      yield Buffer.from(first);
      await gate.wait();
      throw new Error('the source failed');
    })(),
  );

/** Ways to fail once something was written. */
const FAILURES: Record<string, (response: ServerResponse, reply: Reply) => unknown> = {
  'the handler throws': async (response) => {
    response.write('first');
    await gate.wait();
    throw new Error('failed');
  },
  'the response is destroyed': async (response) => {
    response.write('first');
    await gate.wait();
    response.destroy();
  },
  'a pipeline fails': (response) => pipeline(failsAfter('first'), response, () => undefined),
  'a piped source fails, and somebody ends the response': (response) => {
    const source = failsAfter('first');
    source.on('error', () => response.end());
    source.pipe(response);
  },
  'a piped source is destroyed, and somebody ends the response': async (response) => {
    const source = failsAfter('first');
    source.pipe(response);
    await gate.wait();
    source.destroy();
    response.end('as if whole');
  },
  'fewer bytes than the length says': async (response) => {
    response.setHeader('Content-Length', 10);
    response.write('first');
    await gate.wait();
    response.end();
  },
  'more bytes than the length says': async (response) => {
    response.setHeader('Content-Length', 6);
    response.write('first');
    await gate.wait();
    response.write('more than that');
    response.end();
  },
  'fewer bytes, where the length stands outside': async (response) => {
    response.setHeader('Content-Length', 2 * FRAME);
    response.write(Buffer.alloc(FRAME, 'first'));
    await gate.wait();
    response.end('less');
  },
  'more bytes, where the length stands outside': async (response) => {
    response.setHeader('Content-Length', FRAME + 1);
    response.write(Buffer.alloc(FRAME, 'first'));
    await gate.wait();
    response.end('too many');
  },
};

class Ending {
  catch(_: unknown, host: ArgumentsHost): void {
    own(host.switchToHttp().getResponse<Reply>()).end('an error page, as if it were the rest');
  }
}

@Encrypted()
@Controller()
class FlowController {
  @Get('gated')
  async gated(@Res() reply: Reply): Promise<void> {
    const response = own(reply);
    response.writeHead(200, TEXT);
    for (const piece of ['one', 'two', 'three']) {
      response.write(piece);
      await gate.wait();
    }
    response.end();
  }
  @Get('headers')
  async headers(@Res() reply: Reply): Promise<void> {
    const response = own(reply);
    response.writeHead(200, TEXT);
    response.flushHeaders();
    await gate.wait();
    response.end('done');
  }
  @Get('endless')
  endless(@Res() reply: Reply): void {
    endless().pipe(own(reply));
  }
  @Get('large')
  large(@Res() reply: Reply): void {
    own(reply).end(Buffer.alloc(64 << 20));
  }
  @Get('fails/:name')
  async fails(@Res() reply: Reply, @Param('name') name: string): Promise<void> {
    await FAILURES[name]!(own(reply), reply);
  }
  @Get('filtered')
  @UseFilters(Ending)
  async filtered(@Res() reply: Reply): Promise<void> {
    own(reply).write('first');
    await gate.wait();
    throw new Error('failed');
  }
  @Get('sized/:length')
  sized(@Res() reply: Reply, @Param('length') length: string): void {
    const response = own(reply);
    response.setHeader('Content-Length', length);
    Readable.from([Buffer.alloc(Math.min(Number(length), FRAME)), Buffer.alloc(Math.max(0, Number(length) - FRAME))], {
      objectMode: false,
    }).pipe(response);
  }
  @Sse('events')
  events(): Observable<MessageEvent> {
    return concat(of({ data: 'one' }), NEVER);
  }
  @Post('echo')
  echo(@Req() request: IncomingMessage & { raw?: IncomingMessage }, @Res() reply: Reply): void {
    const response = own(reply);
    response.setHeader('Content-Type', 'application/octet-stream');
    (request.raw ?? request).pipe(response);
  }
}

onEachPlatform('An answer in pieces leaves as it is written', (platform) => {
  const events: E2eEvent[] = [];
  const app = useApp(platform, {
    controllers: [FlowController],
    e2e: { keyPool: { size: 0 }, onEvent: (event) => void events.push(event) },
    configure: (nest, name) => {
      if (name !== 'fastify') return;
      // Of these the body is left to the handler.
      const instance = nest.getHttpAdapter().getInstance() as FastifyParsers;
      instance.addContentTypeParser('application/x-echo', (_request, _payload, done) => done(null));
    },
  });
  const ask = async (target: string): Promise<AnswerReader> =>
    AnswerReader.ask(await app().visitor().handshake('X25519'), 'GET', encodeURI(target));

  it('each write before the next is made', async () => {
    const answer = await ask('/gated');
    expect(await answer.header()).toMatchObject({ status: 200, cty: 'text/plain', frames: 'body' });
    for (const piece of ['one', 'two', 'three']) {
      expect(inShort([await answer.next()])).toEqual([`0 ${piece}`]);
      gate.next();
    }
    expect(inShort(await answer.rest())).toEqual(['1', 'end']);
    expect(answer.response.headers).toMatchObject({ 'x-accel-buffering': 'no', incremental: '?1' });
    expect(answer.response.headers).not.toHaveProperty('content-length');
  });

  it('its head with flushHeaders', async () => {
    const answer = await ask('/headers');
    expect(await answer.header()).toMatchObject({ status: 200, cty: 'text/plain' });
    gate.next();
    expect(inShort(await answer.rest())).toEqual(['1 done', 'end']);
  });

  it('an event before the next one', async () => {
    const answer = await ask('/events');
    const seen: string[] = [];
    while (!seen.join('').includes('data: one')) seen.push(...inShort([await answer.next()]));
    answer.response.destroy();
  });

  it('and no faster than its reader reads', async () => {
    const answer = await ask('/endless');
    await answer.header();
    answer.response.pause();
    let before = -1;
    while (before !== pulled) {
      before = pulled;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    // What the two ends of a connection on one machine buffer.
    expect(pulled).toBeLessThan(32 << 20);
    answer.response.destroy();
  });

  it.each([1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME])(
    'with its length outside where that is known: %i',
    async (length) => {
      const answer = await ask(`/sized/${length}`);
      const { length: said } = await answer.header();
      expect(said).toBe(length);
      const frames = await answer.rest();
      const bytes = frames.reduce((sum, each) => sum + (typeof each === 'string' ? 0 : each.plaintext.length), 0);
      expect(bytes).toBe(length);
      expect(frames.length - 1).toBe(Math.ceil(length / FRAME));
      expect(answer.response.headers).toHaveProperty('content-length');
    },
  );

  it.each(Object.keys(FAILURES))('and never looks whole where %s', async (name) => {
    events.length = 0;
    const answer = await ask(`/fails/${name}`);
    expect(await answer.header()).toMatchObject({ status: 200 });
    const first = await answer.next();
    expect(first).toMatchObject({ kind: 0 });
    gate.next();
    gate.next();
    const rest = await answer.rest();
    expect(rest.at(-1)).toMatch(/end|cut/);
    // A prefix, and then that there is no more, or nothing.
    const kinds = rest.slice(0, -1).map((each) => (each as { kind: number }).kind);
    expect([[], [2]]).toContainEqual(kinds);
    expect(rest.at(-1)).toBe(kinds.length === 0 || answer.response.headers['content-length'] ? 'cut' : 'end');
    expect(events.map(({ type }) => type)).toContain('stream-broken');
    expect(events.map(({ type }) => type)).not.toContain('stream-ended');
    gate = new Gate();
    await expect(
      app()
        .client()
        .fetch(encodeURI(`/fails/${name}`))
        .then((response) => {
          gate.next();
          gate.next();
          return response.text();
        }),
    ).rejects.toMatchObject({ code: expect.stringMatching(/stream-(failed|broken)/) });
  });

  it('and never looks whole where a filter ends what its handler has begun', async () => {
    const answer = await ask('/filtered');
    expect(inShort([await answer.next()])).toEqual(['0 first']);
    gate.next();
    expect(inShort(await answer.rest())).toEqual(['2', 'end']);
  });

  it('and is counted: opened, ended, with its bytes and frames', async () => {
    events.length = 0;
    const answer = await ask('/gated');
    for (let left = 3; left > 0; left--) gate.next();
    await answer.rest();
    const streams = (): E2eEvent[] => events.filter(({ type }) => type.startsWith('stream-'));
    while (streams().length < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(streams()).toEqual([
      { type: 'stream-opened', direction: 'response' },
      { type: 'stream-ended', direction: 'response', bytes: 11, frames: 4, ms: expect.any(Number) },
    ]);
  });

  it('and is counted as broken where its reader goes', async () => {
    events.length = 0;
    const answer = await ask('/endless');
    await answer.next();
    answer.response.destroy();
    while (!events.some(({ type }) => type === 'stream-broken')) await new Promise((resolve) => setTimeout(resolve, 2));
  });

  it('a whole body of 64 MiB as its reader takes it', async () => {
    const answer = await ask('/large');
    await answer.header();
    answer.response.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(process.memoryUsage().external).toBeLessThan(512 << 20);
    answer.response.destroy();
    await once(answer.response, 'close');
  });

  it.each([0, 100_000, 3 << 20])('after the request that it echoes has ended: %i bytes', async (length) => {
    const body = Buffer.alloc(length, 'echo ');
    const pieces = Array.from({ length: Math.ceil(length / FRAME) }, (_, at) =>
      body.subarray(at * FRAME, (at + 1) * FRAME),
    );
    const channel = await app().visitor().handshake('X25519');
    const sent = upload(channel, '/echo', 'application/x-echo', [...pieces, '']);
    const { status, header, text } = await sendUpload(channel, sent);
    expect([status, header.early, text === body.toString()]).toEqual([201, undefined, true]);
  });

  it('and is cut where it would have to hold more than 16 MiB until its request has ended', async () => {
    const channel = await app().visitor().handshake('X25519');
    const pieces = Array.from({ length: 300 }, () => Buffer.alloc(FRAME));
    const sent = upload(channel, '/echo', 'application/x-echo', pieces);
    await expect(sendUpload(channel, sent)).rejects.toThrow();
  });
});
