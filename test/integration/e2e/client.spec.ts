import { expect, it } from '@jest/globals';
import { Body, Controller, Get, Headers as Header, Post, Put, Req } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Encrypted, KeyService } from '../../../src/index.js';
import { padmeLength } from '../../../src/protocol/padding.js';
import { json } from '../../external/conformance/channel.js';
import { KINDS } from '../../external/conformance/peer.js';
import { letTimePass } from '../../support/clock.js';
import { onEachPlatform, useApp, type Setup, type TestApp } from './support/apps.js';
import { CANARY, errorOf, postJson } from './support/raw.js';

@Encrypted()
@Controller('client')
class ClientController {
  ran = 0;
  constructor(private readonly keys: KeyService) {}

  @Get()
  read(): object {
    return { run: ++this.ran };
  }
  @Post()
  write(@Body() body: unknown, @Header('content-type') type: string, @Header('idempotency-key') key?: string): object {
    this.ran++;
    const text = Buffer.isBuffer(body) ? body.toString('latin1') : body;
    return { body: text, type, key: key ?? null, isBuffer: Buffer.isBuffer(body) };
  }
  @Put('end')
  async end(@Req() request: object): Promise<object> {
    await this.keys.revoke(request);
    return { ended: true };
  }
  @Get('list')
  list(): string[] {
    return Array<string>(50).fill(CANARY);
  }
}
const controllers = [ClientController];

/** How long the sealed bodies were, on their way to the server and back. */
const sealedLengths = (app: TestApp): number[] =>
  [...app.tap.text.matchAll(/^eyJ[\w-]+\.\.[\w-]{16}\.([\w-]*)\.[\w-]{22}/gm)].map(([, ciphertext = '']) =>
    Math.floor((ciphertext.length * 3) / 4),
  );

/** Parsers for text and bytes, which neither platform has by itself. */
const configure: Setup['configure'] = (nest, platform) => {
  if (platform === 'express') {
    const express = nest as NestExpressApplication;
    express.useBodyParser('text').useBodyParser('raw', { type: ['application/octet-stream', 'text/csv'] });
  } else {
    (nest as NestFastifyApplication).useBodyParser(/^(?!application\/json|text\/plain|application\/x-www)/);
  }
};

onEachPlatform('The client', (platform) => {
  const app = useApp(platform, { controllers, configure });

  it.each<[string, () => RequestInit, string, unknown]>([
    ['a string', () => ({ body: 'héllo' }), 'text/plain;charset=UTF-8', 'héllo'],
    ['JSON', () => postJson({ a: [1] }), 'application/json', { a: [1] }],
    [
      'a form',
      () => ({ body: new URLSearchParams({ name: 'ü &=', x: '1' }) }),
      'application/x-www-form-urlencoded;charset=UTF-8',
      { name: 'ü &=', x: '1' },
    ],
    ['bytes', () => ({ body: Uint8Array.of(0, 65, 255) }), 'application/octet-stream', '\u0000A\u00ff'],
    ['a Blob', () => ({ body: new Blob(['a,b'], { type: 'text/csv' }) }), 'text/csv', 'a,b'],
  ])('sends %s as fetch does, and it arrives as it would in the clear', async (_, init, type, body) => {
    const response = await app()
      .client()
      .fetch('/client', { method: 'POST', ...init() });
    expect(await response.json()).toMatchObject({ type, body });
  });

  it('makes one handshake, however many calls come first', async () => {
    const client = app().client();
    app().tap.clear();
    const responses = await Promise.all(Array.from({ length: 20 }, () => client.fetch('/client')));
    expect(responses.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(app().tap.text.match(/POST \/e2e\/handshake/g)).toHaveLength(1);
  });

  it('binds the Idempotency-Key into the message: one that is changed on the way is rejected', async () => {
    const init = { ...postJson([1]), headers: { 'content-type': 'application/json', 'idempotency-key': 'one' } };
    const response = await app().client().fetch('/client', init);
    expect(await response.json()).toMatchObject({ key: 'one' });
    const changing = app().client({
      fetch: (input, { headers, ...rest } = {}) => {
        const changed = new Headers(headers);
        if (changed.has('idempotency-key')) changed.set('idempotency-key', 'two');
        return fetch(input, { ...rest, headers: changed });
      },
    });
    expect(await errorOf(changing.fetch('/client', init))).toMatchObject({ problem: 'message-rejected' });
  });

  it('sends again by itself what is safe to send again, once its channel has ended', async () => {
    const client = app().client();
    await client.fetch('/client/end', { method: 'PUT' });
    app().tap.clear();
    expect((await client.fetch('/client')).status).toBe(200);
    expect(app().tap.text).toContain('POST /e2e/handshake');

    const controller = app().get(ClientController);
    await client.fetch('/client/end', { method: 'PUT' });
    const { ran } = controller;
    expect(await errorOf(client.fetch('/client', postJson([1])))).toMatchObject({ problem: 'handshake-required' });
    expect(controller.ran).toBe(ran);
    expect((await client.fetch('/client', postJson([1]))).status).toBe(201);

    await client.fetch('/client/end', { method: 'PUT' });
    const init = { ...postJson([1]), e2e: { resend: true } };
    expect((await client.fetch('/client', init)).status).toBe(201);
    expect(controller.ran).toBe(ran + 2);
  });

  it('refuses an answer that anyone on the way wrote, a 2xx too', async () => {
    let isForged = false;
    const client = app().client({
      fetch: async (input, init) =>
        isForged
          ? new Response('{"admin":true}', { headers: { 'content-type': 'application/json' } })
          : fetch(input, init),
    });
    await client.handshake();
    isForged = true;
    expect(await errorOf(client.fetch('/client'))).toMatchObject({ code: 'plain-answer', status: 200 });
  });
});

onEachPlatform('A channel', (platform) => {
  const app = useApp(platform, { controllers, e2e: { channelTtl: 60 } });

  it('that has ended is replaced before the next message', async () => {
    const client = app().client();
    const visitor = app().visitor();
    await client.handshake();
    const channel = await visitor.handshake('X25519');
    const back = letTimePass(61);
    try {
      expect((await channel.post(channel.message('GET', '/client'))).status).toBe(428);
      app().tap.clear();
      expect((await client.fetch('/client')).status).toBe(200);
      expect(app().tap.text).not.toContain(' 428 ');
      expect(app().tap.text).toContain('POST /e2e/handshake');
    } finally {
      back();
    }
  });

  const forms = KINDS.flatMap((kind) => (['JWK', 'PEM'] as const).map((form) => [kind, form] as const));
  // A hybrid key has no PEM (PROTOCOL §1).
  it.each(forms.filter(([kind, form]) => form === 'JWK' || kind !== 'MLKEM768-X25519'))(
    'of kind %s comes from a key as %s',
    async (kind, form) => {
      const channel = await app()
        .visitor()
        .handshake(kind, { pem: form === 'PEM' });
      const sealed = await channel.request('POST', '/client', json({ kind }));
      expect(JSON.parse(sealed.text)).toMatchObject({ body: { kind } });
    },
  );
});

onEachPlatform('Padding at both ends', (platform) => {
  const app = useApp(platform, { controllers, e2e: { padding: true } });

  it('makes bodies of near lengths alike on the wire, and changes nothing else', async () => {
    const client = app().client({ padding: true });
    await client.handshake();
    const lengths = [];
    for (const size of [1000, 1005, 1010]) {
      app().tap.clear();
      const text = 'x'.repeat(size);
      const response = await client.fetch('/client', postJson([text]));
      expect(await response.json()).toMatchObject({ body: [text] });
      lengths.push(sealedLengths(app()));
    }
    expect(lengths[0]).toHaveLength(2);
    expect(new Set(lengths.map(String)).size).toBe(1);
    for (const length of lengths.flat()) expect(padmeLength(length)).toBe(length);
  });

  it('is off unless it is asked for', async () => {
    const client = app().client();
    await client.handshake();
    app().tap.clear();
    await client.fetch('/client', postJson(['x'.repeat(993)]));
    expect(sealedLengths(app())[0]).toBe(997);
  });
});
