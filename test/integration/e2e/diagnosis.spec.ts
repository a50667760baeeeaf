import { expect, it } from '@jest/globals';
import { Controller, Get, Post } from '@nestjs/common';
import { createE2eClient, type E2eClientOptions } from '../../../src/client/index.js';
import { Encrypted, type E2eEvent, type E2eOptions } from '../../../src/index.js';
import { onEachPlatform, TestApp } from './support/apps.js';

@Encrypted()
@Controller('find')
class FindController {
  @Get()
  find(): string[] {
    return ['a'];
  }

  @Post()
  add(): string[] {
    return ['b'];
  }
}

const controllers = [FindController];

onEachPlatform('Whoever looks for the cause', (platform) => {
  it.each<readonly [string, E2eOptions, E2eClientOptions]>([
    ['nobody keeps it', {}, { cookies: false }],
    // @fastify/session sends it all the same, and the client keeps it.
    ...(platform === 'express'
      ? [['it is Secure over HTTP', { session: { cookie: { secure: true } } }, {}] as const]
      : []),
    ['its domain is another one', { session: { cookie: { domain: 'example.org' } } }, {}],
  ])('finds the lost session cookie named at both ends: %s', async (_, options, own) => {
    const events: E2eEvent[] = [];
    const app = await TestApp.start(platform, {
      controllers,
      e2e: { ...options, onEvent: (event) => events.push(event) },
    });
    try {
      const client = createE2eClient({ baseUrl: app.url, keyKind: 'X25519', ...own });
      const error = await client.fetch('/find').catch((reason: unknown) => reason as Error);
      expect(error).toMatchObject({ code: 'plain-answer', problem: 'handshake-required' });
      expect((error as Error).message).toMatch(/cookie/);
      expect(app.log.text).toContain('without the session cookie "e2e.sid"');
      expect(app.log.text).not.toMatch(/damaged/);
      expect(events).toContainEqual({ type: 'refused', problem: 'handshake-required', step: 'cookie' });
    } finally {
      await app.close();
    }
  });

  it.each(['/e2e', '/find'])('reads that the path of the session cookie leaves something out: %s', async (path) => {
    const app = await TestApp.start(platform, { controllers, e2e: { session: { cookie: { path } } } });
    try {
      const error = await app
        .client()
        .fetch('/find')
        .catch((reason: unknown) => reason as Error);
      expect(error).toMatchObject({ problem: 'busy' });
      expect((error as Error).message).toMatch(/Path of the session cookie \("e2e\.sid"/);
      expect(app.log.text).toMatch(/has no session.*Path of the session cookie \("e2e\.sid"/);
    } finally {
      await app.close();
    }
  });

  it('reads at which step a message was rejected, in the debug log and in the event, and not in the answer', async () => {
    const events: E2eEvent[] = [];
    const app = await TestApp.start(platform, { controllers, e2e: { onEvent: (event) => events.push(event) } });
    try {
      const channel = await app.visitor().handshake('X25519');
      const jwe = channel.message('POST', '/find').jwe;
      const replies = [];
      for (const [step, target, body] of [
        ['binding', '/find?x=1', jwe],
        ['format', '/find', jwe.slice(1)],
        ['decryption', '/find', jwe.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'))],
        ['placement', '/find?e2e-query=1', jwe],
      ] as const) {
        events.length = 0;
        const headers = { 'content-type': 'application/jose' };
        replies.push(await channel.visitor.send({ method: 'POST', target, headers, body }));
        expect(events).toContainEqual({ type: 'refused', problem: 'message-rejected', step });
        expect(app.log.text).toContain(`message-rejected, at the step "${step}"`);
      }
      expect(new Set(replies.map(({ body }) => body)).size).toBe(1);
    } finally {
      await app.close();
    }
  });
});
