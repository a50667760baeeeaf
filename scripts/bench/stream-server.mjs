import 'reflect-metadata';
import { Controller, Get, Module, Param, Post, Req, Sse, StreamableFile } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Readable } from 'node:stream';
import { concat, NEVER, of } from 'rxjs';
import { E2eModule, Encrypted } from '../../dist/esm/index.js';
import { answerParent, optionsOfChild } from './children.mjs';
import { opener, sealer, wireLength } from './least.mjs';

// The application whose streams are measured: the same handlers, sealed and plain.

const { platform } = optionsOfChild();
const PIECE = Buffer.alloc(65_536, 'streams ');

function* pieces(bytes) {
  for (let left = bytes; left > 0; left -= PIECE.length) yield left < PIECE.length ? PIECE.subarray(0, left) : PIECE;
}

class StreamHandlers {
  download(bytes) {
    return new StreamableFile(Readable.from(pieces(Number(bytes))), { length: Number(bytes) });
  }
  async upload(request) {
    let bytes = 0;
    for await (const chunk of request.raw ?? request) bytes += chunk.length;
    return { bytes };
  }
}

/** The same with AES by hand. */
class LeastHandlers {
  download(bytes) {
    const seal = sealer();
    function* frames() {
      for (const piece of pieces(Number(bytes))) yield* seal(piece);
    }
    return new StreamableFile(Readable.from(frames()), { length: wireLength(Number(bytes)) });
  }
  async upload(request) {
    const open = opener();
    let bytes = 0;
    for await (const chunk of request.raw ?? request) for (const piece of open(chunk)) bytes += piece.length;
    return { bytes };
  }
}

function streamController(path, Handlers, ...decorators) {
  class StreamController extends Handlers {
    download(bytes) {
      return super.download(bytes);
    }
    upload(request) {
      return super.upload(request);
    }
    events() {
      return concat(of({ data: 'open' }), NEVER);
    }
  }
  const { prototype } = StreamController;
  const on = (name, ...all) => {
    for (const decorate of all) decorate(prototype, name, Object.getOwnPropertyDescriptor(prototype, name));
  };
  Param('bytes')(prototype, 'download', 0);
  Req()(prototype, 'upload', 0);
  on('download', Get('download/:bytes'));
  on('upload', Post('upload'));
  on('events', Sse('events'));
  for (const decorate of [Controller(path), ...decorators]) decorate(StreamController);
  return StreamController;
}

class AppModule {}
Module({
  imports: [E2eModule.forRoot({ keyPool: { size: 0 }, maxStreamSize: 2 ** 31 })],
  controllers: [
    streamController('sealed', StreamHandlers, Encrypted()),
    streamController('plain', StreamHandlers),
    streamController('least', LeastHandlers),
  ],
})(AppModule);

/** @type {import('@nestjs/common').INestApplication} */
const app = await (platform === 'fastify'
  ? NestFactory.create(AppModule, new FastifyAdapter(), { logger: ['error'] })
  : NestFactory.create(AppModule, { logger: ['error'] }));
if (platform === 'fastify') {
  app
    .getHttpAdapter()
    .getInstance()
    .addContentTypeParser('application/octet-stream', (_, __, done) => done(null));
}
await app.listen(0, '127.0.0.1');

let most = 0;
setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 100).unref();

answerParent(
  {
    /** Microseconds of CPU, as in server.mjs. */
    cpu: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    /** After a collection: the heap in use, and the resident memory, from which `mostResident` counts anew. */
    memory: () => {
      globalThis.gc?.();
      const { heapUsed, rss } = process.memoryUsage();
      most = rss;
      return { heap: heapUsed, resident: rss };
    },
    mostResident: () => most,
  },
  { port: app.getHttpServer().address().port },
);
