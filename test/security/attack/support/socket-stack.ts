import { randomBytes } from 'node:crypto';
import type { E2eClient, E2eWebSocket } from '../../../../src/client/index.js';
import { until } from '../../../support/clock.js';
import type { Harness } from './harness.js';

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
  /** An event with its data, as its client and its server send it. */
  readonly event: (name: string, data?: unknown) => string;
  /** Opens a socket by the real client, up to where events can be sent, or to its end. */
  readonly open: (client: E2eClient) => Promise<Listening>;
  /** Opens one, sends the burst, waits for the answers to it, and closes in order. */
  readonly visit: (harness: Harness, client?: E2eClient) => Promise<Visit>;
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

/** What its application does with a socket that takes these events, and answers to each of them. */
export async function visit({ event, open }: Pick<SocketStack, 'event' | 'open'>, client: E2eClient): Promise<Visit> {
  const heard = await open(client);
  const isOver = (): boolean => heard.outcome !== undefined;
  if (!isOver()) {
    const before = heard.read.length;
    heard.socket.send(event('transfer', CANARIES[0]));
    heard.socket.send(event('balance'));
    heard.socket.send(event('transfer', CANARIES[1]));
    await until(() => heard.read.length === before + 3 || isOver());
    heard.socket.close(3000, 'bye');
  }
  await until(isOver);
  return { read: heard.read.filter(isEvent), outcome: heard.outcome! };
}

export const message = (event: string, data?: unknown): string => JSON.stringify({ event, data });

const openWs: SocketStack['open'] = async (client) => {
  const heard = listen(client.webSocket('/bank/live'));
  await until(() => heard.isOpen || heard.outcome !== undefined);
  return heard;
};

export const ws: SocketStack = {
  name: 'ws',
  target: '/bank/live',
  otherTarget: '/bank/other',
  burst: [1, 3],
  event: message,
  open: openWs,
  visit: (harness, client = harness.client()) => visit(ws, client),
};

// socket.io sends a packet of its own over one of engine.io, whose number comes first.
const CONNECT = '40';
const EVENT = '42';

const ioEvent = (name: string, data?: unknown): string => EVENT + JSON.stringify([name, data]);
/** Beside what engine.io and socket.io say to each other. */
const isEvent = (text: string): boolean => !/^(0|40|41)/.test(text);

export const socketIo: SocketStack = {
  name: 'socket.io',
  target: '/socket.io/',
  otherTarget: '/bank/other/',
  burst: [3, 5],
  event: ioEvent,
  open: async (client) => {
    const heard = listen(client.webSocket('/socket.io/?EIO=4&transport=websocket'));
    const isAt = (messages: number): boolean => heard.read.length === messages || heard.outcome !== undefined;
    await until(() => heard.isOpen || heard.outcome !== undefined);
    // It says nothing to a client that is there; the burst begins with the same message both ways.
    if (heard.isOpen) heard.socket.send('3');
    await until(() => isAt(1));
    if (heard.isOpen) heard.socket.send(CONNECT);
    await until(() => isAt(2));
    return heard;
  },
  visit: (harness, client = harness.client()) => visit(socketIo, client),
};
