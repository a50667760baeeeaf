import {
  Catch,
  Injectable,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
} from '@nestjs/websockets';
import { IsString, MaxLength } from 'class-validator';
import type { IncomingMessage } from 'node:http';
import { from, map, of, type Observable } from 'rxjs';
import type { Server, WebSocket } from 'ws';
import { E2e, KeyService, type ChannelFacts } from '../../../../src/index.js';

export class Note {
  @IsString()
  @MaxLength(20)
  text!: string;
}

@Injectable()
export class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToWs().getData<{ forbidden?: boolean }>().forbidden !== true;
  }
}

@Injectable()
class Wrapping implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data: unknown) => ({ event: 'wrapped', data })));
  }
}

/** Sends what was thrown: Nest 11 sends nothing by itself. */
@Catch(WsException)
export class Explaining {
  catch(error: WsException, host: ArgumentsHost): void {
    host
      .switchToWs()
      .getClient<WebSocket>()
      .send(JSON.stringify({ event: 'failed', data: error.getError() }));
  }
}

/** What the gateways of an application have seen. */
export const seen: string[] = [];

export interface LiveGateway {
  readonly server: Server;
  readonly requests: IncomingMessage[];
}

/** A gateway as applications write them, at this path, with these decorators. */
export function liveGateway(path: string, ...decorators: ClassDecorator[]): Type<LiveGateway> {
  @WebSocketGateway({ path })
  class Live implements OnGatewayConnection, OnGatewayDisconnect {
    @WebSocketServer() readonly server!: Server;
    readonly requests: IncomingMessage[] = [];

    constructor(private readonly keys: KeyService) {}

    handleConnection(client: WebSocket, request: IncomingMessage): void {
      this.requests.push(request);
      seen.push(`connected ${client.protocol}`);
      client.on('close', (code: number, reason: Buffer) => seen.push(`closed ${code} ${reason.toString()}`));
      client.on('error', (error: Error) => seen.push(`error ${error.name}`));
      client.on('message', (data: Buffer, isBinary: boolean) => {
        if (isBinary) client.send(Buffer.concat([Buffer.of(0xff), data]));
      });
    }
    handleDisconnect(): void {
      seen.push('disconnected');
    }

    @SubscribeMessage('echo')
    echo(@MessageBody() data: unknown): object {
      seen.push('echo');
      return { event: 'echo', data };
    }
    @SubscribeMessage('silent')
    silent(): void {
      seen.push('silent');
    }
    @SubscribeMessage('many')
    many(): Observable<object> {
      return from([1, 2, 3]).pipe(map((data) => ({ event: 'many', data })));
    }
    @SubscribeMessage('later')
    async later(@MessageBody() data: unknown): Promise<Observable<object>> {
      await Promise.resolve();
      return of({ event: 'later', data });
    }
    @SubscribeMessage('note')
    @UsePipes(
      new ValidationPipe({ exceptionFactory: (errors) => new WsException(Object.keys(errors[0]!.constraints!)) }),
    )
    @UseFilters(Explaining)
    note(@MessageBody() note: Note): object {
      return { event: 'note', data: { ...note, isNote: note instanceof Note } };
    }
    @SubscribeMessage('guarded')
    @UseGuards(TokenGuard)
    @UseFilters(Explaining)
    guarded(): object {
      seen.push('guarded');
      return { event: 'guarded' };
    }
    @SubscribeMessage('wrapped')
    @UseInterceptors(Wrapping)
    wrapped(@MessageBody() data: unknown): unknown {
      return data;
    }
    @SubscribeMessage('throw')
    throw(): never {
      throw new WsException('as it was thrown');
    }
    @SubscribeMessage('say')
    say(@MessageBody() data: unknown): void {
      for (const client of this.server.clients) client.send(JSON.stringify({ event: 'said', data }));
    }
    @SubscribeMessage('binary')
    binary(@ConnectedSocket() client: WebSocket): void {
      client.send(Buffer.of(1, 2, 3));
      client.send(new Uint8Array([4, 5, 6]).buffer);
      client.send(new Uint8Array([7, 8]).subarray(1));
      client.send('te', { fin: false });
      client.send('xt');
      client.send(Buffer.from('text'), { binary: false });
      client.send('bytes', { binary: true });
    }
    @SubscribeMessage('bye')
    bye(@ConnectedSocket() client: WebSocket): void {
      client.close(3001, 'as asked');
    }
    @SubscribeMessage('cut')
    cut(@ConnectedSocket() client: WebSocket): void {
      client.terminate();
    }
    @SubscribeMessage('channel')
    channel(@E2e() channel: ChannelFacts | undefined): object {
      return { event: 'channel', data: channel?.kid ?? null };
    }
    @SubscribeMessage('revoke')
    async revoke(@ConnectedSocket() client: WebSocket): Promise<void> {
      await this.keys.revoke(client);
    }
    @SubscribeMessage('long')
    long(@ConnectedSocket() client: WebSocket, @MessageBody() { bytes }: { bytes: number }): void {
      client.send(Buffer.alloc(bytes));
    }
  }
  for (const decorator of decorators) decorator(Live);
  return Live;
}
