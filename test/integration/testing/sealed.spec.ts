import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Body, Controller, Get, Headers, HttpCode, Post, Query, Res, UnauthorizedException } from '@nestjs/common';
import { Encrypted, Plain } from '../../../src/index.js';
import { e2eAgent, expectSealed, E2eExpectationError, type E2eAgent } from '../../../src/testing/index.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';

const CANARY = 'canary 7f3a91é';
const runs: string[] = [];

interface Reply {
  header(name: string, value: string): unknown;
  send(body: unknown): unknown;
}

@Controller('sealed')
@Encrypted()
class SealedController {
  @Post()
  create(@Body() body: object) {
    runs.push('create');
    return { id: 'secret-answer-1', body };
  }

  @Get()
  list(@Query('search') search?: string) {
    return [{ search }];
  }

  @Post('none')
  @HttpCode(204)
  none() {
    return undefined;
  }

  @Post('refused')
  refuse() {
    throw new UnauthorizedException('not you, secret-answer-1');
  }

  @Post('header')
  tell(@Res() response: Reply) {
    response.header('x-debug', 'id=secret-answer-1');
    response.send({ items: [{ id: 'secret-answer-1' }] });
  }

  @Post('echo')
  echo(@Body() { title }: { title: string }, @Res() response: Reply) {
    response.header('x-title', Buffer.from(`: ${title}`).toString('base64'));
    response.send({ ok: true });
  }

  @Get('named')
  named(@Headers('x-name') name: string) {
    return { name };
  }
}

@Controller('other')
class OtherController {
  @Post('plain')
  @Plain()
  plain(@Body() body: object) {
    runs.push('plain');
    return body;
  }

  @Post('half')
  @Encrypted({ request: false })
  half(@Body() body: object) {
    return body;
  }

  @Post('otherhalf')
  @Encrypted({ response: false })
  otherHalf(@Body() body: object) {
    return body;
  }
}

onEachPlatform('expectSealed', (platform) => {
  const app = useApp(platform, { controllers: [SealedController, OtherController] });
  let agent: E2eAgent;
  beforeAll(async () => (agent = await e2eAgent(app().nest)));
  afterAll(() => agent.close());

  const message = async (method: string, path: string, body?: object): Promise<string> => {
    const error: unknown = await expectSealed(agent, { method, path, body }).then(
      () => new Error('it went through'),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(E2eExpectationError);
    expect((error as Error).stack).toContain('sealed.spec.ts');
    return (error as Error).message;
  };

  it('is content with a sealed route, and runs its handler once', async () => {
    runs.length = 0;
    const body = { title: CANARY, deep: [{ pin: 123456 }] };
    const answer = await expectSealed(app().nest, { method: 'post', path: '/sealed', body });
    expect(answer).toMatchObject({ status: 201, body: { id: 'secret-answer-1', body } });
    expect(runs).toEqual(['create']);
  });

  it('is content with sealed queries, refusals, and answers without a body', async () => {
    await expectSealed(agent, { method: 'GET', path: '/sealed', query: { search: CANARY } });
    await agent
      .get('/sealed')
      .query({ search: CANARY })
      .expectSealed()
      .expect(200, [{ search: CANARY }]);
    await agent.post('/sealed/none').send({ title: CANARY }).expectSealed().expect(204);
    await agent.post('/sealed/refused').send({ title: CANARY }).expectSealed().expect(401);
  });

  it('reports a route that is not sealed, or is only in one direction, or is not there', async () => {
    const body = { title: CANARY };
    expect(await message('POST', '/other/plain', body)).toMatch(
      /^POST \/other\/plain is not sealed: the plain request was answered with status 201, .*@Encrypted\(\)\?/,
    );
    expect(await message('POST', '/other/half', body)).toMatch(
      /^POST \/other\/half is not sealed: it takes a plain body/,
    );
    expect(await message('POST', '/other/otherhalf', body)).toMatch(
      /is not sealed: its response, status 201, came in the clear/,
    );
    expect(await message('GET', '/nothing?a=b')).toMatch(
      /^GET \/nothing is not sealed: .* status 404, .*Does the route exist/,
    );
  });

  it('names the members that leak, and where, without their values', async () => {
    const header = await message('POST', '/sealed/header', { title: CANARY });
    expect(header).toBe(
      'POST /sealed/header leaks:\n  the response member "items[0].id" can be read in the response\'s header x-debug',
    );
    const encoded = await message('POST', '/sealed/echo', { title: CANARY });
    expect(encoded).toContain('the body member "title" can be read in the response\'s header x-title');
    expect(header + encoded).not.toMatch(/secret-answer|7f3a91/);
  });

  it('reports values that the test itself puts in the clear', async () => {
    const call = { method: 'POST', path: '/sealed', headers: { 'x-name': 'name-in-the-clear' } };
    await expect(expectSealed(agent, { ...call, body: { name: 'name-in-the-clear' } })).rejects.toThrow(
      /the body member "name" can be read in the request's header x-name/,
    );
    const open = await e2eAgent(app().nest, { sealQuery: false });
    await expect(expectSealed(open, { method: 'POST', path: '/sealed?q=query-in-the-clear' })).rejects.toThrow(
      /the query member "q" can be read in the request's URL/,
    );
    await open.close();
  });

  it('still fails for an expectation of its own', async () => {
    await expect(agent.post('/sealed').send({}).expectSealed().expect(404)).rejects.toThrow(
      /expected status 404, got 201/,
    );
  });
});
