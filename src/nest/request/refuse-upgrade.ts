import type { Duplex } from 'node:stream';

/** Answers a request for a socket before there is one, and closes its connection. */
export function refuseUpgrade(socket: Duplex, text: string): void {
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(
    'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nCache-Control: no-store, no-transform\r\n' +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}
