import { describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, HttpCode, Post, Query, Redirect, Req } from '@nestjs/common';
import { E2e, Encrypted, type ChannelFacts } from '../../../src/index.js';
import { onEachPlatform, TestApp, useApp } from '../../integration/e2e/support/apps.js';
import { nodeEngine } from '../../../src/crypto/node.js';
import { generateKeyPairSync } from 'node:crypto';
import { errorOf } from './support/harness.js';

@Encrypted()
@Controller()
class RoutesController {
  @Get('search')
  search(@Query() query: unknown): unknown {
    return { query };
  }

  @Post('echo')
  echo(@Body() body: unknown, @E2e() channel: ChannelFacts): unknown {
    return { body, kind: channel.kind };
  }

  @Post('go')
  @Redirect('/search?name=ada', 303)
  go(): void {
    // the decorator says it all
  }

  @Post('none')
  @HttpCode(204)
  none(): void {
    // answers nothing
  }

  @Post('open-request')
  @Encrypted({ request: false })
  openRequest(@Body() body: unknown, @Query('dir') dir: string): unknown {
    return { body, dir };
  }

  @Post('open-answer')
  @Encrypted({ response: false })
  openAnswer(@Body() body: unknown, @Req() request: { headers: Record<string, unknown> }): unknown {
    return { body, type: request.headers['content-type'] };
  }
}

const json = (body: unknown) => ({
  method: 'POST',
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});

onEachPlatform('the client with the real server', (platform) => {
  const identity = generateKeyPairSync('ed25519').privateKey;
  const identityKey = identity.export({ type: 'pkcs8', format: 'pem' }) as string;
  const app = useApp(platform, { controllers: [RoutesController], e2e: { identityKey } });

  it.each(['RSA', 'P-256', 'X25519'] as const)('talks on a channel of kind %s', async (keyKind) => {
    const identityKeys = [nodeEngine.importSigningKey(identity).publicKey];
    const response = await app()
      .client({ keyKind, identityKeys })
      .fetch('/echo', json({ a: ['é', null] }));
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ body: { a: ['é', null] }, kind: keyKind });
  });

  it('refuses a server without the pinned identity', async () => {
    const { publicKey } = nodeEngine.importSigningKey(generateKeyPairSync('ed25519').privateKey);
    const error = await errorOf(
      app()
        .client({ identityKeys: [publicKey] })
        .fetch('/search'),
    );
    expect(error.code).toBe('identity-rejected');
  });

  it('hands a hidden query to @Query()', async () => {
    const response = await app().client().fetch('/search?name=ad%20a&x=1');
    expect(await response.json()).toEqual({ query: { name: 'ad a', x: '1' } });
  });

  it('follows a redirect, sealed anew', async () => {
    const response = await app().client().fetch('/go', json({}));
    expect(await response.json()).toEqual({ query: { name: 'ada' } });
    expect([response.redirected, response.url]).toEqual([true, `${app().url}/search?name=ada`]);
  });

  it('gives a 204 without a body, and a 404 with one', async () => {
    const client = app().client();
    const none = await client.fetch('/none', json({}));
    expect([none.status, none.body]).toEqual([204, null]);
    const missing = await client.fetch('/nowhere');
    expect([missing.status, await missing.json()]).toMatchObject([404, { statusCode: 404 }]);
  });

  it('sends a body in the clear, and takes an answer in the clear, where the call says so', async () => {
    const client = app().client();
    const sent = await client.fetch('/open-request?dir=a', { ...json({ b: 1 }), e2e: { request: false } });
    expect(await sent.json()).toEqual({ body: { b: 1 }, dir: 'a' });
    const got = await client.fetch('/open-answer', { ...json({ c: 1 }), e2e: { response: false } });
    expect(await got.json()).toEqual({ body: { c: 1 }, type: 'application/json' });
    expect(await errorOf(client.fetch('/open-answer', json({ c: 1 })))).toMatchObject({
      code: 'plain-answer',
      status: 201,
    });
  });

  it('makes fifty calls at once on one channel', async () => {
    const client = app().client();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => client.fetch('/echo', json({ n }))));
    const bodies = (await Promise.all(answers.map((answer) => answer.json()))) as { body: { n: number } }[];
    expect(bodies.map(({ body }) => body.n)).toEqual(Array.from({ length: 50 }, (_, n) => n));
  });
});

describe('a server that forgot everything', () => {
  it('gets a GET once more by itself, and a POST when it is called again', async () => {
    const setup = { controllers: [RoutesController] };
    const servers = [await TestApp.start('express', setup), await TestApp.start('express', setup)];
    try {
      let now = 0;
      const client = servers[0]!.client({
        fetch: (input, init) => fetch((input as string).replace(servers[0]!.url, servers[now]!.url), init),
      });
      expect((await client.fetch('/search')).status).toBe(200);
      now = 1;
      expect((await client.fetch('/search?again=1')).status).toBe(200);
      now = 0;
      expect((await errorOf(client.fetch('/echo', json({})))).problem).toBe('handshake-required');
      expect((await client.fetch('/echo', json({}))).status).toBe(201);
    } finally {
      for (const server of servers) await server.close();
    }
  });
});
