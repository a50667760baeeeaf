import multipart from '@fastify/multipart';
import { PayloadTooLargeException, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppModule } from '../app.module.js';
import { MAX_FILE_BYTES } from '../files/file.store.js';
import { isUpload } from './uploads.js';

const MAX_BODY_BYTES = 1024 * 1024;

export async function createApplication(): Promise<INestApplication> {
  const adapter = new FastifyAdapter();
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- as in Nest's documentation
  const app = await NestFactory.create(AppModule, adapter, { bodyParser: false });
  const fastify = adapter.getInstance<FastifyInstance>();
  addParsers(fastify);
  await fastify.register(multipart, { limits: { files: 1, fileSize: MAX_FILE_BYTES } });
  return app;
}

type Parse = (request: FastifyRequest, text: string, done: (error: Error | null, body?: unknown) => void) => void;

/** JSON and forms are parsed, unless they are uploaded: then the handler gets the body as it comes, as of any other type. */
function addParsers(fastify: FastifyInstance): void {
  const parsers: Readonly<Record<string, Parse>> = {
    'application/json': fastify.getDefaultJsonParser('error', 'error') as Parse,
    'application/x-www-form-urlencoded': (_request, text, done) =>
      done(null, Object.fromEntries(new URLSearchParams(text))),
  };
  fastify.removeAllContentTypeParsers();
  for (const [type, parse] of Object.entries(parsers)) {
    fastify.addContentTypeParser(type, (request, body, done) => {
      if (isUpload(request.url)) done(null, body);
      else readText(body).then((text) => parse(request, text, done), done);
    });
  }
  fastify.addContentTypeParser('*', (_request, body, done) => done(null, body));
}

async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new PayloadTooLargeException();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
