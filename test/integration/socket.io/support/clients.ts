import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { WebSocket } from 'ws';
import type { E2eClient } from '../../../../src/client/index.js';
import { sealedTransport } from '../../../../src/socket.io-client/index.js';
import { until } from '../../../support/clock.js';
import type { TestApp } from '../../e2e/support/apps.js';

type Options = Partial<ManagerOptions & SocketOptions>;

/** One of socket.io's own clients, and what it was told, in its order. */
export interface IoClient {
  readonly socket: Socket;
  readonly log: string[];
}

/** Each message that a client receives, as text: bytes in hexadecimal. */
export function shown(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    const bytes = (each as { type?: string; data?: number[] } | null)?.type === 'Buffer' ? each : undefined;
    return bytes ? `bytes ${Buffer.from((bytes as { data: number[] }).data).toString('hex')}` : each;
  });
}

export function listen(socket: Socket): IoClient {
  const log: string[] = [];
  socket.on('connect', () => log.push('connect'));
  socket.on('disconnect', (reason) => log.push(`disconnect ${reason}`));
  socket.on('connect_error', (error) => log.push(`connect_error ${error.message}`));
  socket.onAny((event: string, ...given: unknown[]) => {
    if (event !== 'question') log.push(`${event} ${shown(given)}`);
  });
  socket.on('question', (data: unknown, answer: (data: unknown) => void) => answer(`answer to ${shown(data)}`));
  return { socket, log };
}

/** In the clear. */
export function plainClient(url: string, path: string, options: Options = {}, namespace = '/'): IoClient {
  return listen(io(url + namespace, { path, transports: ['websocket'], forceNew: true, ...options }));
}

export function sealedClient(client: E2eClient, url: string, options: Options = {}, namespace = '/'): IoClient {
  return listen(io(url + namespace, { transports: [sealedTransport(client)], forceNew: true, ...options }));
}

/** The client's own, with a WebSocket in Node 20. */
export const clientOf = (app: TestApp, options: object = {}): E2eClient =>
  app.client({ webSocket: WebSocket, ...options });

export async function connected(one: IoClient): Promise<IoClient> {
  await until(() => one.log.length > 0);
  return one;
}
