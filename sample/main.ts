import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { E2eWsAdapter } from 'nestjs-e2e-encryption/ws';
import { AppModule } from './app.module.js';

const app = await NestFactory.create<NestExpressApplication>(AppModule);
// Both echoes take any JSON value, not only objects and arrays. What is uploaded stays as it is, JSON and forms too.
const isUpload = (url = '') => /^\/files(?:[/?]|$)/.test(url);
const unlessUploaded = (type: string) => (req: IncomingMessage) => !isUpload(req.url) && hasType(req, type);
app.useBodyParser('json', { strict: false, limit: '1mb', type: unlessUploaded('application/json') });
app.useBodyParser('urlencoded', { extended: true, type: unlessUploaded('application/x-www-form-urlencoded') });
app.useWebSocketAdapter(new E2eWsAdapter(app));
app.enableShutdownHooks();

await app.listen(process.env.PORT || 3000);
const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
console.log(`Listening on http://localhost:${port}`);

function hasType({ headers }: IncomingMessage, type: string): boolean {
  return headers['content-type']?.split(';')[0]?.trim().toLowerCase() === type;
}
