/* eslint-disable @typescript-eslint/unbound-method -- the methods are only looked for in the stack, to find who called them */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { WebSocketClass } from '../client/options.js';
import type { E2eWebSocket } from '../client/socket/own-socket.js';
import { E2eExpectationError, placeOf, putAt, type Place } from './expectations.js';

/** A message of the server's: text, or bytes. */
export type TestSocketMessage = string | Uint8Array;

/** How a socket ended: its code and reason, or 1006 if it did not open or was cut. */
export interface TestSocketEnd {
  readonly code: number;
  readonly reason: string;
  /** Why it did not open or was broken, if that is known. */
  readonly error?: unknown;
}

/** How long anything that is waited for may take, in milliseconds. */
const PATIENCE_MS = 5_000;

/**
 * A sealed socket in a test. Messages are kept in order until the test reads them. Each wait takes at most 5 seconds.
 * Several waits at once are served in the order in which they were called.
 *
 * @example
 * const socket = await agent.webSocket('/live');
 * socket.send({ event: 'echo', data: 1 });
 * expect(await socket.nextJson()).toEqual({ event: 'echo', data: 1 });
 * await socket.close();
 */
export class E2eTestSocket {
  readonly #socket: E2eWebSocket;
  readonly #messages: TestSocketMessage[] = [];
  /** Waits that are checked on each event. */
  readonly #waits = new Set<() => void>();
  #end: TestSocketEnd | undefined;
  #error: unknown;

  /** By `agent.webSocket()` alone. */
  constructor(socket: E2eWebSocket) {
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    const happened = (note: () => void) => () => {
      note();
      for (const look of this.#waits) look();
    };
    socket.onopen = happened(() => undefined);
    socket.onmessage = ({ data }) =>
      happened(() => this.#messages.push(typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer)))();
    socket.onerror = ({ error }) => (this.#error = error);
    socket.onclose = ({ code, reason }) =>
      happened(() => (this.#end = { code, reason, ...(this.#error !== undefined && { error: this.#error }) }))();
  }

  /** The application's subprotocol that the server selected; empty if there is none. */
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
   * @throws E2eExpectationError if the socket ends before it, or none comes within 5 seconds.
   */
  async next(): Promise<TestSocketMessage> {
    return this.#next(placeOf(this.next));
  }

  /**
   * The next message, from JSON.
   *
   * @throws E2eExpectationError if it is no JSON, the socket ends before it, or none comes within 5 seconds.
   */
  async nextJson(): Promise<unknown> {
    const place = placeOf(this.nextJson);
    const message = await this.#next(place);
    try {
      return JSON.parse(message as string) as unknown;
    } catch {
      throw putAt(new E2eExpectationError('The message is no JSON', { actual: message }), place);
    }
  }

  /**
   * Closes it, and waits for the server's response. A socket that has ended does not change.
   *
   * @param code 1000, or 3000 to 4999. Default: none.
   * @param reason at most 123 bytes of UTF-8.
   *
   * @throws E2eExpectationError if it does not end within 5 seconds; DOMException for a wrong code or reason.
   */
  async close(code?: number, reason?: string): Promise<TestSocketEnd> {
    const place = placeOf(this.close);
    this.#socket.close(code, reason);
    return this.#ended(place);
  }

  /**
   * Waits for the end, which must have this code, and this reason if one is given. Messages that came before it can
   * still be read.
   *
   * @throws E2eExpectationError for another code, or another reason, or if it does not end within 5 seconds.
   */
  async expectEnd(code: number, reason?: string): Promise<TestSocketEnd> {
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
    await this.#taken(() => this.#socket.readyState !== 0 || undefined, 'The socket did not open', place);
    if (this.#socket.readyState === 1) return this;
    await this.#ended(place);
    if (this.#error instanceof Error) throw this.#error;
    throw putAt(new E2eExpectationError('The socket did not open'), place);
  }

  async #next(place: Place): Promise<TestSocketMessage> {
    const taken = await this.#taken(() => this.#messages.shift() ?? this.#end, 'No message came', place);
    if (typeof taken === 'string' || taken instanceof Uint8Array) return taken;
    const end = `${taken.code} ${taken.reason}`.trim();
    throw putAt(new E2eExpectationError(`The socket ended (${end}) before a message came`), place);
  }

  async #ended(place: Place): Promise<TestSocketEnd> {
    return this.#taken(() => this.#end, 'The socket did not end', place);
  }

  /** What `take` finds, now or later. Each wait gets a different message. */
  async #taken<T>(take: () => T | undefined, otherwise: string, place: Place): Promise<T> {
    let look = (): void => undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        look = () => {
          const taken = take();
          if (taken === undefined) return;
          this.#waits.delete(look);
          resolve(taken);
        };
        const late = new E2eExpectationError(`${otherwise} within ${PATIENCE_MS / 1000} s`);
        timer = setTimeout(() => reject(putAt(late, place)), PATIENCE_MS);
        this.#waits.add(look);
        look();
      });
    } finally {
      clearTimeout(timer);
      this.#waits.delete(look);
    }
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
