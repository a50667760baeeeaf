import type { AddressInfo, Server } from 'node:net';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';

const app = await NestFactory.create<NestExpressApplication>(AppModule);
// Both echoes take any JSON value, not only objects and arrays.
app.useBodyParser('json', { strict: false, limit: '1mb' });
app.enableShutdownHooks();

await app.listen(process.env.PORT || 3000);
const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
console.log(`Listening on http://localhost:${port}`);
