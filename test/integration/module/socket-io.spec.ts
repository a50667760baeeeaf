import { describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WebSocketGateway } from '@nestjs/websockets';
import { io } from 'socket.io-client';
import { Encrypted, Plain } from '../../../src/index.js';
import { E2eIoAdapter } from '../../../src/socket.io/index.js';
import { TestApp, type Setup } from '../e2e/support/apps.js';
import { connected, listen } from '../socket.io/support/clients.js';
import { ioGateway } from '../socket.io/support/gateway.js';

const sealing: Setup['configure'] = (nest) => nest.useWebSocketAdapter(new E2eIoAdapter(nest));
const Sealed = ioGateway({}, Encrypted());

/** Whose `createIOServer` is an application's own, as for an adapter of several servers. */
class OwnAdapter extends E2eIoAdapter {
  constructor(
    app: INestApplication,
    private readonly more: object | undefined,
  ) {
    super(app);
  }

  override createIOServer(...[port, options]: Parameters<IoAdapter['createIOServer']>) {
    if (this.more) return super.createIOServer(port, { ...options!, ...this.more });
    return new IoAdapter(this.httpServer as INestApplication).createIOServer(port, options);
  }
}

const own =
  (more?: object): Setup['configure'] =>
  (nest) =>
    nest.useWebSocketAdapter(new OwnAdapter(nest, more));

describe('Under E2eIoAdapter an application is refused at start', () => {
  const both =
    'one server of socket.io carries all namespaces of a port and path over the same sockets. Give one of them';

  it.each<[string, Setup, string]>([
    ['without E2eModule', { e2e: false, configure: sealing }, 'E2eIoAdapter needs E2eModule'],
    [
      'where a sealed gateway and a plain one share a server',
      { providers: [Sealed, ioGateway({ namespace: 'chat' }, Plain())], configure: sealing },
      both,
    ],
    [
      'whichever of them is first, and however they name its path',
      { providers: [ioGateway({ path: '/socket.io/' }, Plain()), Sealed], configure: sealing },
      both,
    ],
    [
      'where one is below the path of the other',
      { providers: [ioGateway({ path: '/live' }, Encrypted()), ioGateway({ path: '/live/news' })], configure: sealing },
      'at /live and /live/news',
    ],
    [
      'with connectionStateRecovery',
      { providers: [Sealed], configure: own({ connectionStateRecovery: {} }) },
      'cannot have the option "connectionStateRecovery": whoever comes back',
    ],
    [
      'with an engine of its own',
      { providers: [Sealed], configure: own({ wsEngine: Map }) },
      'cannot have the option "wsEngine"',
    ],
    ['whose servers are made elsewhere', { providers: [Sealed], configure: own() }, 'super.createIOServer'],
    [
      'that has no such adapter',
      { providers: [Sealed], configure: (nest) => nest.useWebSocketAdapter(new IoAdapter(nest)) },
      'or use E2eIoAdapter',
    ],
  ])('%s', async (_, setup, message) => {
    await expect(TestApp.start('express', setup)).rejects.toThrow(message);
  });

  it('but not for recovery in a gateway that is not sealed, at a path of its own', async () => {
    @WebSocketGateway({ path: '/news', connectionStateRecovery: {} })
    class NewsGateway {}
    const app = await TestApp.start('express', { providers: [Sealed, NewsGateway], configure: sealing });
    const one = await connected(listen(io(app.url, { path: '/news', transports: ['websocket'] })));
    expect(one.log).toEqual(['connect']);
    one.socket.disconnect();
    await app.close();
  });

  it('and takes the smaller one of two limits', async () => {
    const app = await TestApp.start('express', { providers: [Sealed], configure: own({ maxHttpBufferSize: 2000 }) });
    const server = app.get<{ server: { engine: { opts: { maxHttpBufferSize: number } } } }>(Sealed as never);
    expect(server.server.engine.opts.maxHttpBufferSize).toBe(2000);
    await app.close();
  });
});
