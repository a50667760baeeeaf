import { expect, it } from '@jest/globals';
import fastifyHelmet from '@fastify/helmet';
import { Body, Controller, Get, Post } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import helmet from 'helmet';
import { Encrypted } from '../../../src/index.js';
import { e2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';

@Controller('notes')
class NoteController {
  @Post()
  @Encrypted()
  create(@Body() note: object): object {
    return note;
  }
  @Get('plain')
  plain(): object {
    return {};
  }
}

/** What helmet sets, and what nothing else does. */
const SET = ['content-security-policy', 'strict-transport-security', 'x-content-type-options', 'x-frame-options'];

onEachPlatform('helmet and @fastify/helmet', (platform) => {
  const app = useApp(platform, {
    controllers: [NoteController],
    configure: async (nest) => {
      if (platform === 'express') nest.use(helmet());
      else await (nest as NestFastifyApplication).register(fastifyHelmet);
    },
  });

  it('has its headers on sealed answers, on refusals, on handshakes and on plain answers', async () => {
    const agent = await e2eAgent(app().url);
    const sealed = await agent.post('/notes').send({ text: 'canary-7f3a91' }).expectSealed().expect(201);
    const headers = [
      new Headers(sealed.headers),
      (await fetch(`${app().url}/notes`, { method: 'POST' })).headers,
      (await fetch(`${app().url}/e2e/identity`)).headers,
      (await fetch(`${app().url}/notes/plain`)).headers,
    ];
    for (const each of headers) expect([...each.keys()]).toEqual(expect.arrayContaining(SET));
  });
});
