import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { E2eModule, Encrypted } from '../../dist/esm/index.js';
import { E2eWsAdapter } from '../../dist/esm/ws/index.js';
import { answerParent } from './children.mjs';
import { exchanger } from './least.mjs';

// The application whose sockets are measured: the same gateway sealed, plain, and plain with AES by hand.

let exchange = exchanger(1024);

function gateway(path, ...decorators) {
  class LiveGateway {
    /** @type {import('ws').Server} */
    server;
    echo(data) {
      if (path === '/least') exchange();
      return { event: 'echo', data };
    }
    say(data) {
      const text = JSON.stringify({ event: 'said', data });
      for (const client of this.server.clients) client.send(text);
    }
  }
  const { prototype } = LiveGateway;
  WebSocketServer()(prototype, 'server');
  for (const name of ['echo', 'say']) {
    MessageBody()(prototype, name, 0);
    SubscribeMessage(name)(prototype, name, Object.getOwnPropertyDescriptor(prototype, name));
  }
  for (const decorate of [WebSocketGateway({ path }), ...decorators]) decorate(LiveGateway);
  return LiveGateway;
}

class AppModule {}
Module({
  imports: [E2eModule.forRoot({ keyPool: { size: 0 } })],
  providers: [gateway('/sealed', Encrypted()), gateway('/plain'), gateway('/least')],
})(AppModule);

/** @type {import('@nestjs/common').INestApplication} */
const app = await NestFactory.create(AppModule, { logger: ['error'] });
app.useWebSocketAdapter(new E2eWsAdapter(app, { maxWaitingPerAddress: 1000 }));
await app.listen(0, '127.0.0.1');
// Handshakes come between two batches.
app.getHttpServer().keepAliveTimeout = 600_000;

answerParent(
  {
    /** Microseconds of CPU, as in server.mjs. */
    cpu: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    /** How long the messages are that are sealed by hand. */
    exchange: (bytes) => void (exchange = exchanger(bytes)),
    memory: () => {
      for (let index = 0; index < 3; index++) globalThis.gc?.();
      const { heapUsed, external, rss } = process.memoryUsage();
      return { heap: heapUsed + external, resident: rss };
    },
  },
  { port: app.getHttpServer().address().port },
);
