import { expect, it } from '@jest/globals';
import { Controller, Get, Post } from '@nestjs/common';
import { Encrypted } from '../../../src/index.js';
import { useCounterpart, errorOf } from '../../unit/client/support/harness.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { expectPlainProblem } from '../e2e/support/raw.js';

let runs = 0;

@Encrypted()
@Controller('things')
class ThingController {
  @Get()
  get(): object {
    return { runs: ++runs };
  }
  @Post()
  post(): object {
    return { runs: ++runs };
  }
}

onEachPlatform('The head of a socket is no request over HTTP', (platform) => {
  const app = useApp(platform, { controllers: [ThingController] });

  it.each([
    ['in the header', 'GET', undefined],
    ['in a body of its own', 'POST', 'application/jose'],
    ['before frames', 'POST', 'application/vnd.e2e.stream'],
  ])('%s', async (_, method, type) => {
    const visitor = app().visitor();
    const channel = await visitor.handshake('X25519');
    runs = 0;
    const { jwe } = channel.message(method, '/things', undefined, { frames: 'socket' });
    const reply = await visitor.send({
      method,
      target: '/things',
      headers: type === undefined ? { 'E2e-Request': jwe } : { 'Content-Type': type },
      ...(type !== undefined && { body: type === 'application/jose' ? jwe : `${jwe}\n` }),
    });
    expectPlainProblem(reply, 'message-rejected');
    expect(runs).toBe(0);
  });
});

const setup = useCounterpart();

it.each(['application/jose', 'application/vnd.e2e.stream'])(
  'The head of a socket is no answer over HTTP: %s',
  async (type) => {
    for (const status of [101, 200]) {
      setup.server.interfere = (response, _arrival, seal) => {
        const head = seal({ status }, { frames: 'socket' });
        response.writeHead(200, { 'content-type': type }).end(type === 'application/jose' ? head : `${head}\n`);
        return true;
      };
      expect((await errorOf(setup.client().fetch('/x'))).code).toBe('answer-rejected');
    }
  },
);
