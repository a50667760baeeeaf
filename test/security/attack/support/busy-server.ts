import '../../../support/keep-alive.mjs';
import 'reflect-metadata';
import { Body, Controller, Get, Logger, Module, Post, Query, Req, UnprocessableEntityException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import session from 'express-session';
import type { AddressInfo, Server } from 'node:net';
import type { Server as SocketServer, WebSocket } from 'ws';
import { E2eModule, Encrypted, KeyService } from '../../../../src/index.js';
import { E2eWsAdapter } from '../../../../src/ws/index.js';
import { sessionsOf } from './secrets.js';

/** What the test says to this process, and hears of it. */
export interface Configuration {
  readonly secret: string;
  readonly sessionSecret: string;
  readonly identityKey: string;
}
export type Report = { readonly port: number } | { readonly sessions: Readonly<Record<string, string>> };

interface WithSession {
  readonly session: { note?: unknown };
}

@Controller('busy')
@Encrypted()
class BusyController {
  constructor(private readonly keys: KeyService) {}

  @Post('echo')
  echo(@Body() body: unknown): unknown {
    return body;
  }
  @Get('find')
  find(@Query() query: unknown): unknown {
    return { query };
  }
  @Post('note')
  note(@Req() request: WithSession, @Body('note') note: unknown): unknown {
    request.session.note = note;
    return { note };
  }
  @Post('login')
  async login(@Req() request: WithSession, @Body() body: unknown): Promise<unknown> {
    await this.keys.carryOver(request);
    return body;
  }
  @Post('refuse')
  refuse(@Body() body: object): never {
    throw new UnprocessableEntityException({ message: 'refused', body });
  }
  @Post('boom')
  boom(): never {
    throw new Error('boom');
  }
}

@Controller('plain')
class PlainController {
  readonly #logger = new Logger('PlainController');

  @Post('echo')
  echo(@Body() body: unknown): unknown {
    this.#logger.verbose(JSON.stringify(body));
    return body;
  }
}

/** Says the same in every way that the library has: returned, sent, broadcast, as bytes. */
class Loud {
  @WebSocketServer() readonly server!: SocketServer;

  @SubscribeMessage('echo')
  echo(@ConnectedSocket() client: WebSocket, @MessageBody() data: string): unknown {
    client.send(data);
    client.send(Buffer.from(data));
    client.ping(data.slice(0, 100));
    for (const each of this.server.clients) each.send(JSON.stringify({ event: 'said', data }));
    return { event: 'echo', data };
  }
  @SubscribeMessage('close')
  close(@ConnectedSocket() client: WebSocket, @MessageBody() reason: string): void {
    client.close(3000, reason);
  }
}

@Encrypted()
@WebSocketGateway({ path: '/busy/live' })
class BusyGateway extends Loud {}

@WebSocketGateway({ path: '/plain/live' })
class PlainGateway extends Loud {}

process.once('message', (message) => void start(message as Configuration));

async function start({ secret, sessionSecret, identityKey }: Configuration): Promise<void> {
  const store = new session.MemoryStore();
  const options = { secret, identityKey, session: { secret: sessionSecret, store }, keyPool: { size: 0 } };

  @Module({
    imports: [E2eModule.forRoot(options)],
    controllers: [BusyController, PlainController],
    providers: [BusyGateway, PlainGateway],
  })
  class AppModule {}

  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its options as a class, and takes literals
  const app = await NestFactory.create(AppModule, { logger: ['verbose', 'debug', 'log', 'warn', 'error', 'fatal'] });
  app.use((request: { originalUrl: string; headers: unknown }, response: Server, next: () => void) => {
    // An access log, as chatty as they come.
    response.on('finish', () => console.log(request.originalUrl, request.headers));
    next();
  });
  app.useWebSocketAdapter(new E2eWsAdapter(app));
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  process.send!({ port } satisfies Report);
  process.on('message', () => process.send!({ sessions: sessionsOf(store) } satisfies Report));
}
