import { expect, it } from '@jest/globals';
import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { E2eEvents, Encrypted, type E2eEvent } from '../../../src/index.js';
import { json } from '../../external/conformance/channel.js';
import { onEachPlatform, TestApp } from './support/apps.js';

@Encrypted()
@Controller('echo')
class EchoController {
  @Post()
  @HttpCode(200)
  echo(@Body() body: unknown): unknown {
    return body;
  }
}

const controllers = [EchoController];

const NONE = { opened: 0, ended: 0, broken: 0 };

onEachPlatform('Events', (platform) => {
  it('report what happened, in order, without keys, bodies, paths and sessions', async () => {
    const events: E2eEvent[] = [];
    const app = await TestApp.start(platform, { controllers, e2e: { onEvent: (event) => events.push(event) } });
    try {
      const channel = await app.visitor().handshake('X25519');
      const message = channel.message('POST', '/echo', json({ word: 'canary' }));
      channel.open(await channel.post(message), message);
      channel.open(await channel.post(message), message);
      await app.visitor().send({ method: 'POST', target: '/echo' });

      const told = events.filter(({ type }) => type !== 'key-pool');
      expect(told).toEqual([
        { type: 'handshake', kind: 'X25519', ms: expect.any(Number) },
        { type: 'window', claim: 'new', ms: expect.any(Number) },
        { type: 'opened', kind: 'X25519', alg: 'dir', bytes: 17, ms: expect.any(Number) },
        { type: 'sealed', status: 200, bytes: 17, ms: expect.any(Number) },
        { type: 'window', claim: 'replayed', ms: expect.any(Number) },
        { type: 'refused', problem: 'message-replayed', step: 'window' },
        { type: 'sealed', status: 409, bytes: expect.any(Number), ms: expect.any(Number) },
        { type: 'refused', problem: 'message-required' },
      ]);
      expect(JSON.stringify(events)).not.toMatch(new RegExp(`canary|echo|${channel.kid}`));
      for (const event of told) if ('ms' in event) expect(event.ms).toBeGreaterThanOrEqual(0);
    } finally {
      await app.close();
    }
  });

  it('are counted, without any hook', async () => {
    const app = await TestApp.start(platform, { controllers });
    try {
      const channel = await app.visitor().handshake('RSA');
      for (let count = 0; count < 3; count++) await channel.request('POST', '/echo', json([count]));
      await channel.post({ ...channel.message('POST', '/echo', json([1])), jwe: 'a.b.c.d.e' });
      expect(app.get(E2eEvents).counters).toEqual({
        handshakes: 1,
        opened: 3,
        sealed: 3,
        streams: { request: NONE, response: NONE, socket: NONE },
        sockets: { open: 0, messages: 0, bytes: 0, causes: {} },
        refused: { 'message-rejected': 1 },
        windows: { new: 3 },
        keyPool: { ready: expect.any(Number), waiting: 0 },
      });
    } finally {
      await app.close();
    }
  });

  it('go on where the hook throws, which is said once', async () => {
    const onEvent = (): never => {
      throw new Error('the chart is full');
    };
    const app = await TestApp.start(platform, { controllers, e2e: { onEvent } });
    try {
      const channel = await app.visitor().handshake('X25519');
      expect((await channel.request('POST', '/echo', json([1]))).status).toBe(200);
      expect(app.log.ofModule.filter((line) => line.includes('"onEvent" threw'))).toHaveLength(1);
    } finally {
      await app.close();
    }
  });
});
