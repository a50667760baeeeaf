import { expect, it } from '@jest/globals';
import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { E2eProblem, KeyService } from '../../../src/index.js';
import { json } from '../../external/conformance/channel.js';
import { keyPair, KINDS } from '../../external/conformance/peer.js';
import { onEachPlatform, useApp } from './support/apps.js';

const BINDING = { method: 'SEND', target: '/own-transport', idem: undefined };

/** A transport of an application's own, beside the routes: messages inside plain JSON. */
@Controller('own')
class OwnTransport {
  constructor(private readonly keys: KeyService) {}

  @Post('handshake')
  async handshake(@Req() request: object, @Body('key') key: unknown): Promise<unknown> {
    return this.keys.createChannel(request, key).catch(nameOf);
  }
  @Post('message')
  @HttpCode(200)
  async message(@Req() request: object, @Body('message') message: string): Promise<object> {
    try {
      const opened = await this.keys.open(request, message, BINDING);
      const text = Buffer.from(opened.plaintext).toString();
      const plaintext = Buffer.from(JSON.stringify({ got: JSON.parse(text) as unknown, on: opened.channel.kid }));
      return { answer: this.keys.seal(opened, { status: 200, cty: 'application/json', plaintext }) };
    } catch (error) {
      return nameOf(error);
    }
  }
}

function nameOf(error: unknown): { problem: string } {
  if (error instanceof E2eProblem) return { problem: error.code };
  throw error;
}

onEachPlatform('KeyService, on a transport of the application’s own', (platform) => {
  const app = useApp(platform, { controllers: [OwnTransport] });

  it.each(KINDS)('opens a message, and seals its answer, on a channel of kind %s', async (kind) => {
    const channel = await app().visitor().handshake(kind);
    const sent = channel.message(BINDING.method, BINDING.target, json({ a: 1 }));
    const post = { method: 'POST', target: '/own/message', headers: { 'content-type': 'application/json' } };
    const ask = async (message: string): Promise<Record<string, string>> =>
      JSON.parse((await channel.visitor.send({ ...post, body: JSON.stringify({ message }) })).body) as never;

    const { answer = '' } = await ask(sent.jwe);
    const headers = { 'content-type': 'application/jose', 'cache-control': 'no-store, no-transform' };
    const opened = channel.open({ status: 200, headers, rawHeaders: [], body: answer }, sent);
    expect(JSON.parse(opened.text)).toEqual({ got: { a: 1 }, on: channel.kid });

    expect(await ask(sent.jwe)).toEqual({ problem: 'message-replayed' });
    expect(await ask(channel.message('SEND', '/elsewhere', json([1])).jwe)).toEqual({ problem: 'message-rejected' });
    const stale = channel.message(BINDING.method, BINDING.target, json([1]), { iat: 1 });
    expect(await ask(stale.jwe)).toEqual({ problem: 'message-stale' });
  });

  it('makes channels, and refuses keys as the handshake does', async () => {
    const visitor = app().visitor();
    const post = { method: 'POST', target: '/own/handshake', headers: { 'content-type': 'application/json' } };
    const { jwk } = await keyPair('P-256');
    const good = await visitor.send({ ...post, body: JSON.stringify({ key: jwk }) });
    expect(JSON.parse(good.body)).toMatchObject({ kid: expect.any(String), session: expect.any(String) });
    const bad = await visitor.send({ ...post, body: JSON.stringify({ key: { ...jwk, d: 'x' } }) });
    expect(JSON.parse(bad.body)).toEqual({ problem: 'key-rejected' });
  });
});
