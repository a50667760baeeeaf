import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { MAX_HEAD_BYTES } from '../protocol/frames.js';
import { SOCKET_PATIENCE_MS } from '../protocol/socket.js';

export interface ReceivedMessage {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

/**
 * The first message of a socket; `late` if none came in time, `long` if it is longer than any head, `crowded` if its
 * place was needed.
 */
type FirstMessage = ReceivedMessage | 'late' | 'long' | 'crowded' | 'gone';

interface WaitingLimits {
  /** How many sockets may wait for their first message, in total and from one address. */
  readonly maxWaiting: number;
  readonly maxWaitingPerAddress: number;
}

/** A socket that was not accepted yet. */
interface WaitingSocket {
  readonly first: Promise<FirstMessage>;
  /** Releases its place. Returns what arrived after the first message; the socket has been paused since then. */
  readonly leave: () => readonly ReceivedMessage[];
}

/** Bytes without a whole message, above which no head can come any more: the one before last may be a read of 64 KiB. */
const MAX_UNREAD_BYTES = 4 * MAX_HEAD_BYTES;

interface Place {
  readonly socket: WebSocket;
  readonly address: string;
  readonly giveWay: () => void;
}

/** The sockets that were not accepted yet. Over a limit, the one that has waited longest is closed (PROTOCOL §7). */
export class WaitingSockets {
  readonly #places = new Set<Place>();
  readonly #perAddress = new Map<string, number>();

  constructor(private readonly limits: WaitingLimits) {}

  /**
   * Makes a socket wait for its first message, and for the result of checking it.
   *
   * @param connection the connection that the socket reads from.
   */
  add(socket: WebSocket, connection: Duplex, address: string): WaitingSocket {
    const received: ReceivedMessage[] = [];
    let unread = 0;
    let settle: (outcome: FirstMessage) => void = () => undefined;
    const first = new Promise<FirstMessage>((resolve) => (settle = resolve));
    const timer = setTimeout(() => settle('late'), SOCKET_PATIENCE_MS).unref();

    const count = (chunk: Buffer): void => {
      unread += chunk.length;
      if (unread > MAX_UNREAD_BYTES) settle('long');
    };
    const collect = (data: Buffer, isBinary: boolean): void => {
      received.push({ data, isBinary });
      if (received.length > 1) return;
      connection.off('data', count);
      // Later messages wait until the first one was opened.
      socket.pause();
      settle(received[0]!);
    };
    const gone = (): void => {
      settle('gone');
      leave();
    };
    const giveWay = (): void => {
      leave();
      // A socket whose first message is being opened needs no further result.
      if (received.length > 0) socket.terminate();
      else settle('crowded');
    };
    const place = { socket, address, giveWay };
    const leave = (): readonly ReceivedMessage[] => {
      clearTimeout(timer);
      socket.off('message', collect).off('close', gone);
      connection.off('data', count);
      if (this.#places.delete(place)) this.#count(address, -1);
      return received.slice(1);
    };

    socket.on('message', collect).on('close', gone);
    connection.on('data', count);
    this.#places.add(place);
    this.#count(address, 1);
    this.#makeRoom(address);
    return { first, leave };
  }

  /** Cuts all waiting sockets. */
  clear(): void {
    for (const { socket } of this.#places) socket.terminate();
  }

  #count(address: string, change: 1 | -1): void {
    const count = (this.#perAddress.get(address) ?? 0) + change;
    if (count === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, count);
  }

  #makeRoom(address: string): void {
    const { maxWaiting, maxWaitingPerAddress } = this.limits;
    const isCrowdedThere = (this.#perAddress.get(address) ?? 0) > maxWaitingPerAddress;
    if (!isCrowdedThere && this.#places.size <= maxWaiting) return;
    const longest = [...this.#places].find((place) => !isCrowdedThere || place.address === address);
    longest?.giveWay();
  }
}
