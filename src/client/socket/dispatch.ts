import type { E2eWebSocketEventMap, OwnSocket } from './own-socket.js';

/** Node has CloseEvent only since version 23. */
export function dispatch(
  socket: OwnSocket,
  type: keyof E2eWebSocketEventMap,
  facts: object,
  event = Object.assign(new Event(type), facts),
): void {
  socket.dispatchEvent(event);
}
