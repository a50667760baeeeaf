import { StreamError } from '../../protocol/frames.js';
import { utf8 } from '../../protocol/json.js';
import {
  CLOSE_CODE,
  SOCKET_KIND,
  SOCKET_OVERHEAD_BYTES,
  SOCKET_PATIENCE_MS,
  type SocketEnd,
  type SocketMessage,
} from '../../protocol/socket.js';
import type { SocketOpener, SocketSealer } from '../channel/sockets.js';
import { E2eClientError, failure } from '../errors.js';
import { isA } from '../runtime.js';
import { dispatch } from './dispatch.js';
import type { OwnSocket } from './own-socket.js';
import { checkEnd } from './prepare.js';

type Data = string | ArrayBuffer | ArrayBufferView | Blob;
type Plaintext = Uint8Array<ArrayBuffer>;

/** The used part of the connected WebSocket. */
export interface RawSocket {
  readonly protocol: string;
  readonly bufferedAmount: number;
  binaryType: string;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onerror: (() => void) | null;
  onclose: ((event: { readonly code: number }) => void) | null;
  send(data: string | Plaintext): void;
  close(): void;
  /** Messages between the server's head and the start of the stream. */
  early?: unknown[];
  /** Whether it has already closed. */
  hasClosed?: boolean;
}

/**
 * A socket between its heads and its close (PROTOCOL §7). WebCrypto is asynchronous, and the order is kept in both
 * directions.
 */
export class SocketStream {
  readonly #socket: OwnSocket;
  readonly #raw: RawSocket;
  readonly #opener: SocketOpener;
  readonly #sealer: SocketSealer;
  #incoming = Promise.resolve();
  #outgoing = Promise.resolve();
  /** Bytes that are not sealed yet. */
  #unsealed = 0;
  #received: SocketEnd | undefined;
  #isBroken = false;
  /** Whether the end was sent or is being sent. */
  #hasSaidEnd = false;
  #failed: unknown;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: OwnSocket, raw: RawSocket, opener: SocketOpener, sealer: SocketSealer) {
    this.#socket = socket;
    this.#raw = raw;
    this.#opener = opener;
    this.#sealer = sealer;
  }

  start(protocol = ''): void {
    const [socket, raw] = [this.#socket, this.#raw];
    Object.defineProperty(socket, 'bufferedAmount', { get: () => this.#unsealed + raw.bufferedAmount });
    Object.assign(socket, {
      readyState: 1,
      protocol,
      send: (data: Data) => this.#send(data),
      close: (code?: number, reason?: string) => this.#close(code, reason),
    });
    raw.onmessage = ({ data }) => this.#take(data);
    raw.onclose = () => void (this.#incoming = this.#incoming.then(() => this.#closed()));
    const early = raw.early ?? [];
    dispatch(socket, 'open', {});
    for (const data of early) this.#take(data);
    if (raw.hasClosed) raw.onclose({ code: CLOSE_CODE.abnormal });
  }

  #take(data: unknown): void {
    this.#incoming = this.#incoming.then(() => this.#open(data)).catch((error: unknown) => this.#break(error));
  }

  async #open(data: unknown): Promise<void> {
    if (this.#received || this.#isBroken) return;
    if (!(data instanceof ArrayBuffer)) throw new TypeError('a text message came after the head');
    const { limit } = this.#opener;
    if (data.byteLength - SOCKET_OVERHEAD_BYTES > limit) {
      throw await failure('answer-too-large', 'longMessage', { limit });
    }
    const message = await this.#opener.open(new Uint8Array(data));
    if (message.kind === SOCKET_KIND.end) {
      this.#received = message;
      // The server closes the connection once it has the response.
      this.#end(message);
    } else if (this.#socket.readyState === 1) {
      const origin = new URL(this.#socket.url).origin;
      dispatch(this.#socket, 'message', {}, new MessageEvent('message', { data: this.#shown(message), origin }));
    }
  }

  #shown(message: Exclude<SocketMessage, { kind: typeof SOCKET_KIND.end }>): string | ArrayBuffer | Blob {
    if (message.kind === SOCKET_KIND.text) return message.text;
    const bytes = message.data as Plaintext;
    return this.#socket.binaryType === 'blob' ? new Blob([bytes]) : bytes.slice().buffer;
  }

  #send(data: Data): void {
    const isBlob = isA('Blob', data);
    // Read now, because the caller may change the bytes as soon as this returns.
    const plaintext = isBlob ? undefined : bytesOf(data as Exclude<Data, Blob>);
    const length = isBlob ? (data as Blob).size : plaintext!.length;
    // As in the standard, what is sent too late stays in the count.
    this.#unsealed += length;
    if (this.#socket.readyState !== 1) return;
    this.#queue(async () => {
      const bytes = plaintext ?? new Uint8Array(await (data as Blob).arrayBuffer());
      if (!this.#sealer.hasRoomFor(length)) return this.#sayEnd({ code: CLOSE_CODE.tryAgainLater, reason: '' });
      const kind = typeof data === 'string' ? SOCKET_KIND.text : SOCKET_KIND.binary;
      const message = await this.#sealer.seal(kind, bytes);
      this.#unsealed -= length;
      this.#raw.send(message);
    });
  }

  #close(code?: number, reason = ''): void {
    checkEnd(code, reason);
    // As in browsers, a reason without a code gets 1000.
    this.#end({ code: code ?? (reason === '' ? undefined : 1000), reason });
  }

  #end({ code, reason }: SocketEnd): void {
    if (this.#socket.readyState !== 1) return;
    this.#leave();
    this.#queue(() => this.#sayEnd({ code, reason }));
  }

  /** Only the first end counts. A direction at its limit has no room for waiting messages, and must report that. */
  async #sayEnd(end: SocketEnd): Promise<void> {
    if (this.#hasSaidEnd) return;
    this.#hasSaidEnd = true;
    this.#leave();
    this.#raw.send(await this.#sealer.end(end));
  }

  #leave(): void {
    this.#socket.readyState = 2;
    this.#timer ??= setTimeout(() => this.#break(), SOCKET_PATIENCE_MS);
  }

  /** Runs tasks one after another. */
  #queue(send: () => Promise<void>): void {
    this.#outgoing = this.#outgoing.then(() => (this.#isBroken ? undefined : send()));
    this.#outgoing = this.#outgoing.catch((error: unknown) => this.#break(error));
  }

  /** @param error the reason; none if the other side only did not respond. */
  #break(error?: unknown): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#failed = error;
    this.#socket.readyState = 2;
    this.#raw.close();
  }

  async #closed(): Promise<void> {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    const wasClean = this.#received !== undefined && !this.#isBroken;
    socket.readyState = 3;
    // As in browsers, a connection that was only cut has no error.
    if (this.#failed) dispatch(socket, 'error', { error: await shown(this.#failed) });
    const { code = CLOSE_CODE.noStatus, reason = '' } = wasClean ? this.#received! : { code: CLOSE_CODE.abnormal };
    dispatch(socket, 'close', { code, reason, wasClean });
  }
}

async function shown(error: unknown): Promise<E2eClientError> {
  if (error instanceof E2eClientError) return error;
  return failure(error instanceof StreamError ? error.code : 'stream-broken', 'socket');
}

function bytesOf(data: Exclude<Data, Blob>): Plaintext {
  if (typeof data === 'string') return utf8(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
    : new Uint8Array(data.slice(0));
}
