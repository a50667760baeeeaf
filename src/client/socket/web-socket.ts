import { need } from '../errors.js';
import type { E2eWebSocket, OwnSocket, SocketParts } from './own-socket.js';

/** As small as it can be, since every page loads it: whatever a socket does, and has beside, comes with the first one. */
export function openWebSocket(
  url: string | URL,
  protocols: string | readonly string[] | undefined,
  parts: SocketParts,
): E2eWebSocket {
  const target = new URL(url, parts.settings.base);
  const socket = Object.assign(new EventTarget(), {
    url: target.href,
    readyState: 0,
    send() {
      throw new DOMException('', 'InvalidStateError');
    },
    close() {
      socket.readyState = 2;
    },
  }) as unknown as OwnSocket;
  need('sockets', () => import('./connection.js'))
    .then(({ connect }) => connect(socket, target, protocols, parts))
    .catch((error: unknown) => {
      socket.readyState = 3;
      for (const type of ['error', 'close'] as const) {
        const event = Object.assign(new Event(type), { error, code: 1006, reason: '', wasClean: false });
        socket.dispatchEvent(event);
        (socket[`on${type}`] as ((event: Event) => unknown) | null | undefined)?.(event);
      }
    });
  return socket;
}
