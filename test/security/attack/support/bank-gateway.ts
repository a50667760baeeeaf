import { MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import type { Server } from 'ws';
import { Encrypted } from '../../../../src/index.js';
import { calls, SECRET_BALANCE } from './bank.js';

interface Told {
  readonly event: string;
  readonly data: unknown;
}

/** The bank over sockets. */
@Encrypted()
@WebSocketGateway({ path: '/bank/live' })
export class BankGateway {
  @WebSocketServer() readonly server!: Server;

  @SubscribeMessage('transfer')
  transfer(@MessageBody() body: unknown): Told {
    calls.push({ route: 'live transfer', body });
    return { event: 'transferred', data: body };
  }

  @SubscribeMessage('balance')
  balance(): Told {
    calls.push({ route: 'live balance' });
    return { event: 'balance', data: SECRET_BALANCE };
  }

  /** To every socket, as Nest's documentation has it. */
  @SubscribeMessage('announce')
  announce(): void {
    calls.push({ route: 'live announce' });
    for (const client of this.server.clients) client.send(JSON.stringify({ event: 'announced', data: SECRET_BALANCE }));
  }
}

/** Another one of the same application. */
@Encrypted()
@WebSocketGateway({ path: '/bank/other' })
export class OtherGateway {
  @SubscribeMessage('transfer')
  transfer(@MessageBody() body: unknown): void {
    calls.push({ route: 'other transfer', body });
  }
}
