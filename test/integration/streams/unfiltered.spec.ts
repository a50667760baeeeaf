import { expect, it } from '@jest/globals';
import { Controller, Get, HttpException, Res, UseFilters, type ArgumentsHost } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import type { ServerResponse } from 'node:http';
import { E2eInterceptor, Encrypted } from '../../../src/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { JoseClient } from '../e2e/support/jose-client.js';
import { AnswerReader, inShort } from './support/answer.js';

interface Reply extends ServerResponse {
  raw?: ServerResponse;
}

@Encrypted()
@Controller()
class FailingController {
  @Get('fails')
  fails(@Res() reply: Reply): never {
    (reply.raw ?? reply).write('first');
    throw new Error('failed');
  }
  @Get('refuses')
  refuses(@Res() reply: Reply): never {
    (reply.raw ?? reply).write('first');
    throw new HttpException('refused', 409);
  }
}

class Ignoring {
  catch(_: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<Reply>();
    (reply.raw ?? reply).end();
  }
}

@Controller()
class FilteredController {
  @Get('filtered')
  @UseFilters(Ignoring)
  filtered(): string {
    return '';
  }
}

onEachPlatform('An application without exception filters', (platform) => {
  const app = useApp(platform, {
    controllers: [FailingController],
    e2e: { keyPool: { size: 0 }, allowPlainJwe: true },
  });

  it('has no interceptor of ours, which would cost each request more than sealing does', () => {
    expect(app().get(ApplicationConfig).getGlobalInterceptors()).toEqual([]);
  });

  it.each(['/fails', '/refuses'])('ends no answer in frames as if it were whole where %s', async (path) => {
    const answer = await AnswerReader.ask(await app().visitor().handshake('X25519'), 'GET', path);
    expect(await answer.header()).toMatchObject({ status: 200, frames: 'body' });
    expect(inShort(await answer.rest())).toEqual(['0 first', '2', 'end']);
  });

  it.each([
    ['/fails', 500],
    ['/refuses', 409],
  ])('adds no error to what was collected of an answer: %s', async (path, status) => {
    const client = await JoseClient.shakeHands(app().url);
    const answer = await client.ask('GET', path);
    expect(answer).toMatchObject({ status });
    expect(JSON.parse(answer.text)).toMatchObject({ statusCode: status });
  });
});

onEachPlatform('An application with an exception filter on one route', (platform) => {
  const app = useApp(platform, { controllers: [FilteredController], e2e: { keyPool: { size: 0 } } });

  it('has one', () => {
    expect(app().get(ApplicationConfig).getGlobalInterceptors()).toEqual([expect.any(E2eInterceptor)]);
  });
});
