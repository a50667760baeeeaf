import { MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import type { Server } from 'socket.io';
import { Encrypted } from '../../../../src/index.js';
import { calls, SECRET_BALANCE } from './bank.js';

interface Told {
  readonly event: string;
  readonly data: unknown;
}

/** The bank over socket.io. */
@Encrypted()
@WebSocketGateway()
export class BankIoGateway {
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

  /** To everybody, by a frame that is encoded once. */
  @SubscribeMessage('announce')
  announce(): void {
    calls.push({ route: 'live announce' });
    this.server.emit('announced', SECRET_BALANCE);
  }
}

/** Another one of the same application. */
@Encrypted()
@WebSocketGateway({ path: '/bank/other' })
export class OtherIoGateway {
  @SubscribeMessage('transfer')
  transfer(@MessageBody() body: unknown): void {
    calls.push({ route: 'other transfer', body });
  }
}
