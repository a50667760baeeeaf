import { expect, it } from '@jest/globals';
import { WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import { WebSocket } from 'ws';
import { Encrypted } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { until } from '../../support/clock.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { SocketPeer } from './support/peer.js';

const heard: string[] = [];
let served: WebSocket | undefined;

/** Looks something up before it listens, and pauses the socket until then. */
function listenLater(socket: WebSocket): void {
  socket.pause();
  heard.push(`paused: ${socket.isPaused}`);
  served = socket;
}

function listen(socket: WebSocket): void {
  socket.on('message', (data: Buffer) => {
    heard.push(data.toString());
    if (data.toString() !== 'early') return;
    socket.pause();
    setTimeout(() => socket.resume(), 20);
  });
  socket.resume();
  heard.push(`paused: ${socket.isPaused}`);
}

@Encrypted()
@WebSocketGateway({ path: '/live' })
class LiveGateway implements OnGatewayConnection {
  handleConnection(socket: WebSocket): void {
    listenLater(socket);
  }
}

@WebSocketGateway({ path: '/plain' })
class PlainGateway implements OnGatewayConnection {
  handleConnection(socket: WebSocket): void {
    listenLater(socket);
  }
}

onEachPlatform('A socket that its gateway pauses when it connects', (platform) => {
  const app = useApp(platform, {
    providers: [LiveGateway, PlainGateway],
    configure: (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest)),
  });

  it.each(['plain', 'live'])('loses nothing that its client has sent: %s', async (path) => {
    heard.length = 0;
    served = undefined;
    const client = app().client({ webSocket: WebSocket });
    const socket =
      path === 'live' ? client.webSocket(path) : new WebSocket(`${app().url.replace('http', 'ws')}/${path}`);
    socket.onopen = () => ['early', 'later', 'last'].forEach((text) => socket.send(text));
    await until(() => served !== undefined);
    // Its messages arrive, and nobody listens yet.
    await new Promise((resolve) => setTimeout(resolve, 100));
    listen(served!);
    await until(() => heard.includes('last'));
    expect(heard).toEqual(['paused: true', 'paused: false', 'early', 'later', 'last']);
    socket.close();
  });

  it('loses nothing that comes right after its head, and keeps the order', async () => {
    heard.length = 0;
    served = undefined;
    const peer = SocketPeer.begin(await app().visitor().handshake('X25519'), { burst: Buffer.from('early') });
    await until(() => served !== undefined);
    peer.send('later');
    peer.send('last');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(heard).toEqual(['paused: true']);
    listen(served!);
    await until(() => heard.includes('last') || peer.closed !== undefined);
    // It came with the head in one packet, or in one of its own, which waits in the kernel.
    expect(heard.filter((line) => !line.startsWith('paused'))).toEqual(['early', 'later', 'last']);
    peer.raw.terminate();
  });
});
