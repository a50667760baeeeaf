import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  type OnGatewayConnection,
} from '@nestjs/websockets';
import type { Request } from 'express';
import { Encrypted } from 'nestjs-e2e-encryption';
import type { Server, WebSocket } from 'ws';

/** A sealed WebSocket. Messages are Nest's: `{ event, data }` as JSON. */
@Encrypted()
@WebSocketGateway({ path: '/live' })
export class LiveGateway implements OnGatewayConnection<WebSocket> {
  @WebSocketServer() private readonly server!: Server;
  readonly #usernames = new WeakMap<WebSocket, string | undefined>();

  handleConnection(client: WebSocket, { session }: Request): void {
    // A login ends the sockets of the session that it replaces, so this does not change.
    this.#usernames.set(client, session.username);
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): { event: string; data: unknown } {
    return { event: 'echo', data };
  }

  /** To every open page, whoever it belongs to. */
  @SubscribeMessage('say')
  say(@MessageBody() data: unknown): void {
    for (const client of this.server.clients) client.send(JSON.stringify({ event: 'said', data }));
  }

  @SubscribeMessage('whoami')
  whoami(@ConnectedSocket() client: WebSocket): { event: string; data: string | null } {
    return { event: 'whoami', data: this.#usernames.get(client) ?? null };
  }
}
