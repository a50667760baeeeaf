import { afterEach, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Post, Req } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import express from 'express';
import session from 'express-session';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import request from 'supertest';
import { E2eModule, Encrypted, type E2eExtras, type E2eOptions } from '../../../src/index.js';
import { e2eAgent, type E2eAgent, type E2eAgentOptions } from '../../../src/testing/index.js';
import { TestApp } from '../e2e/support/apps.js';
import { errorOf } from '../e2e/support/raw.js';
import { createNest, moduleOf } from './support/nest.js';

@Controller('notes')
@Encrypted()
class NoteController {
  @Get()
  list(): object {
    return { notes: [] };
  }
  @Get('session')
  session(@Req() { originalUrl, session }: express.Request): object {
    return { url: originalUrl, user: (session as { user?: string }).user };
  }
  @Post()
  create(@Body() body: object): object {
    return { created: body };
  }
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(adapter?: ExpressAdapter, extras: E2eExtras & E2eOptions = {}) {
  const imports = [E2eModule.forRoot({ keyPool: { size: 1 }, ...extras })];
  const { nest, log } = await createNest(moduleOf({ imports, controllers: [NoteController] }), adapter);
  closing.push(() => nest.close());
  return { nest, log, instance: nest.getHttpAdapter().getInstance() as express.Express };
}

async function listening(handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  // Node ends an idle connection after five seconds. On a busy machine that is when the next request is sent on it.
  server.keepAliveTimeout = 0;
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  closing.push(() => new Promise((done) => server.close(done).closeAllConnections()));
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

async function agentOf(target: string, options?: E2eAgentOptions): Promise<E2eAgent> {
  const agent = await e2eAgent(target, options);
  closing.push(() => agent.close());
  return agent;
}

async function expectToWork(agent: E2eAgent): Promise<void> {
  await agent
    .post('notes')
    .send({ title: 'canary-7f3a91' })
    .expectSealed()
    .expect(201, { created: { title: 'canary-7f3a91' } });
  await agent.get('notes').expect(200, { notes: [] });
}

describe('A Nest application on Express works', () => {
  it('behind HTTP servers of your own, around an Express instance that was there before', async () => {
    const mine = express();
    mine.use(express.json());
    mine.get('/health', (_, response) => void response.json({ up: true }));
    const { nest } = await start(new ExpressAdapter(mine));
    await nest.init();

    for (const url of [await listening(mine), await listening(mine)]) {
      await expectToWork(await agentOf(url));
      expect(await (await fetch(`${url}/health`)).json()).toEqual({ up: true });
    }
  });

  it('as what supertest, or a serverless adapter, is given: its Express instance', async () => {
    const { nest, instance } = await start();
    await nest.init();

    await request(instance).get('/notes').expect(415).expect('content-type', 'application/problem+json');
    await expectToWork(await agentOf(await listening(instance)));
  });

  it('behind a server of your own that has made its session, and taken the path of a mount off', async () => {
    const { nest, instance } = await start(undefined, { secret: 'a-secret-of-32-characters-or-more' });
    await nest.init();
    const parents = session({ secret: 'a-secret', resave: false, saveUninitialized: true, name: 'parent.sid' });
    const url = await listening((incoming, response) => {
      const taken = Object.assign(incoming, { originalUrl: incoming.url, url: incoming.url?.replace(/^\/api/, '') });
      parents(taken as never, response as never, () => {
        (taken as unknown as { session: { user: string } }).session.user = 'ada';
        instance(taken as never, response as never);
      });
    });
    const agent = await agentOf(`${url}/api`);
    await expectToWork(agent);
    await agent.get('notes/session').expect(200, { url: '/api/notes/session', user: 'ada' });
  });

  it('with methods of its own on the responses of Express, which sealed answers pass through', async () => {
    const { nest, instance } = await start();
    const ended: number[] = [];
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the response as its `this`
    const { end } = instance.response;
    instance.response.end = function (this: ServerResponse, ...given: never[]) {
      ended.push(this.statusCode);
      return (end as (...given: never[]) => never).apply(this, given);
    };
    await nest.init();
    const agent = await agentOf(await listening(instance));
    await agent.handshake();
    ended.length = 0;
    await agent.get('notes').expect(200, { notes: [] });
    expect(ended).toEqual([200]);
  });

  it('not of an older Nest: the error says which it supports', async () => {
    // Adapters have this method since Nest 11.
    const older = Object.assign(new ExpressAdapter(), { propfind: undefined });
    const { nest } = await createNest(moduleOf({ imports: [E2eModule.forRoot()] }), older);
    closing.push(() => nest.close());
    await expect(nest.init().then(() => 'it started')).rejects.toThrow(
      /Nest 10 or an older version, .* Nest 11 and Nest 12/,
    );
  });

  it('mounted in an Express application, at a path of its choice', async () => {
    const { nest, instance } = await start();
    await nest.init();
    const parent = express();
    parent.use('/api/v1', instance);
    parent.use(express.json());
    parent.post('/own', (incoming, response) => void response.json(incoming.body));

    const url = await listening(parent);
    await expectToWork(await agentOf(`${url}/api/v1`));
    await request(parent).post('/own').send({ a: 1 }).expect(200, { a: 1 });
  });
});

describe('Behind a parser of the parent application, which has read the body', () => {
  const mount = async (parser: express.RequestHandler) => {
    const { nest, log, instance } = await start();
    await nest.init();
    const parent = express();
    parent.use(parser, instance);
    return { log, agent: await agentOf(await listening(parent)) };
  };

  it('it works where the parser keeps the bytes', async () => {
    const keep = (incoming: object, _: unknown, rawBody: Buffer): void => void Object.assign(incoming, { rawBody });
    await expectToWork((await mount(express.json({ verify: keep }))).agent);
    await expectToWork((await mount(express.raw({ type: '*/*', verify: keep }))).agent);
    await expectToWork((await mount(express.raw({ type: '*/*' }))).agent);
  });

  it('it works where the parser is the application’s own, and what its handlers get is what it makes of a body', async () => {
    const { nest } = await start();
    nest.use(express.raw({ type: '*/*' }));
    await nest.listen(0, '127.0.0.1');
    const agent = await agentOf(await nest.getUrl());
    const created = { type: 'Buffer', data: [...Buffer.from('{"a":1}')] };
    await agent.post('/notes').send({ a: 1 }).expect(201, { created });
  });

  it('a body in frames is refused, and the log says what to do', async () => {
    const { log, agent } = await mount(express.raw({ type: '*/*' }));
    await agent.handshake();
    const body = new Blob(['x'.repeat(100_000)], { type: 'application/octet-stream' });
    expect(await errorOf(agent.client.fetch('notes', { method: 'POST', body }))).toMatchObject({
      problem: 'message-rejected',
    });
    expect(log.ofModule.join()).toContain('another parser read its body');
  });

  it('it is refused where it does not, and the log says what to do', async () => {
    const { log, agent } = await mount(express.json());
    expect(await errorOf(agent.handshake())).toMatchObject({ problem: 'key-rejected' });
    expect(log.ofModule.join()).toContain('another parser read its body');
    expect(log.ofModule.join()).toContain('Mount the application before that parser');
  });

  it('bytes over the limit are rejected as usual', async () => {
    const keep = (incoming: object, _: unknown, rawBody: Buffer): void => void Object.assign(incoming, { rawBody });
    const { agent } = await mount(express.json({ verify: keep }));
    const response = await fetch(new URL('e2e/handshake', `${agent.url}/`), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ publicKey: 'x'.repeat(20_000) }),
    });
    expect(response.status).toBe(413);
  });
});

describe('Two Nest applications in one process', () => {
  it('have each their own channels', async () => {
    const [first, second] = [await start(), await start()];
    await Promise.all([first.nest.listen(0, '127.0.0.1'), second.nest.listen(0, '127.0.0.1')]);
    const [one, other] = [await e2eAgent(first.nest), await e2eAgent(second.nest)];
    await Promise.all([expectToWork(one), expectToWork(other)]);
    await Promise.all([one.close(), other.close()]);
  });

  it('work as one within the other, at paths of their own for the handshake', async () => {
    const [outer, inner] = [await start(), await start(undefined, { path: 'secure' })];
    await inner.nest.init();
    outer.nest.use('/inner', inner.instance);
    await outer.nest.listen(0, '127.0.0.1');

    const url = await outer.nest.getUrl();
    await expectToWork(await agentOf(url));
    await expectToWork(await agentOf(`${url}/inner`, { path: 'secure' }));
  });
});

describe('A Nest application on Fastify works', () => {
  it('behind a server of your own that calls its router, past its own server', async () => {
    const app = await TestApp.start('fastify', { controllers: [NoteController] });
    closing.push(() => app.close());
    const { routing } = app.nest.getHttpAdapter().getInstance() as { routing: RequestListener };
    await expectToWork(await agentOf(await listening(routing)));
  });
});
