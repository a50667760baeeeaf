import { expect, it } from '@jest/globals';
import { Controller, Get, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { AnswerReader } from './support/answer.js';

const WRITES = ['\n', 'data: one\n\n', 'data: in ', 'pieces\n', '\n', `${':'.repeat(126)}\n`, `${':'.repeat(127)}\n`];

@Encrypted()
@Controller()
class PaddedController {
  @Get('events')
  events(@Res() reply: ServerResponse & { raw?: ServerResponse; hijack?(): void }): void {
    reply.hijack?.();
    const response = reply.raw ?? reply;
    response.setHeader('Content-Type', 'text/event-stream');
    for (const write of WRITES) response.write(write);
    response.end();
  }
  @Get('json')
  json(): object {
    return { text: 'x'.repeat(100_000) };
  }
}

onEachPlatform('With padding', (platform) => {
  const app = useApp(platform, { controllers: [PaddedController], e2e: { padding: true } });

  it('writes of events are filled to multiples of 128 bytes by comment lines, where they are whole lines', async () => {
    const answer = await AnswerReader.ask(await app().visitor().handshake('X25519'), 'GET', '/events');
    const frames = (await answer.rest()).filter((each) => typeof each !== 'string');
    const texts = frames.map(({ plaintext }) => plaintext.toString());
    // The fourth ends a line that the third began, and the fifth follows on a whole line.
    expect(texts.map(({ length }) => length)).toEqual([128, 128, 9, 7, 128, 256, 128, 0]);
    // What is filled in are comment lines, which parsers of events ignore.
    texts.slice(0, -1).forEach((text, index) => {
      expect(text.slice(WRITES[index]!.length)).toMatch(/^(: *\n)?$/);
      expect(text.startsWith(WRITES[index]!)).toBe(true);
    });
  });

  it('long JSON stays in one message', async () => {
    const channel = await app().visitor().handshake('X25519');
    const { wire, text } = await channel.request('GET', '/json');
    expect(wire.headers['content-type']).toBe('application/jose');
    expect(text.trimEnd()).toBe(JSON.stringify({ text: 'x'.repeat(100_000) }));
    expect(text.length).toBeGreaterThan(100_011);
  });
});
