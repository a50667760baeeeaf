import {
  Injectable,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import {
  Ack,
  BaseWsExceptionFilter,
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  type OnGatewayInit,
} from '@nestjs/websockets';
import { IsString, MaxLength } from 'class-validator';
import { from, map, type Observable } from 'rxjs';
import type { Server, Socket } from 'socket.io';
import { E2e, KeyService, type ChannelFacts } from '../../../../src/index.js';

export class Note {
  @IsString()
  @MaxLength(20)
  text!: string;
}

@Injectable()
class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { forbidden } = context.switchToWs().getData<{ forbidden?: boolean }>();
    return forbidden !== true;
  }
}

@Injectable()
class Wrapping implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ event: 'wrapped', data })));
  }
}

/** What the gateways of an application have seen. */
export const seen: string[] = [];

export interface LiveGateway {
  readonly server: Server;
  readonly sockets: Socket[];
}

export interface Place {
  readonly path?: string;
  readonly namespace?: string;
  readonly port?: number;
}

/** A gateway as applications write them, at this place, with these decorators. */
export function ioGateway({ port = 0, ...options }: Place, ...decorators: ClassDecorator[]): Type<LiveGateway> {
  @WebSocketGateway(port, options)
  class Live implements OnGatewayInit, OnGatewayConnection, OnGatewayDisconnect {
    @WebSocketServer() readonly server!: Server;
    readonly sockets: Socket[] = [];

    constructor(private readonly keys: KeyService) {}

    afterInit(server: Server): void {
      server.use((socket, next) => {
        const { token } = socket.handshake.auth as { token?: string };
        (socket.data as { token?: string }).token = token;
        next(token === 'wrong' ? new Error('not with this token') : undefined);
      });
    }
    handleConnection(client: Socket): void {
      this.sockets.push(client);
      seen.push('connected');
    }
    handleDisconnect(): void {
      seen.push('disconnected');
    }

    @SubscribeMessage('echo')
    echo(@MessageBody() data: unknown): unknown {
      seen.push('echo');
      return data;
    }
    @SubscribeMessage('answer')
    answer(@MessageBody() data: unknown): object {
      return { event: 'answer', data };
    }
    @SubscribeMessage('acknowledged')
    acknowledged(@MessageBody() data: unknown, @Ack() ack: (...given: unknown[]) => void): void {
      ack('first', data, Buffer.of(1, 2));
    }
    @SubscribeMessage('silent')
    silent(): void {
      seen.push('silent');
    }
    @SubscribeMessage('many')
    many(): Observable<object> {
      return from([1, 2, 3]).pipe(map((data) => ({ event: 'many', data })));
    }
    @SubscribeMessage('note')
    @UsePipes(
      new ValidationPipe({ exceptionFactory: (errors) => new WsException(Object.keys(errors[0]!.constraints!)) }),
    )
    note(@MessageBody() note: Note): object {
      return { ...note, isNote: note instanceof Note };
    }
    @SubscribeMessage('guarded')
    @UseGuards(TokenGuard)
    guarded(): string {
      seen.push('guarded');
      return 'let in';
    }
    @SubscribeMessage('wrapped')
    @UseInterceptors(Wrapping)
    wrapped(@MessageBody() data: unknown): unknown {
      return data;
    }
    @SubscribeMessage('throw')
    @UseFilters(new BaseWsExceptionFilter())
    throw(): never {
      throw new WsException('as it was thrown');
    }
    @SubscribeMessage('join')
    async join(@ConnectedSocket() client: Socket, @MessageBody() room: string): Promise<string> {
      await client.join(room);
      return room;
    }
    @SubscribeMessage('say')
    say(@ConnectedSocket() client: Socket, @MessageBody() { how, data, room = '' }: Saying): void {
      const said = 'said';
      if (how === 'all') this.server.emit(said, data);
      else if (how === 'room') this.server.to(room).emit(said, data);
      else if (how === 'others') client.broadcast.emit(said, data);
      else if (how === 'volatile') this.server.volatile.emit(said, data);
      else if (how === 'binary') this.server.emit(said, Buffer.from(String(data)), { in: [Buffer.from('x')] });
      else if (how === 'compressed') this.server.compress(true).emit(said, data);
      else if (how === 'local') this.server.local.emit(said, data);
      else client.emit(said, data);
    }
    @SubscribeMessage('ask')
    async ask(@MessageBody() data: unknown): Promise<unknown> {
      return this.server.timeout(5000).emitWithAck('question', data);
    }
    @SubscribeMessage('facts')
    facts(@ConnectedSocket() client: Socket): object {
      const { query, auth, headers, url } = client.handshake;
      return { query: query.room ?? null, auth, agent: headers['x-agent'] ?? null, hasUrl: url.includes('room=') };
    }
    @SubscribeMessage('everyone')
    async everyone(): Promise<unknown[]> {
      const sockets = await this.server.fetchSockets();
      return sockets.map(({ data }) => (data as { token?: string }).token ?? null);
    }
    @SubscribeMessage('kick')
    kick(@ConnectedSocket() client: Socket, @MessageBody() whole: boolean): void {
      client.disconnect(whole);
    }
    @SubscribeMessage('kick all')
    kickAll(): void {
      this.server.disconnectSockets(true);
    }
    @SubscribeMessage('channel')
    channel(@E2e() channel: ChannelFacts | undefined): string | null {
      return channel?.kid ?? null;
    }
    @SubscribeMessage('whoami')
    whoami(@ConnectedSocket() client: Socket): unknown {
      return { notes: (client.request as { session?: { notes?: string[] } }).session?.notes ?? null };
    }
    @SubscribeMessage('revoke')
    async revoke(@ConnectedSocket() client: Socket): Promise<void> {
      await this.keys.revoke(client);
    }
    @SubscribeMessage('long')
    long(@ConnectedSocket() client: Socket, @MessageBody() bytes: number): void {
      client.emit('said', 'x'.repeat(bytes));
    }
  }
  for (const decorator of decorators) decorator(Live);
  return Live;
}

interface Saying {
  readonly how: 'all' | 'room' | 'others' | 'volatile' | 'binary' | 'compressed' | 'local' | 'one';
  readonly data: unknown;
  readonly room?: string;
}
