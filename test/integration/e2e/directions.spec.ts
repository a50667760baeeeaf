import { expect, it } from '@jest/globals';
import { Body, Controller, Get, Post, Put } from '@nestjs/common';
import { E2e, E2eRoutes, Encrypted, Plain, type ChannelFacts } from '../../../src/index.js';
import { json } from '../../external/conformance/channel.js';
import { onEachPlatform, useApp } from './support/apps.js';
import { CANARY, errorOf, expectPlainProblem, postJson } from './support/raw.js';

@Controller('mixed')
class MixedController {
  @Post('both')
  @Encrypted()
  both(@Body() body: unknown): unknown {
    return { body, from: 'both' };
  }
  @Post('answer-only')
  @Encrypted({ request: false })
  answerOnly(@Body() body: unknown): unknown {
    return { body, from: CANARY };
  }
  @Post('request-only')
  @Encrypted({ response: false })
  requestOnly(@Body() body: { text?: string }): unknown {
    return { length: body.text?.length, from: 'request-only' };
  }
  @Post('plain')
  plain(@Body() body: unknown): unknown {
    return { body, from: 'plain' };
  }
}

@Controller('sealed')
@Encrypted()
class SealedController {
  @Get('facts')
  facts(@E2e() facts: ChannelFacts): object {
    return { ...facts, isDate: facts.expiresAt instanceof Date };
  }
  @Get('open')
  @Plain()
  open(@E2e() facts: ChannelFacts | undefined): object {
    return { sealed: facts !== undefined };
  }
  @Put(['one', 'two/:id'])
  @Encrypted({ response: false })
  half(): object {
    return { half: true };
  }
}

@Controller('undecorated')
class UndecoratedController {
  @Get()
  read(): object {
    return { read: true };
  }
  @Get('health')
  @Plain()
  health(): object {
    return { ok: true };
  }
}

const controllers = [MixedController, SealedController, UndecoratedController];
const secret = { text: CANARY };

onEachPlatform('@Encrypted() on a method', (platform) => {
  const app = useApp(platform, { controllers });

  it('seals both directions, and refuses plain requests', async () => {
    app().tap.clear();
    const response = await app().client().fetch('/mixed/both', postJson(secret));
    expect(await response.json()).toEqual({ body: secret, from: 'both' });
    expect(app().tap.text).not.toContain(CANARY);
    const headers = { 'content-type': 'application/json' };
    const reply = await app().visitor().send({ method: 'POST', target: '/mixed/both', headers, body: '{}' });
    expectPlainProblem(reply, 'message-required');
  });

  it('{ request: false } takes a plain body beside E2e-Request, and seals the answer', async () => {
    app().tap.clear();
    const init = { ...postJson({ open: 'seen' }), e2e: { request: false } };
    const response = await app().client().fetch('/mixed/answer-only', init);
    expect(await response.json()).toEqual({ body: { open: 'seen' }, from: CANARY });
    expect(app().tap.text).toContain('{"open":"seen"}');
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('{ request: false } takes a sealed body as well, and refuses one that is plain alone', async () => {
    app().tap.clear();
    const response = await app().client().fetch('/mixed/answer-only', postJson(secret));
    expect(await response.json()).toEqual({ body: secret, from: CANARY });
    const headers = { 'content-type': 'application/json' };
    const reply = await app().visitor().send({ method: 'POST', target: '/mixed/answer-only', headers, body: '{}' });
    expectPlainProblem(reply, 'message-required');
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('{ response: false } answers in the clear, to a caller who named that call so', async () => {
    app().tap.clear();
    const init = { ...postJson(secret), e2e: { response: false } };
    const response = await app().client().fetch('/mixed/request-only', init);
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ length: CANARY.length, from: 'request-only' });
    expect(app().tap.text).toContain('"from":"request-only"');
    expect(app().tap.text).not.toContain(CANARY);
    expect(app().tap.text).not.toMatch(/etag: "sealed"/i);
    expect((await errorOf(app().client().fetch('/mixed/request-only', postJson(secret)))).code).toBe('plain-answer');
  });

  it('{ response: false } refuses plain requests, and a body beside E2e-Request', async () => {
    const visitor = app().visitor();
    const headers = { 'content-type': 'application/json' };
    const plain = { method: 'POST', target: '/mixed/request-only', headers, body: '{}' };
    expectPlainProblem(await visitor.send(plain), 'message-required');
    const channel = await visitor.handshake('X25519');
    const { jwe } = channel.message('POST', '/mixed/request-only');
    const beside = await visitor.send({ ...plain, headers: { ...headers, 'e2e-request': jwe } });
    expectPlainProblem(beside, 'message-rejected');
  });

  it('leaves routes without it as they were', async () => {
    const reply = await fetch(`${app().url}/mixed/plain`, postJson({ a: 1 }));
    expect(reply.status).toBe(201);
    expect(await reply.json()).toEqual({ body: { a: 1 }, from: 'plain' });
    expect(reply.headers.get('cache-control')).toBeNull();
  });

  it('leaves HEAD of a route without it as it was', async () => {
    expect((await fetch(`${app().url}/undecorated`, { method: 'HEAD' })).status).toBe(200);
  });
});

onEachPlatform('A sealed request', (platform) => {
  const app = useApp(platform, { controllers });

  it('to a route in the clear is opened, and answered sealed', async () => {
    app().tap.clear();
    const response = await app().client().fetch('/mixed/plain', postJson(secret));
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ body: secret, from: 'plain' });
    expect(await (await app().client().fetch('/sealed/open')).json()).toEqual({ sealed: true });
    expect(app().tap.text).not.toContain(CANARY);
  });

  it('to the module’s own routes is answered sealed as well', async () => {
    const response = await app().client().fetch('/e2e/identity');
    expect(await response.json()).toEqual({ keys: [] });
  });

  it('tells its handler of the channel: kid, kind, and when it ends', async () => {
    const client = app().client({ keyKind: 'P-256' });
    const { kid, kind, expiresAt } = await client.handshake();
    const facts: unknown = await (await client.fetch('/sealed/facts')).json();
    expect(facts).toEqual({ kid, kind, expiresAt: expiresAt.toISOString(), isDate: true });
    expect(kind).toBe('P-256');
  });
});

onEachPlatform('@Encrypted() on a class', (platform) => {
  const app = useApp(platform, { controllers, configure: (nest) => nest.setGlobalPrefix('api') });

  it('seals all its routes but those that are @Plain()', async () => {
    expectPlainProblem(await app().visitor().send({ target: '/api/sealed/facts' }), 'message-required');
    const open = await fetch(`${app().url}/api/sealed/open`);
    expect(await open.json()).toEqual({ sealed: false });
  });

  it('is listed, and logged, route by route with its directions', () => {
    const listed = app()
      .get(E2eRoutes)
      .list()
      .map(({ method, path, request, response, controller, handler }) =>
        [method, path, request, response, `${controller}.${handler}`].join(' '),
      );
    expect(listed).toEqual([
      'POST /api/mixed/both true true MixedController.both',
      'POST /api/mixed/answer-only false true MixedController.answerOnly',
      'POST /api/mixed/request-only true false MixedController.requestOnly',
      'GET /api/sealed/facts true true SealedController.facts',
      'PUT /api/sealed/one true false SealedController.half',
      'PUT /api/sealed/two/:id true false SealedController.half',
    ]);
    expect(app().log.ofModule.filter((line) => line.includes('Sealed'))).toEqual([
      'log Sealed {/api/mixed/both, POST}: request and response E2eModule',
      'log Sealed {/api/mixed/answer-only, POST}: response E2eModule',
      'log Sealed {/api/mixed/request-only, POST}: request E2eModule',
      'log Sealed {/api/sealed/facts, GET}: request and response E2eModule',
      'log Sealed {/api/sealed/one, PUT}: request E2eModule',
      'log Sealed {/api/sealed/two/:id, PUT}: request E2eModule',
    ]);
  });
});

onEachPlatform('encryptByDefault', (platform) => {
  const app = useApp(platform, { controllers, e2e: { encryptByDefault: true } });

  it('seals every route without a declaration', async () => {
    expectPlainProblem(await app().visitor().send({ target: '/undecorated' }), 'message-required');
    const channel = await app().visitor().handshake('X25519');
    expect((await channel.request('POST', '/mixed/plain', json([1]))).status).toBe(201);
  });

  it('does not change @Plain() routes, single directions and the handshake', async () => {
    expect(await (await fetch(`${app().url}/undecorated/health`)).json()).toEqual({ ok: true });
    expect((await fetch(`${app().url}/e2e/identity`)).status).toBe(200);
    const half = await app()
      .client()
      .fetch('/sealed/one', { method: 'PUT', e2e: { response: false } });
    expect(await half.json()).toEqual({ half: true });
  });
});

it('@Encrypted() with neither direction is refused where it is written', () => {
  expect(() => Encrypted({ request: false, response: false })).toThrow('use @Plain()');
});
