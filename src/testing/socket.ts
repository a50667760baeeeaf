/* eslint-disable @typescript-eslint/unbound-method -- the methods are only looked for in the stack, to find who called them */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { WebSocketClass } from '../client/options.js';
import type { E2eWebSocket } from '../client/socket/own-socket.js';
import { E2eExpectationError, placeOf, putAt, type Place } from './expectations.js';

/** A message of the server's: text, or bytes. */
export type SocketMessage = string | Uint8Array;

/** How a socket ended: the code and the reason that the server said, or 1006 where it did not open, or was cut. */
export interface SocketEnd {
  readonly code: number;
  readonly reason: string;
  /** Why it did not open or was broken, where that is known. */
  readonly error?: unknown;
}

/** How long a message, or the end, may take, in milliseconds. */
const PATIENCE_MS = 5_000;

/**
 * A sealed socket in a test: what comes is kept until it is asked for, in its order.
 *
 * @example
 * const socket = await agent.webSocket('/live');
 * socket.send({ event: 'echo', data: 1 });
 * expect(await socket.nextJson()).toEqual({ event: 'echo', data: 1 });
 * await socket.close();
 */
export class E2eTestSocket {
  readonly #socket: E2eWebSocket;
  readonly #messages: SocketMessage[] = [];
  #end: SocketEnd | undefined;
  #error: unknown;
  /** Called with each thing that happens. */
  #wake: () => void = () => undefined;

  /** By `agent.webSocket()` alone. */
  constructor(socket: E2eWebSocket) {
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    const happened = (note: () => void) => () => {
      note();
      this.#wake();
    };
    socket.onopen = happened(() => undefined);
    socket.onmessage = ({ data }) =>
      happened(() => this.#messages.push(typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer)))();
    socket.onerror = ({ error }) => (this.#error = error);
    socket.onclose = ({ code, reason }) =>
      happened(() => (this.#end = { code, reason, ...(this.#error !== undefined && { error: this.#error }) }))();
  }

  /** The application's subprotocol that the server selected; empty where it has none. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  /** Sends text or bytes as they are, and anything else as JSON, such as Nest's `{ event, data }`. */
  send(message: string | Uint8Array | object): this {
    const isRaw = typeof message === 'string' || message instanceof Uint8Array;
    this.#socket.send(isRaw ? message : JSON.stringify(message));
    return this;
  }

  /**
   * The next message.
   *
   * @throws E2eExpectationError where the socket ends before it, or none comes within 5 seconds.
   */
  async next(): Promise<SocketMessage> {
    return this.#next(placeOf(this.next));
  }

  /** The next message, from JSON. */
  async nextJson(): Promise<unknown> {
    const place = placeOf(this.nextJson);
    const message = await this.#next(place);
    try {
      return JSON.parse(message as string) as unknown;
    } catch {
      throw putAt(new E2eExpectationError('The message is no JSON', { actual: message }), place);
    }
  }

  /** Closes it, and waits until the server has answered. */
  async close(code?: number, reason?: string): Promise<SocketEnd> {
    const place = placeOf(this.close);
    this.#socket.close(code, reason);
    return this.#ended(place);
  }

  /**
   * Waits for the end, which is to have this code, and this reason where one is given. Messages that came before it can
   * still be read.
   *
   * @throws E2eExpectationError for another code, or where it does not end within 5 seconds.
   */
  async expectEnd(code: number, reason?: string): Promise<SocketEnd> {
    const place = placeOf(this.expectEnd);
    const end = await this.#ended(place);
    if (end.code === code && (reason === undefined || end.reason === reason)) return end;
    const expected = [code, reason].filter((each) => each !== undefined).join(' ');
    throw putAt(
      new E2eExpectationError(`The socket ended with ${`${end.code} ${end.reason}`.trim()}, not with ${expected}`, {
        actual: { code: end.code, reason: end.reason },
        expected: { code, ...(reason !== undefined && { reason }) },
      }),
      place,
    );
  }

  /** For `agent.webSocket()`: until it is open. */
  async opened(place: Place): Promise<this> {
    await this.#until(() => this.#socket.readyState !== 0, 'The socket did not open', place);
    if (this.#socket.readyState === 1) return this;
    await this.#ended(place);
    if (this.#error instanceof Error) throw this.#error;
    throw putAt(new E2eExpectationError('The socket did not open'), place);
  }

  async #next(place: Place): Promise<SocketMessage> {
    await this.#until(() => this.#messages.length > 0 || this.#end !== undefined, 'No message came', place);
    const message = this.#messages.shift();
    if (message !== undefined) return message;
    const { code, reason } = this.#end!;
    throw putAt(
      new E2eExpectationError(`The socket ended (${`${code} ${reason}`.trim()}) before a message came`),
      place,
    );
  }

  async #ended(place: Place): Promise<SocketEnd> {
    await this.#until(() => this.#end !== undefined, 'The socket did not end', place);
    return this.#end!;
  }

  async #until(condition: () => boolean, otherwise: string, place: Place): Promise<void> {
    const late = Date.now() + PATIENCE_MS;
    const timer = setTimeout(() => this.#wake(), PATIENCE_MS + 10);
    while (!condition()) {
      if (Date.now() >= late) {
        throw putAt(new E2eExpectationError(`${otherwise} within ${PATIENCE_MS / 1000} s`), place);
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    clearTimeout(timer);
  }
}

/** That of the package `ws`, which every application under `E2eWsAdapter` has; else the one of this Node. */
export function webSocketClass(): WebSocketClass | undefined {
  try {
    const require = createRequire(join(process.cwd(), 'package.json'));
    return (require('ws') as { WebSocket: WebSocketClass }).WebSocket;
  } catch {
    return undefined;
  }
}
