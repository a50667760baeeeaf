import { expect, it } from '@jest/globals';
import { Catch, Controller, Get, Post, type ArgumentsHost } from '@nestjs/common';
import { APP_FILTER, BaseExceptionFilter } from '@nestjs/core';
import { E2eException, Encrypted } from '../../../src/index.js';
import { json } from '../../external/conformance/channel.js';
import { onEachPlatform, useApp } from './support/apps.js';

const heard: (string | undefined)[][] = [];

/** As docs/observability.md shows it, with a list in place of the log. */
@Catch(E2eException)
class RefusalFilter extends BaseExceptionFilter {
  override catch(exception: E2eException, host: ArgumentsHost): void {
    const { ip, method } = host.switchToHttp().getRequest<{ ip: string; method: string }>();
    const { code, step } = exception.problem;
    heard.push([code, step, method, /127\.0\.0\.1$/.exec(ip)?.[0]]);
    super.catch(exception, host);
  }
}

@Encrypted()
@Controller('notes')
class NoteController {
  @Get()
  list(): object {
    return [];
  }
  @Post()
  create(): object {
    return { id: 1 };
  }
}

onEachPlatform('A filter that catches E2eException', (platform) => {
  const app = useApp(platform, {
    controllers: [NoteController],
    providers: [{ provide: APP_FILTER, useClass: RefusalFilter }],
  });

  it('hears of each refusal of a route and of a handshake, and the response is the problem', async () => {
    heard.length = 0;
    const visitor = app().visitor();
    const headers = { 'content-type': 'application/json' };
    const plain = await visitor.send({ method: 'POST', target: '/notes', headers, body: '{}' });
    expect([plain.status, plain.body]).toEqual([415, expect.stringContaining('message-required')]);
    const target = '/e2e/handshake';
    const handshake = await visitor.send({ method: 'POST', target, headers, body: '{"publicKey":{}}' });
    expect([handshake.status, handshake.body]).toEqual([422, expect.stringContaining('key-rejected')]);
    const channel = await visitor.handshake('X25519');
    const stale = await channel.request('POST', '/notes', json({}), { members: { iat: 1 } });
    expect([stale.status, stale.text]).toEqual([400, expect.stringContaining('message-stale')]);
    expect(heard).toEqual([
      ['message-required', undefined, 'POST', '127.0.0.1'],
      ['key-rejected', undefined, 'POST', '127.0.0.1'],
      ['message-stale', 'time', 'POST', '127.0.0.1'],
    ]);
  });
});
