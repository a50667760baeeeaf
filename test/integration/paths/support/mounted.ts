import fastifyMultipart from '@fastify/multipart';
import { Body, Controller, Get, Param, Post, Query, type INestApplication } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import express, { type Request, type Response } from 'express';
import { createReadStream, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, request as ask, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlatformName } from '../../e2e/support/apps.js';
import { CANARY } from '../../e2e/support/raw.js';

/** Which handlers ran, by the path that each was called with. */
export const ran: string[] = [];

/** A controller that says nothing of sealing, under the sealed path. */
@Controller('legacy/nest')
export class UndeclaredController {
  @Get(':id')
  get(@Param('id') id: string, @Query() query: object): object {
    ran.push(`nest ${id}`);
    return { id, query: { ...query }, canary: CANARY };
  }
  @Post()
  post(@Body() body: unknown): object {
    ran.push('nest post');
    return { body, canary: CANARY };
  }
}

@Controller('open')
export class OpenController {
  @Get()
  get(): string {
    return 'open';
  }
}

/** What a proxy passes requests on to: it tells what came. */
export async function startUpstream(): Promise<Server> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      response.writeHead(203, { 'Content-Type': 'text/plain', 'X-Upstream': 'yes' });
      response.write(`${request.method} ${request.url} `);
      response.end(`${request.headers['content-type']} ${Buffer.concat(chunks).toString()} ${CANARY}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** As libraries for proxies do it: the request and its answer are passed on as they come. */
function passOn(upstream: Server, request: IncomingMessage, response: ServerResponse): void {
  ran.push('proxy');
  const { port } = upstream.address() as AddressInfo;
  const { method, url, headers } = request;
  const out = ask({ port, host: '127.0.0.1', method, path: url, headers: { ...headers, cookie: '' } }, (incoming) => {
    response.writeHead(incoming.statusCode ?? 502, incoming.headers);
    incoming.pipe(response);
  });
  request.pipe(out);
}

function filesOf(): string {
  const folder = mkdtempSync(join(tmpdir(), 'e2e-files-'));
  writeFileSync(join(folder, 'note.txt'), `a file ${CANARY}\n`.repeat(10_000));
  return folder;
}

function tell(request: Request, response: Response): void {
  ran.push(`router ${request.method} ${request.path}`);
  const { method, path, query, body } = request as { method: string; path: string; query: object; body?: unknown };
  response.status(201).set('x-from', 'router');
  response.json({ method, path, query: { ...query }, body: body ?? null, canary: CANARY });
}

/** Mounts by hand, before the application starts, as applications do in main.ts. */
export async function mountByHand(app: INestApplication, platform: PlatformName, upstream: Server): Promise<void> {
  if (platform === 'express') mountOnExpress(app as NestExpressApplication, upstream);
  else await mountOnFastify(app as NestFastifyApplication, upstream);
}

function mountOnExpress(app: NestExpressApplication, upstream: Server): void {
  const router = express.Router();
  router.post('/json', express.json(), tell);
  router.get('/throw', () => {
    throw new Error(`thrown in a router: ${CANARY}`);
  });
  router.get('/events', (_, response) => {
    response.set('content-type', 'text/event-stream');
    response.write(`data: one ${CANARY}\n\n`);
    setTimeout(() => response.end('data: two\n\n'), 20);
  });
  router.get('/jump', (_, response) => response.redirect(`/legacy/hello?from=${CANARY}`));
  router.all(['/hello', '/early'], tell);
  app.use('/legacy', router);
  app.use('/legacy/proxy', (request: Request, response: Response) => passOn(upstream, request, response));
  app.useStaticAssets(filesOf(), { prefix: '/legacy/files' });
  app.use((request: Request, response: Response, next: () => void) => {
    if (request.path === '/legacy/middle') tell(request, response);
    else next();
  });
}

async function mountOnFastify(app: NestFastifyApplication, upstream: Server): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance();
  const files = filesOf();
  await fastify.register(fastifyMultipart);
  await fastify.register(
    (plugin, _, done) => {
      const tellToo = (request: { method: string; url: string; query: unknown; body?: unknown }) => {
        const path = request.url.split('?', 1)[0]!.replace(/^\/legacy/, '');
        ran.push(`plugin ${request.method} ${path}`);
        const { method, query, body } = request;
        return { method, path, query: { ...(query as object) }, body: body ?? null, canary: CANARY };
      };
      plugin.post('/json', (request, reply) => reply.status(201).header('x-from', 'plugin').send(tellToo(request)));
      plugin.route({
        url: '/hello',
        method: ['GET', 'POST', 'PUT', 'DELETE'],
        handler: (request, reply) => reply.status(201).header('x-from', 'plugin').send(tellToo(request)),
      });
      plugin.get('/throw', () => {
        throw new Error(`thrown in a plugin: ${CANARY}`);
      });
      plugin.get('/jump', (_, reply) => reply.redirect(`/legacy/hello?from=${CANARY}`));
      plugin.get('/files/note.txt', (_, reply) =>
        reply.type('text/plain; charset=utf-8').send(createReadStream(join(files, 'note.txt'))),
      );
      plugin.get('/events', (_, reply) => {
        reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
        reply.raw.write(`data: one ${CANARY}\n\n`);
        setTimeout(() => reply.raw.end('data: two\n\n'), 20);
      });
      plugin.addHook('onRequest', (request, reply, next) => {
        if (request.url.endsWith('/early')) reply.send({ early: CANARY });
        else next();
      });
      plugin.get('/early', () => ({ never: true }));
      done();
    },
    { prefix: '/legacy' },
  );
  await fastify.register(
    (plugin, _, done) => {
      plugin.removeAllContentTypeParsers();
      plugin.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
      plugin.all('/*', (request, reply) => {
        reply.hijack();
        passOn(upstream, request.raw, reply.raw);
      });
      done();
    },
    { prefix: '/legacy/proxy' },
  );
}
