import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createE2eClient, type E2eClient } from '../../../src/client/index.js';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp } from './support/apps.js';
import { errorOf, postJson } from './support/raw.js';

@Encrypted()
@Controller('read')
class ReadController {
  @Get()
  read(@Query() query: object): object {
    return { query };
  }
  @Post()
  write(@Body() body: object): object {
    return { body };
  }
}

/** A reverse proxy that takes `/public/api` off the front of every path, as nginx' `proxy_pass http://app/;` does. */
function stripping(to: () => string): Server {
  return createServer((incoming, outgoing) => {
    const path = (incoming.url ?? '').replace(/^\/public\/api/, '');
    const passed = request(to() + path, { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    incoming.pipe(passed);
  });
}

onEachPlatform('Behind a reverse proxy that strips a prefix', (platform) => {
  const told = useApp(platform, { controllers: [ReadController], e2e: { publicPath: '/public/api' } });
  const untold = useApp(platform, { controllers: [ReadController] });
  const proxies = [stripping(() => told().url), stripping(() => untold().url)] as const;
  beforeAll(() => Promise.all(proxies.map((proxy) => new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done)))));
  afterAll(() => {
    for (const proxy of proxies) proxy.close().closeAllConnections();
  });
  const clientOf = (proxy: Server): E2eClient => {
    const { port } = proxy.address() as AddressInfo;
    return createE2eClient({ baseUrl: `http://127.0.0.1:${port}/public/api/`, keyKind: 'X25519' });
  };

  it('messages are bound to the path that the client used, with publicPath', async () => {
    const client = clientOf(proxies[0]);
    expect(await (await client.fetch('read?name=ada')).json()).toEqual({ query: { name: 'ada' } });
    expect(await (await client.fetch('read', postJson({ a: 1 }))).json()).toEqual({ body: { a: 1 } });
  });

  it('they are rejected without it, and the client’s error names the cause', async () => {
    const error = await errorOf(clientOf(proxies[1]).fetch('read'));
    expect(error).toMatchObject({ code: 'plain-answer', status: 400, problem: 'message-rejected' });
    expect(error.message).toContain('Does a proxy change its method, path, query or body?');
  });

  it('and not bound to the path behind it', async () => {
    const error = await errorOf(told().client().fetch('/read'));
    expect(error.problem).toBe('message-rejected');
  });
});
