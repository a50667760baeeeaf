import { expect, it } from '@jest/globals';
import { Body, Controller, Get, Injectable, Post, Query, type NestMiddleware } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Encrypted } from '../../../src/index.js';
import { e2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform, TestApp } from '../e2e/support/apps.js';
import { CANARY } from '../e2e/support/raw.js';

@Controller('notes')
@Encrypted()
class NoteController {
  @Post()
  create(@Body() body: object): object {
    return { created: body };
  }
  @Get()
  find(@Query('text') text: string): object {
    return { found: text };
  }
}

@Controller('plain')
class PlainController {
  @Post()
  create(@Body() body: object): object {
    return { created: body };
  }
}

interface Seen {
  readonly url: string;
  readonly type: string | undefined;
  readonly body: string;
  answer?: string;
}
const seen: Seen[] = [];

/** Sees what a middleware can see: of the request, and of what is written as its answer. */
@Injectable()
class WatchingMiddleware implements NestMiddleware {
  use(
    request: IncomingMessage & { body?: unknown; originalUrl?: string },
    response: ServerResponse,
    next: () => void,
  ): void {
    const body = Buffer.isBuffer(request.body) ? request.body.toString() : JSON.stringify(request.body ?? '');
    const each: Seen = { url: request.originalUrl ?? request.url ?? '', type: request.headers['content-type'], body };
    seen.push(each);
    const end = response.end.bind(response);
    response.end = ((chunk: unknown, ...rest: never[]) => {
      each.answer = String(chunk);
      return end(chunk, ...rest);
    }) as typeof response.end;
    next();
  }
}

/** Answers by itself. */
@Injectable()
class ClosedMiddleware implements NestMiddleware {
  use(_: IncomingMessage, response: ServerResponse): void {
    response.statusCode = 503;
    response.end('closed for today');
  }
}

onEachPlatform('A middleware of consumer.apply().forRoutes()', (platform) => {
  it('sees the ciphertext of sealed routes, both ways, and the plain text of the others', async () => {
    const app = await TestApp.start(platform, {
      controllers: [NoteController, PlainController],
      middleware: (consumer) => consumer.apply(WatchingMiddleware).forRoutes(NoteController, PlainController),
    });
    const agent = await e2eAgent(app.nest);
    seen.length = 0;
    try {
      await agent
        .post('/notes')
        .send({ text: CANARY })
        .expect(201, { created: { text: CANARY } });
      await agent.get('/notes').query({ text: CANARY }).expect(200, { found: CANARY });
      await fetch(`${agent.url}/plain`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text: CANARY }),
      });

      const [post, get, plain] = seen;
      expect(seen).toHaveLength(3);
      expect(post).toMatchObject({ url: '/notes', type: 'application/jose' });
      expect(get).toMatchObject({ url: '/notes', type: undefined });
      for (const { url, body, answer } of [post!, get!]) {
        expect([url, body, answer].join()).not.toContain(CANARY);
        expect(answer).toMatch(/^[\w-]+\.[\w-]*\.[\w-]+\.[\w-]+\.[\w-]+$/);
      }
      expect(plain).toMatchObject({ url: '/plain', type: 'application/json' });
      expect(plain!.answer).toContain(CANARY);
    } finally {
      await agent.close();
      await app.close();
    }
  });

  it('that answers by itself is answered sealed on Express; on Fastify it runs before any session, and its status leaves alone', async () => {
    const app = await TestApp.start(platform, {
      controllers: [NoteController],
      middleware: (consumer) => consumer.apply(ClosedMiddleware).forRoutes(NoteController),
    });
    const client = app.client();
    app.tap.clear();
    if (platform === 'express') {
      const response = await client.fetch('/notes');
      expect([response.status, await response.text()]).toEqual([503, 'closed for today']);
    } else {
      await expect(client.fetch('/notes')).rejects.toMatchObject({ code: 'plain-answer', status: 503 });
    }
    expect(app.tap.text).not.toContain('closed for today');
    await app.close();
  });
});
