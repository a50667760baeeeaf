import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Post, Req } from '@nestjs/common';
import type { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import express from 'express';
import { EventEmitter, once } from 'node:events';
import { createServer, ServerResponse, type IncomingMessage, type RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { E2eModule, Encrypted, type E2eExtras, type E2eOptions } from '../../../src/index.js';
import { e2eAgent, type E2eAgent, type E2eAgentOptions } from '../../../src/testing/index.js';
import { createNest, moduleOf } from './support/nest.js';

// Fastify applications that do not listen by themselves.

@Controller('notes')
@Encrypted()
class NoteController {
  @Get()
  list(): object {
    return { notes: [] };
  }
  @Get('seen')
  seen(@Req() { url, session }: { url: string; session: { count?: number } }): object {
    session.count = (session.count ?? 0) + 1;
    return { url, count: session.count };
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

async function start(adapter = new FastifyAdapter(), extras: E2eExtras & E2eOptions = {}) {
  const imports = [E2eModule.forRoot({ keyPool: { size: 0 }, ...extras })];
  const module = moduleOf({ imports, controllers: [NoteController] });
  const { nest, log } = await createNest(module, adapter as unknown as ExpressAdapter);
  closing.push(() => nest.close());
  const app = nest as unknown as NestFastifyApplication;
  return { app, log, instance: app.getHttpAdapter().getInstance() };
}

async function listening(handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  // Node ends an idle connection after five seconds. On a busy machine that is when the next request is sent on it.
  server.keepAliveTimeout = 0;
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  closing.push(() => new Promise((done) => server.close(done).closeAllConnections()));
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

async function agentOf(target: string, options: E2eAgentOptions = {}): Promise<E2eAgent> {
  const agent = await e2eAgent(target, options);
  closing.push(() => agent.close());
  return agent;
}

async function expectToWork(agent: E2eAgent): Promise<void> {
  const created = { title: 'canary-7f3a91' };
  await agent.post('notes').send(created).expectSealed().expect(201, { created });
  await agent.get('notes').expectSealed().expect(200, { notes: [] });
  await agent.get('notes/seen').expect(200);
  const seen = await agent.get('notes/seen').expect(200);
  expect(seen.body).toMatchObject({ count: 2 });
  // Sealed, or the client would say that it was not.
  expect((await agent.client.fetch('notes/nowhere')).status).toBe(404);
}

/**
 * Calls the application as serverless adapters and Fastify's `inject()` do: without a server and without a connection, with
 * a request that is no `IncomingMessage`. (jest on Node 20 cannot load `inject()` itself.)
 */
async function invoke(app: RequestListener, { method, url, headers, rawHeaders }: IncomingMessage, payload: Buffer) {
  const socket = Object.assign(new EventEmitter(), { remoteAddress: '127.0.0.1' });
  const request = Object.assign(Readable.from(payload.length > 0 ? [payload] : []), {
    ...{ method, url, headers: { ...headers }, rawHeaders, socket, connection: socket },
    ...{ httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1 },
  }) as unknown as IncomingMessage;
  const response = new ServerResponse(request);
  response.useChunkedEncodingByDefault = false;
  const written: Buffer[] = [];
  const write = (chunk: Buffer, _: unknown, done: () => void): void => {
    written.push(chunk);
    done();
  };
  response.assignSocket(new Writable({ write }) as unknown as Socket);
  app(request, response);
  await once(response, 'finish');
  response.emit('close');
  const whole = Buffer.concat(written);
  return { response, body: whole.subarray(whole.indexOf('\r\n\r\n') + 4) };
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('A Nest application on Fastify works', () => {
  it('behind a server of your own that calls its router; a path that does not decode too', async () => {
    const { app, instance } = await start();
    await app.init();
    await instance.ready();
    const agent = await agentOf(await listening((request, response) => instance.routing(request, response)));
    await expectToWork(agent);
    expect((await agent.client.fetch('%ff')).status).toBe(400);
  });

  it('on a server that `serverFactory` made', async () => {
    const adapter = new FastifyAdapter({ serverFactory: (handler: RequestListener) => createServer(handler) });
    const { app } = await start(adapter);
    await app.listen(0, '127.0.0.1');
    const agent = await agentOf(await app.getUrl());
    await expectToWork(agent);
    expect((await agent.client.fetch('%ff')).status).toBe(400);
  });

  it('mounted in an Express application, at a path of its choice', async () => {
    const { app, instance } = await start();
    await app.init();
    await instance.ready();
    const parent = express();
    parent.use('/api/v1', (request, response) => instance.routing(request, response));
    parent.use(express.json());
    parent.post('/own', (request, response) => void response.json(request.body));
    const url = await listening(parent);
    const agent = await agentOf(`${url}/api/v1`);
    await expectToWork(agent);
    expect((await agent.get('notes/seen').expect(200)).body).toMatchObject({ url: '/notes/seen' });
    const own = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}' };
    expect(await (await fetch(`${url}/own`, own)).json()).toEqual({ a: 1 });
  });

  it('mounted behind a parser that keeps the bytes', async () => {
    const { app, instance } = await start();
    await app.init();
    await instance.ready();
    const keep = (request: object, _: unknown, rawBody: Buffer): void => void Object.assign(request, { rawBody });
    const parent = express();
    parent.use(express.raw({ type: '*/*', verify: keep }), (request, response) => instance.routing(request, response));
    // Sealed ones alone: Fastify itself waits for ever for a plain body that was read before.
    const { client } = await agentOf(await listening(parent));
    const created = { title: 'canary-7f3a91' };
    const json = { 'content-type': 'application/json' };
    const posted = await client.fetch('notes', { method: 'POST', headers: json, body: JSON.stringify(created) });
    expect(await posted.json()).toEqual({ created });
    expect(await (await client.fetch('notes')).json()).toEqual({ notes: [] });
  });

  it('mounted in another Nest application on Fastify, each with its own handshake', async () => {
    const [outer, inner] = [await start(), await start(undefined, { path: 'secure', session: { name: 'inner.sid' } })];
    await inner.app.init();
    await inner.instance.ready();
    await outer.app.init();
    outer.app.use('/inner', (request: IncomingMessage, response: ServerResponse) =>
      inner.instance.routing(request, response),
    );
    await outer.app.listen(0, '127.0.0.1');
    const url = await outer.app.getUrl();
    await expectToWork(await agentOf(url));
    await expectToWork(await agentOf(`${url}/inner`, { path: 'secure' }));
  });

  it.each(['the module’s session', 'a session of its own'])(
    'as serverless adapters call it, with %s',
    async (which) => {
      const isOwn = which === 'a session of its own';
      const { app, instance } = await start(undefined, isOwn ? { secret: 'a-secret-of-32-characters-or-more' } : {});
      if (isOwn) {
        await app.register(fastifyCookie);
        const secret = 'the secret that the application signs cookies with';
        await app.register(fastifySession, { secret, cookie: { secure: false } });
      }
      await app.init();
      await instance.ready();
      // As a function behind a gateway: it gets the request as an event, and returns the answer whole.
      const url = await listening((request, response) => {
        const call = async (): Promise<void> => {
          const answer = await invoke((...both) => instance.routing(...both), request, await bytesOf(request));
          const { statusCode } = answer.response;
          response.writeHead(statusCode, answer.response.getHeaders()).end(answer.body);
        };
        call().catch((error: unknown) => response.destroy(error as Error));
      });
      const agent = await agentOf(url);
      await expectToWork(agent);
      expect((await agent.client.fetch('%ff')).status).toBe(400);
    },
  );
});
