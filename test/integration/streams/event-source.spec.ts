import { expect, it } from '@jest/globals';
import { Body, Controller, Get, Header, Headers, HttpCode, Post, Res, Sse, type MessageEvent } from '@nestjs/common';
import { from, type Observable } from 'rxjs';
import type { ServerResponse } from 'node:http';
import type { E2eEventSource, E2eEventSourceInit } from '../../../src/client/index.js';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';

const EVENT_STREAM = { 'content-type': 'text/event-stream' };

/** Fastify's reply has Node's response inside. */
type Reply = ServerResponse | { readonly raw: ServerResponse };

@Encrypted()
@Controller()
class EventController {
  /** Three events a connection, up to the ninth; then no more. */
  @Sse('events')
  events(@Headers('last-event-id') last = '0'): Observable<MessageEvent> {
    const next = Number(last) + 1;
    const ids = [next, next + 1, next + 2].map(String);
    return from(ids.map((id) => ({ id, data: { secret: `canary${id}` }, retry: 1 })));
  }

  @Post('chat')
  chat(@Body() { question }: { question: string }, @Res() reply: Reply): void {
    const response = rawOf(reply);
    response.writeHead(200, EVENT_STREAM);
    for (const word of question.split(' ')) response.write(`event: word\ndata: ${word}\n\n`);
    response.write('data: [DONE]\n\ndata: cut');
    response.end();
  }

  /** Breaks off in the middle of the second event. */
  @Get('broken')
  broken(@Headers('last-event-id') last: string | undefined, @Res() reply: Reply): void {
    const response = rawOf(reply);
    response.writeHead(200, EVENT_STREAM);
    response.write(`retry: 1\nid: ${Number(last ?? 0) + 1}\ndata: after ${last ?? 'none'}\n\ndata: never`, () =>
      response.destroy(),
    );
  }

  @Get('none')
  @HttpCode(204)
  none(): void {
    // Says: do not come again.
  }

  @Get('json')
  json(): object {
    return {};
  }

  @Get('endless')
  @Header('Content-Type', 'text/event-stream')
  endless(@Res() reply: Reply): void {
    const response = rawOf(reply);
    response.writeHead(200, EVENT_STREAM);
    const more = (): void => {
      while (!response.destroyed && response.write(`data: ${'x'.repeat(10_000)}\n\n`)) written++;
    };
    response.on('drain', more);
    more();
  }
}
let written = 0;

function rawOf(reply: Reply): ServerResponse {
  return 'raw' in reply ? reply.raw : reply;
}

onEachPlatform('client.eventSource', (platform) => {
  const app = useApp(platform, { controllers: [EventController] });
  const open = (path: string, init?: E2eEventSourceInit): E2eEventSource => app().client().eventSource(path, init);
  const closed = (source: E2eEventSource): Promise<unknown> =>
    new Promise((resolve) =>
      source.addEventListener('error', ({ error }) => source.readyState === 2 && resolve(error)),
    );

  it('is an iterable of events, over one connection after another, each from where the last one ended', async () => {
    app().tap.clear();
    const source = open('events');
    const seen: unknown[] = [];
    for await (const { data, lastEventId, origin } of source) {
      seen.push([JSON.parse(data), lastEventId, origin]);
      if (seen.length === 8) break;
    }
    const ids = ['1', '2', '3', '4', '5', '6', '7', '8'];
    expect(seen).toEqual(ids.map((id) => [{ secret: `canary${id}` }, id, app().url]));
    expect([source.readyState, source.lastEventId, source.url]).toEqual([2, '8', `${app().url}/events`]);
    expect(app().tap.text).not.toMatch(/canary|last-event-id/i);
    expect(app().tap.text.match(/GET \/events/g)).toHaveLength(3);
  });

  it('has the shape of EventSource', async () => {
    const source = open('events');
    const seen: unknown[] = [];
    expect([source.readyState, source.CONNECTING, source.OPEN, source.CLOSED]).toEqual([0, 0, 1, 2]);
    source.onopen = function (this: E2eEventSource, { type }) {
      seen.push([type, this.readyState, this === source]);
    };
    source.onmessage = ({ lastEventId, target }) => seen.push([lastEventId, target === source]);
    await new Promise<void>((resolve) => {
      source.onerror = ({ error }) => {
        seen.push(['error', source.readyState, error]);
        source.close();
        resolve();
      };
    });
    expect(seen).toEqual([
      ['open', 1, true],
      ['1', true],
      ['2', true],
      ['3', true],
      ['error', 0, undefined],
    ]);
    expect(source.readyState).toBe(2);
  });

  it('takes a method, a body and header fields, and names of events', async () => {
    const words: string[] = [];
    const source = open('chat', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ question: 'What is sealed?' }),
    });
    source.addEventListener('word', ({ data }: globalThis.MessageEvent<string>) => words.push(data));
    for await (const { type, data } of source) {
      if (type === 'message') break;
      else expect(words.at(-1)).toBe(data);
    }
    expect(words).toEqual(['What', 'is', 'sealed?']);
  });

  it('takes what was cut off for no event, and connects again', async () => {
    const seen: string[] = [];
    const errors: unknown[] = [];
    const source = open('broken');
    source.onerror = ({ error }) => errors.push((error as { code?: string }).code);
    for await (const { data } of source) if (seen.push(data) === 3) break;
    expect(seen).toEqual(['after none', 'after 1', 'after 2']);
    expect(errors.every((code) => code === 'stream-broken' || code === 'stream-failed')).toBe(true);
    expect(errors.length).toBeGreaterThanOrEqual(2);
  });

  it('stops on 204, which ends an iteration, and on what is no event stream, which throws', async () => {
    for (const path of ['none', 'json', 'missing']) {
      const source = open(path);
      const [events, error] = [collect(source), closed(source)];
      if (path === 'none') expect(await events).toEqual([]);
      else await expect(events).rejects.toMatchObject({ code: 'no-event-stream' });
      const status = { none: 204, json: 200, missing: 404 }[path];
      expect(await error).toMatchObject({ name: 'E2eClientError', code: 'no-event-stream', status });
      expect(String(await error)).toMatch(new RegExp(`returned ${status} and .*client.fetch`));
      expect(source.readyState).toBe(2);
      expect(await collect(source)).toEqual([]);
    }
  });

  it('closes by its signal, by close(), and where an iteration is left; never starts where it was aborted', async () => {
    const controller = new AbortController();
    const source = open('endless', { signal: controller.signal });
    let count = 0;
    for await (const event of source) {
      expect(event.data).toHaveLength(10_000);
      if (++count === 3) controller.abort();
    }
    expect(count).toBeGreaterThanOrEqual(3);
    const never = open('endless', { signal: AbortSignal.abort() });
    expect([never.readyState, await collect(never)]).toEqual([2, []]);
  });

  it('holds the server back while an event is not taken', async () => {
    const source = open('endless');
    const iterator = source[Symbol.asyncIterator]();
    await iterator.next();
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    for (let taken = 0; taken < 5; taken++) await iterator.next();
    await iterator.return!();
    expect(source.readyState).toBe(2);
  });

  it('sends no id in the clear: it is refused where the client does not seal that header', async () => {
    const source = app().client({ sealHeaders: [] }).eventSource('events');
    await expect(collect(source)).rejects.toMatchObject({ code: 'invalid-option' });
  });

  it('refuses at once what fetch refuses, and a stream as its body', async () => {
    expect(() => open('http://[')).toThrow(/Invalid URL/);
    expect(() => open('events', { body: 'x' })).toThrow(/GET/);
    const source = open('chat', { method: 'POST', body: new ReadableStream() as never });
    await expect(collect(source)).rejects.toMatchObject({ code: 'request-unsupported' });
  });
});

async function collect(source: E2eEventSource): Promise<string[]> {
  const seen: string[] = [];
  for await (const { data } of source) seen.push(data);
  return seen;
}
