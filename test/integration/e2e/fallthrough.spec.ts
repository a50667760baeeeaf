import { describe, expect, it } from '@jest/globals';
import { All, Controller, Get, Next, Post } from '@nestjs/common';
import { Encrypted } from '../../../src/index.js';
import { json } from '../../external/conformance/channel.js';
import { onEachPlatform, useApp } from './support/apps.js';
import { CANARY, errorOf, expectPlainProblem } from './support/raw.js';

/** Stands before other routes and lets requests through, as `@Next()` allows on Express. */
@Controller('passed')
class PassingController {
  @All('plain/*path')
  plain(@Next() next: () => void): void {
    next();
  }
  @All('request-only/*path')
  @Encrypted({ response: false })
  requestOnly(@Next() next: () => void): void {
    next();
  }
  @All('answer-only/*path')
  @Encrypted({ request: false })
  answerOnly(@Next() next: () => void): void {
    next();
  }
}

@Encrypted()
@Controller('passed')
class SealedController {
  static ran = 0;
  @Get(['plain/secret', 'request-only/secret'])
  secret(): object {
    SealedController.ran++;
    return { text: CANARY };
  }
  @Post('answer-only/secret')
  write(): object {
    SealedController.ran++;
    return { text: CANARY };
  }
}

class Base {
  @Get('inherited')
  inherited(): object {
    return { text: CANARY };
  }
}
@Encrypted()
class SealedBase extends Base {
  @Post('own')
  own(): object {
    return { text: CANARY };
  }
}
@Controller('heir')
class HeirController extends SealedBase {
  override own(): object {
    return super.own();
  }
}

// Fastify has no next: there a request is one route's alone.
describe('On Express, where a route may let a request through to another', () => {
  const app = useApp('express', { controllers: [PassingController, SealedController] });

  it('a plain request that another route lets through to a sealed one is refused there', async () => {
    const before = SealedController.ran;
    app().tap.clear();
    expectPlainProblem(await app().visitor().send({ target: '/passed/plain/secret' }), 'message-required');
    expectPlainProblem(await app().visitor().send({ target: '/passed/request-only/secret' }), 'message-required');
    const head = await app().visitor().send({ method: 'HEAD', target: '/passed/plain/secret' });
    expect(head.status).toBe(405);
    expect(app().tap.text).not.toContain(CANARY);
    expect(SealedController.ran).toBe(before);
  });

  it('a sealed request that another route lets through is answered sealed', async () => {
    app().tap.clear();
    const response = await app().client().fetch('/passed/plain/secret');
    expect(await response.json()).toEqual({ text: CANARY });
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('an answer is sealed where the first route would give it in the clear, and the second not', async () => {
    app().tap.clear();
    const init = { e2e: { response: false } };
    const response = await app().client().fetch('/passed/request-only/secret', init);
    expect(await response.json()).toEqual({ text: CANARY });
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('a plain body beside E2e-Request goes no further than the route that takes it', async () => {
    const before = SealedController.ran;
    const channel = await app().visitor().handshake('X25519');
    const message = channel.message('POST', '/passed/answer-only/secret');
    const reply = await channel.post(message, {
      at: 'header',
      body: '{"plain":true}',
      headers: { 'content-type': 'application/json' },
    });
    const sealed = channel.open(reply, message);
    expect(sealed.status).toBe(400);
    expect(JSON.parse(sealed.text)).toMatchObject({ type: 'urn:e2e:problem:message-rejected' });
    expect(SealedController.ran).toBe(before);
  });
});

onEachPlatform('@Encrypted() on a base class', (platform) => {
  const app = useApp(platform, { controllers: [HeirController] });

  it('seals what its heirs inherit', async () => {
    expectPlainProblem(await app().visitor().send({ target: '/heir/inherited' }), 'message-required');
    const response = await app().client().fetch('/heir/inherited');
    expect(await response.json()).toEqual({ text: CANARY });
  });
});

onEachPlatform('Where no route is', (platform) => {
  const app = useApp(platform, { controllers: [SealedController] });

  it('a sealed body that is not JSON is still an error', async () => {
    const channel = await app().visitor().handshake('X25519');
    const broken = await channel.request('POST', '/nowhere', { text: '{"a":', cty: 'application/json' });
    expect([400, 404]).toContain(broken.status);
    const whole = await channel.request('POST', '/nowhere', json({ a: 1 }));
    expect(whole.status).toBe(404);
  });

  it('a replay is a sealed 409, and a stranger’s message in the clear', async () => {
    const channel = await app().visitor().handshake('X25519');
    const message = channel.message('POST', '/nowhere', json([1]));
    await channel.post(message);
    expect(channel.open(await channel.post(message), message).status).toBe(409);
    const headers = { 'content-type': 'application/jose' };
    const reply = await channel.visitor.send({ method: 'POST', target: '/nowhere', headers, body: 'x' });
    expectPlainProblem(reply, 'message-rejected');
    expect((await fetch(`${app().url}/nowhere`)).status).toBe(404);
    expect((await errorOf(app().client({ path: 'nowhere' }).handshake())).status).toBe(404);
  });
});
