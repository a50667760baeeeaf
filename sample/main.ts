import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';

const app = await NestFactory.create<NestExpressApplication>(AppModule);
// Only for /plain/echo: sealed bodies are read by the module itself, and may be any JSON value anyway.
app.useBodyParser('json', { strict: false, limit: '1mb' });
app.enableShutdownHooks();

await app.listen(process.env.PORT || 3000);
const server = app.getHttpServer();
// Once it closes, each answer ends its connection: a balancer that keeps its connections would keep the server, too.
server.prependListener('request', (_request, response) => {
  if (!server.listening) response.shouldKeepAlive = false;
});
const { port } = server.address() as AddressInfo;
console.log(`Listening on http://localhost:${port}`);
