import type { E2eWebSocketEventMap, OwnSocket } from './own-socket.js';

/** Node has had CloseEvent since version 23 alone. */
export function dispatch(
  socket: OwnSocket,
  type: keyof E2eWebSocketEventMap,
  facts: object,
  event = Object.assign(new Event(type), facts),
): void {
  socket.dispatchEvent(event);
}
