import type { IncomingMessage } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from '../app.module.js';
import { isUpload } from './uploads.js';

export async function createApplication(): Promise<INestApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule);
  // Both echoes take any JSON value, not only objects and arrays. What is uploaded stays as it is, JSON and forms too.
  const unlessUploaded = (type: string) => (req: IncomingMessage) => !isUpload(req.url) && hasType(req, type);
  app.useBodyParser('json', { strict: false, limit: '1mb', type: unlessUploaded('application/json') });
  app.useBodyParser('urlencoded', { extended: true, type: unlessUploaded('application/x-www-form-urlencoded') });
  return app;
}

function hasType({ headers }: IncomingMessage, type: string): boolean {
  return headers['content-type']?.split(';')[0]?.trim().toLowerCase() === type;
}
