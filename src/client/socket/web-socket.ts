import type { ClientParts } from '../call/exchange.js';
import { need } from '../errors.js';
import type { E2eWebSocket, E2eWebSocketConstructor, OwnSocket } from './own-socket.js';
import type * as SocketsPart from './connection.js';

/**
 * Opens a client's sockets: a function that is also a constructor, for libraries that take a `WebSocket` class. It is
 * small, because every page loads it. The rest is loaded with the first socket.
 */
export function webSocketOf(base: URL, load: () => Promise<ClientParts>): E2eWebSocketConstructor {
  const states = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };
  return Object.assign(function (url: string | URL, protocols?: string | readonly string[]): E2eWebSocket {
    const target = new URL(url, base);
    target.protocol = target.protocol.replace('http', 'ws');
    target.hash = '';
    const socket = Object.assign(new EventTarget(), states, {
      url: target.href,
      readyState: 0,
      bufferedAmount: 0,
      binaryType: 'blob',
      send() {
        throw new DOMException('', 'InvalidStateError');
      },
      close(code = 1000) {
        if (code !== 1000 && !(code >= 3000 && code <= 4999)) throw new DOMException('', 'InvalidAccessError');
        socket.readyState = 2;
      },
    }) as unknown as OwnSocket;
    need<typeof SocketsPart>('sockets').then(
      ({ connect }) => connect(socket, target, protocols, load),
      (error: unknown) => {
        socket.readyState = 3;
        for (const type of ['error', 'close'] as const) {
          const event = Object.assign(new Event(type), { error, code: 1006, reason: '', wasClean: false });
          socket.dispatchEvent(event);
          (socket[`on${type}`] as ((event: Event) => unknown) | null | undefined)?.(event);
        }
      },
    );
    return socket;
  }, states) as unknown as E2eWebSocketConstructor;
}
