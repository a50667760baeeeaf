import { randomBytes } from 'node:crypto';
import type { E2eClient, E2eWebSocket } from '../../../../src/client/index.js';
import { until } from '../../../support/clock.js';
import type { Lab } from './harness.js';

/** What a client's application saw of its socket. */
export interface Visit {
  /** The messages that it was handed. */
  readonly read: readonly string[];
  /** `closed in order`, or the code of the error. */
  readonly outcome: string;
}

/** A library's sockets, as far as the attacks on them differ. */
export interface SocketStack {
  readonly name: string;
  /** Of the sealed gateway. */
  readonly target: string;
  /** Of another sealed gateway. */
  readonly otherTarget: string;
  /**
   * The numbers of the messages that are sent one after another without waiting, each way: each of them runs one handler,
   * or is one answer that the application is handed.
   */
  readonly burst: readonly [first: number, last: number];
  /** Opens a socket by the real client, sends the burst, waits for the answers to it, and closes in order. */
  readonly visit: (lab: Lab, client?: E2eClient) => Promise<Visit>;
}

/** What a handler was given, and what it must not be found as on the wire. */
export const CANARIES = ['first', 'second'].map((name) => `${name}-${randomBytes(9).toString('hex')}`);
export const CLOSED = 'closed in order';

export interface Listening {
  readonly socket: E2eWebSocket;
  readonly read: readonly string[];
  isOpen: boolean;
  /** As in `Visit`, once it is over. */
  outcome: string | undefined;
}

/** A socket with what the application hears of it. */
export function listen(socket: E2eWebSocket): Listening {
  const read: string[] = [];
  const heard: Listening = { socket, read, isOpen: false, outcome: undefined };
  let code: string | undefined;
  socket.addEventListener('open', () => (heard.isOpen = true));
  socket.addEventListener('message', ({ data }) => read.push(typeof data === 'string' ? data : 'bytes'));
  socket.addEventListener('error', ({ error }) => (code = (error as { code?: string }).code));
  socket.addEventListener('close', (end) => {
    const isInOrder = end.wasClean && end.code === 3000 && end.reason === 'bye';
    heard.outcome = code ?? (isInOrder ? CLOSED : `${end.code} ${end.reason}`);
  });
  return heard;
}

export const message = (event: string, data?: unknown): string => JSON.stringify({ event, data });

export const ws: SocketStack = {
  name: 'ws',
  target: '/bank/live',
  otherTarget: '/bank/other',
  burst: [1, 3],
  visit: async (lab, client = lab.client()) => {
    const heard = listen(client.webSocket('/bank/live'));
    await until(() => heard.isOpen || heard.outcome !== undefined);
    if (heard.isOpen) {
      heard.socket.send(message('transfer', CANARIES[0]));
      heard.socket.send(message('balance'));
      heard.socket.send(message('transfer', CANARIES[1]));
      await until(() => heard.read.length === 3 || heard.outcome !== undefined);
      heard.socket.close(3000, 'bye');
    }
    await until(() => heard.outcome !== undefined);
    return { read: heard.read, outcome: heard.outcome! };
  },
};
