import type { Server } from 'node:http';
import { expect, it, describe, beforeAll, afterAll, afterEach } from '@jest/globals';
import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Put, Query, Redirect, Req } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { ForbiddenException, Header, Headers, Module, Options } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { E2eModule, Encrypted } from '../../../src/index.js';
import { E2eClientError } from '../../../src/client/index.js';
import { e2eAgent, E2eExpectationError, type E2eAgent, type TestResponse } from '../../../src/testing/index.js';
import { onEachPlatform, type PlatformName } from '../e2e/support/apps.js';
import { takeEverything } from './support/parsers.js';

@Controller('notes')
@Encrypted()
class NoteController {
  @Post()
  create(
    @Body() body: unknown,
    @Query() query: object,
    @Headers('x-a') a?: string,
    @Headers('authorization') b?: string,
  ) {
    return { body, query, a, b };
  }

  @Get(':id')
  @Header('x-seen', 'yes')
  read(@Param('id') id: string, @Query('full') full?: string) {
    return { id, full };
  }

  @Put(':id')
  replace(@Body() body: object) {
    return { replaced: body };
  }

  @Patch(':id')
  change(@Body() body: object) {
    return { changed: body };
  }

  @Delete(':id')
  @HttpCode(204)
  remove() {
    return undefined;
  }

  @Options('what')
  what() {
    return ['GET'];
  }

  @Post('moved')
  @Redirect('/notes/7', 303)
  move() {
    return undefined;
  }

  @Post('visits')
  visit(@Req() request: { session: { visits?: number } }) {
    request.session.visits = (request.session.visits ?? 0) + 1;
    return { visits: request.session.visits };
  }

  @Post('forbidden')
  forbid() {
    throw new ForbiddenException('not you');
  }
}

@Module({ imports: [E2eModule.forRoot({ keyPool: { size: 0 } })], controllers: [NoteController] })
class AppModule {}

async function create(platform: PlatformName): Promise<INestApplication> {
  const testing = await Test.createTestingModule({ imports: [AppModule] }).compile();
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its options as a class, and takes literals
  const app = testing.createNestApplication(adapter as ExpressAdapter, { logger: false });
  takeEverything(app, platform);
  return app;
}

/** What a failing call ends in, and the line of this file at which its stack begins. */
async function failure(call: PromiseLike<unknown>): Promise<{ error: Error; line: string }> {
  const error = await call.then(
    () => new Error('the call went through'),
    (reason: unknown) => reason as Error,
  );
  const frame = /\n\s+at (.*)/.exec(
    error.stack!.slice(error.stack!.indexOf(error.message) + error.message.length),
  )![1]!;
  return { error, line: frame };
}

onEachPlatform('the testing agent', (platform) => {
  let app: INestApplication;
  let agent: E2eAgent;

  beforeAll(async () => {
    app = await create(platform);
    agent = await e2eAgent(app);
  });
  afterAll(async () => {
    await agent.close();
    await app.close();
  });

  it('calls a sealed route as supertest would a plain one', async () => {
    const seen: TestResponse[] = [];
    const answer = await agent
      .post('/notes?a=1')
      .set('x-a', 'b')
      .auth('token', { type: 'bearer' })
      .query({ b: ['2', '3'], none: undefined })
      .send({ title: 'Hello' })
      .send({ more: true })
      .expect(201)
      .expect('content-type', /json/)
      .expect((each) => seen.push(each));
    const body = { body: { title: 'Hello', more: true }, query: { a: '1', b: ['2', '3'] }, a: 'b', b: 'Bearer token' };
    expect(answer).toMatchObject({ status: 201, ok: true, type: 'application/json', body });
    expect(JSON.parse(answer.text)).toEqual(body);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(answer.get('Content-Type')).toBe(answer.headers['content-type']);
    expect(seen).toEqual([answer]);
  });

  it('has every method', async () => {
    await agent.get('/notes/7').query('full=yes').expect(200, { id: '7', full: 'yes' }).expect('X-Seen', 'yes');
    await agent
      .put('/notes/7')
      .send({ a: 1 })
      .expect(200, { replaced: { a: 1 } });
    await agent
      .patch('/notes/7')
      .send([1])
      .expect(200)
      .expect({ changed: [1] });
    await agent.delete('/notes/7').expect(204).expect('');
    await agent.options('/notes/what').expect(200, ['GET']);
    await agent.call('get', '/notes/8').expect(200, /"id":"8"/);
  });

  it('sends texts, forms and bytes', async () => {
    const body = async (call: PromiseLike<TestResponse>): Promise<unknown> => (await call).body.body;
    expect(await body(agent.post('/notes').send('a=1&b=2'))).toEqual({ a: '1', b: '2' });
    expect(await body(agent.post('/notes').type('form').send({ a: 1 }))).toEqual({ a: '1' });
    expect(await body(agent.post('/notes').type('json').send('[1]'))).toEqual([1]);
    expect(await body(agent.post('/notes').type('text').send('hello'))).toBe('hello');
    expect(await body(agent.post('/notes').send(Buffer.from('hello')))).toEqual({
      type: 'Buffer',
      data: [...Buffer.from('hello')],
    });
  });

  it('keeps the session from call to call, each agent its own', async () => {
    await agent.post('/notes/visits').expect(201, { visits: 1 });
    await agent.post('/notes/visits').expect(201, { visits: 2 });
    const other = await e2eAgent(app, { keyKind: 'P-256' });
    expect(await other.handshake()).toMatchObject({ kind: 'P-256' });
    await other.post('/notes/visits').expect(201, { visits: 1 });
    expect((await other.handshake()).session).not.toBe((await agent.handshake()).session);
    await other.close();
  });

  it('gives redirects as answers, or follows them', async () => {
    await agent.post('/notes/moved').expect(303).expect('location', '/notes/7');
    await agent.post('/notes/moved').redirects(1).expect(200, { id: '7' });
  });

  it('takes headers for all calls', async () => {
    const other = (await e2eAgent(app)).set('x-a', 'always');
    const { body } = await other.post('/notes').send({});
    expect(body.a).toBe('always');
    await other.close();
  });

  it.each<[string, (call: ReturnType<E2eAgent['post']>) => unknown, RegExp]>([
    ['a status', (call) => call.expect(201), /^expected status 201, got 403/],
    [
      'a header',
      (call) => call.expect('content-type', 'text/plain'),
      /the header content-type to be "text\/plain", got "application\/json/,
    ],
    ['a header that is not there', (call) => call.expect('x-none', /./), /the header x-none to be \/\.\/, got none/],
    [
      'a body',
      (call) => call.expect(403, { message: 'you' }),
      /^the body is not as expected:\n[^]*\+.*not you[^]*-.*'you'/,
    ],
    ['a text', (call) => call.expect(/cake/), /^expected the body to be \/cake\//],
    ['a look', (call) => call.expect(() => new E2eExpectationError('seen')), /^seen/],
  ])('fails %s at the line that expects it, and shows the opened answer', async (_what, add, message) => {
    const call = agent.post('/notes/forbidden');
    add(call);
    const { error, line } = await failure(call);
    expect(error.message).toMatch(message);
    expect(error).toBeInstanceOf(E2eExpectationError);
    expect(error.message).toContain(
      'The opened response to POST /notes/forbidden:\n  403 application/json\n  {"message":"not you"',
    );
    expect(line).toContain('agent.spec.ts');
  });

  it("shows the opened answer below an assertion library's error, too", async () => {
    const { error, line } = await failure(
      agent.post('/notes/forbidden').expect(({ status }) => expect(status).toBe(201)),
    );
    expect(error.message).toMatch(/Received: .*403[^]*The opened response to POST/);
    expect(error.stack).toContain('The opened response to POST');
    expect(line).toMatch(/agent\.spec\.ts|expect/);
  });

  it('awaits looks that are async, and meets none after the first that fails', async () => {
    const seen: number[] = [];
    const call = agent
      .get('/notes/1')
      .expect(async () => Promise.reject(new TypeError('late')))
      .expect(() => seen.push(1));
    expect((await failure(call)).error).toMatchObject({ name: 'TypeError', message: expect.stringMatching(/^late/) });
    expect(seen).toEqual([]);
  });

  it('sends once, however often it is awaited', async () => {
    const other = await e2eAgent(app);
    const call = other.post('/notes/visits').expect(201, { visits: 1 });
    expect(await call).toBe(await call);
    await call.finally(() => undefined);
    await other.post('/notes/visits').expect(201, { visits: 2 });
    await other.close();
  });

  it("puts the client's errors at the line of the call", async () => {
    const other = await e2eAgent(app, { path: 'elsewhere' });
    const { error, line } = await failure(other.get('/notes/1'));
    expect(error).toBeInstanceOf(E2eClientError);
    expect(error).toMatchObject({ code: 'handshake-failed', status: 404 });
    expect(line).toContain('agent.spec.ts');
    expect((await failure(agent.get('/notes/1').timeout(0))).error.name).toBe('TimeoutError');
    await other.close();
  });
});

describe('what an agent takes', () => {
  const opened: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close();
  });

  it.each(['express', 'fastify'] as const)(
    'an application that is initialized, and one that listens (%s)',
    async (platform) => {
      const app = await create(platform);
      opened.push(() => app.close());
      await app.init();
      const agent = await e2eAgent(app);
      await agent.get('/notes/1').expect(200);
      const second = await e2eAgent(app);
      expect(second.url).toBe(agent.url);
      await second.get('/notes/1').expect(200);
      await (await e2eAgent(agent.url)).get('/notes/1').expect(200);
      await (await e2eAgent(app.getHttpServer() as Server)).get('/notes/1').expect(200);
    },
  );

  it('a server, which it ends if it began it', async () => {
    const app = await create('express');
    opened.push(() => app.close());
    await app.init();
    const server = app.getHttpServer() as Server;
    const agent = await e2eAgent(server);
    await agent.get('/notes/1').expect(200);
    await agent.close();
    expect(server.listening).toBe(false);
  });

  it('no server that listens elsewhere than on TCP', async () => {
    const odd = { listening: true, address: () => '/a/socket', listen: () => undefined, close: () => undefined };
    await expect(e2eAgent(odd)).rejects.toThrow(/give the URL/);
  });
});
