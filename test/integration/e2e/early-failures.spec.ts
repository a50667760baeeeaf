import { describe, expect, it } from '@jest/globals';
import { Body, Controller, Post } from '@nestjs/common';
import { request } from 'node:http';
import { Encrypted } from '../../../src/index.js';
import { json } from '../../external/conformance/channel.js';
import { onEachPlatform, useApp } from './support/apps.js';

@Encrypted()
@Controller()
class EchoController {
  runs = 0;
  @Post('echo')
  echo(@Body() body: unknown): unknown {
    this.runs++;
    return body;
  }
}

onEachPlatform('What fails before any route', (platform) => {
  const app = useApp(platform, { controllers: [EchoController] });

  it('is answered sealed where the request was: a path that does not decode', async () => {
    const channel = await app().visitor().handshake('X25519');
    for (const target of ['/%ff', '/echo/%E0%A4%A']) {
      expect((await channel.request('GET', target)).status).toBeGreaterThanOrEqual(400);
      expect((await channel.request('POST', target, json({}))).status).toBeGreaterThanOrEqual(400);
    }
  });
});

describe('What fails on Express before any route', () => {
  const app = useApp('express', { controllers: [EchoController] });

  it('is answered without a word where it is before any session: a plain body beside the message', async () => {
    const channel = await app().visitor().handshake('X25519');
    const message = channel.message('POST', '/echo');
    const outgoing = { at: 'header', headers: { 'Content-Type': 'application/json' }, body: '{bad' } as const;
    const { status, body } = await channel.post(message, outgoing);
    expect({ status, body }).toEqual({ status: 400, body: '' });
    expect(app().get(EchoController).runs).toBe(0);
  });
});

onEachPlatform('A message that comes byte by byte', (platform) => {
  const app = useApp(platform, { controllers: [EchoController] });

  it('is read as any other', async () => {
    const visitor = app().visitor();
    const channel = await visitor.handshake('X25519');
    const message = channel.message('POST', '/echo', json({ text: 'x'.repeat(6000) }));
    const { hostname, port } = new URL(visitor.base);
    const reply = await new Promise<{ status: number; body: string }>((resolve, reject) => {
      const headers = { 'content-type': 'application/jose', cookie: String(visitor.jar) };
      const outgoing = request({ hostname, port, method: 'POST', path: '/echo', headers }, (incoming) => {
        let body = '';
        incoming.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body }));
      });
      outgoing.on('error', reject);
      for (const character of message.jwe) outgoing.write(character);
      outgoing.end();
    });
    expect(reply.status).toBe(201);
    expect(reply.body.split('.')).toHaveLength(5);
  });
});
