import { expect, it } from '@jest/globals';
import { WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import { WebSocket } from 'ws';
import { Encrypted } from '../../../src/index.js';
import { E2eWsAdapter } from '../../../src/ws/index.js';
import { until } from '../../support/clock.js';
import { onEachPlatform, useApp } from '../e2e/support/apps.js';
import { SocketPeer } from './support/peer.js';

/** What the gateways do with the next socket, and that socket. */
let meet: (socket: WebSocket) => void = () => undefined;
let served: WebSocket | undefined;

@Encrypted()
@WebSocketGateway({ path: '/live' })
class LiveGateway implements OnGatewayConnection {
  handleConnection(socket: WebSocket): void {
    meet(socket);
    served = socket;
  }
}

@WebSocketGateway({ path: '/plain' })
class PlainGateway implements OnGatewayConnection {
  handleConnection(socket: WebSocket): void {
    meet(socket);
    served = socket;
  }
}

/** All that is sent meanwhile goes in one packet. */
function together(raw: WebSocket, send: () => void): void {
  const { _socket: socket } = raw as unknown as { _socket: { cork(): void; uncork(): void } };
  socket.cork();
  send();
  process.nextTick(() => socket.uncork());
}

const pause = (ms = 80): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

onEachPlatform('What a socket held back is delivered as ws delivers it', (platform) => {
  const app = useApp(platform, {
    providers: [LiveGateway, PlainGateway],
    configure: (nest) => nest.useWebSocketAdapter(new E2eWsAdapter(nest)),
  });

  /** A socket whose client sends these messages in one packet, sealed ones together with the head. */
  async function connect(path: string, texts: string[]): Promise<WebSocket> {
    served = undefined;
    let raw: WebSocket;
    if (path === 'plain') {
      raw = new WebSocket(`${app().url.replace('http', 'ws')}/plain`);
      raw.on('open', () => together(raw, () => texts.forEach((text) => raw.send(text))));
    } else {
      const peer = SocketPeer.begin(await app().visitor().handshake('X25519'), {});
      raw = peer.raw;
      const sendHead = raw.listeners('open');
      raw.removeAllListeners('open');
      raw.on('open', () =>
        together(raw, () => {
          for (const listener of sendHead) listener.call(raw);
          texts.forEach((text) => peer.send(text));
        }),
      );
    }
    await until(() => served !== undefined);
    await pause();
    return raw;
  }

  it.each(['plain', 'live'])('to a listener that is added after resume(): %s', async (path) => {
    meet = (socket) => socket.pause();
    const raw = await connect(path, ['one', 'two']);
    const heard: string[] = [];
    served!.resume();
    served!.on('message', (data: Buffer) => heard.push(data.toString()));
    await until(() => heard.includes('two'));
    expect(heard).toEqual(['one', 'two']);
    raw.terminate();
  });

  it.each(['plain', 'live'])('in its order, also where a listener pauses and resumes: %s', async (path) => {
    const heard: string[] = [];
    meet = (socket) => {
      socket.on('message', () => {
        socket.pause();
        socket.resume();
      });
      socket.on('message', (data: Buffer) => heard.push(data.toString()));
    };
    const raw = await connect(path, ['one', 'two', 'three']);
    await until(() => heard.length === 3);
    expect(heard).toEqual(['one', 'two', 'three']);
    raw.terminate();
  });

  it.each([
    ['plain', 'while it is paused'],
    ['live', 'while it is paused'],
    ['plain', 'at the first message'],
    ['live', 'at the first message'],
  ])('although its gateway terminates it: %s, %s', async (path, when) => {
    const heard: string[] = [];
    const hear = (socket: WebSocket): void => {
      socket.on('message', (data: Buffer) => heard.push(data.toString()));
      socket.on('close', (code) => heard.push(`close ${code}`));
      if (when === 'at the first message') socket.once('message', () => socket.terminate());
    };
    meet = (socket) => {
      hear(socket);
      if (when === 'while it is paused') socket.pause();
    };
    await connect(path, ['one', 'two']);
    if (when === 'while it is paused') served!.terminate();
    await until(() => heard.some((each) => each.startsWith('close')));
    expect(heard).toEqual(['one', 'two', 'close 1006']);
  });

  it.each(['plain', 'live'])('before the close of a client that is gone: %s', async (path) => {
    const heard: string[] = [];
    meet = (socket) => {
      socket.on('message', (data: Buffer) => heard.push(data.toString()));
      socket.on('close', (code) => heard.push(`close ${code}`));
      socket.pause();
    };
    const raw = await connect(path, ['one', 'two']);
    raw.terminate();
    await pause();
    served!.resume();
    await until(() => heard.some((each) => each.startsWith('close')));
    expect(heard).toEqual(['one', 'two', 'close 1006']);
  });
});
