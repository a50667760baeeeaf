import { describe, expect, it } from '@jest/globals';
import { Body, Controller, Post, Req } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { IncomingMessage } from 'node:http';
import { Encrypted } from '../../../src/index.js';
import { useApp } from './support/apps.js';
import { fetchOverHttp2 } from './support/http2.js';
import { CANARY } from './support/raw.js';

@Controller('notes')
@Encrypted()
class NoteController {
  static ran = 0;
  @Post('raw')
  async raw(@Req() { raw }: { raw: IncomingMessage }): Promise<object> {
    NoteController.ran++;
    let text = '';
    for await (const chunk of raw) text += String(chunk);
    return { text };
  }
  @Post('answer-only')
  @Encrypted({ request: false })
  answerOnly(@Body() body: unknown): object {
    return { body };
  }
}

describe('A body beside a message in the header, over HTTP/2, which announces none', () => {
  const app = useApp('fastify', {
    controllers: [NoteController],
    fastify: () => new FastifyAdapter({ http2: true } as never),
  });
  /** Has someone in between add a body, without a length, to what has none. */
  const clientWith = (body: Buffer<ArrayBuffer> | undefined, headers: Record<string, string> = {}) => {
    const fetch = (input: Parameters<typeof globalThis.fetch>[0], init?: RequestInit): Promise<Response> => {
      const all = new Headers(init?.headers);
      if (!all.has('e2e-request') || !body) return fetchOverHttp2(input, init);
      for (const [name, value] of Object.entries(headers)) all.set(name, value);
      return fetchOverHttp2(input, { ...init, headers: all, body });
    };
    return app().client({ fetch });
  };

  it('is refused on a sealed route, and no handler runs', async () => {
    const { ran } = NoteController;
    for (const added of [Buffer.from(CANARY), Buffer.from([0])]) {
      const call = clientWith(added).fetch('/notes/raw', { method: 'POST' });
      await expect(call).rejects.toMatchObject({ problem: 'message-rejected' });
    }
    expect(NoteController.ran).toBe(ran);
  });

  it('is not there, if nobody adds it', async () => {
    const response = await clientWith(undefined).fetch('/notes/raw', { method: 'POST' });
    expect([response.status, await response.json()]).toEqual([201, { text: '' }]);
  });

  it('is not there, if its length is announced as 0: some proxies send an empty frame', async () => {
    const response = await clientWith(Buffer.alloc(0), { 'content-length': '0' }).fetch('/notes/raw', {
      method: 'POST',
    });
    expect([response.status, await response.json()]).toEqual([201, { text: '' }]);
  });

  it('is what the handler gets where bodies go plain', async () => {
    const json = { 'content-type': 'application/json' };
    const client = clientWith(Buffer.from(JSON.stringify({ note: CANARY })), json);
    const response = await client.fetch('/notes/answer-only', { method: 'POST' });
    expect(await response.json()).toEqual({ body: { note: CANARY } });
    const none = await clientWith(undefined).fetch('/notes/answer-only', { method: 'POST' });
    expect(await none.json()).toEqual({});
  });
});
