import type { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';
import type { AcceptedSocket } from '../channel/message.js';
import type { EndCause } from '../nest/keys/running-streams.js';
import type { OpenedSocket } from '../nest/exchange/socket-admission.js';
import type { Bytes } from '../protocol/crypto.js';
import { SOCKET_KIND } from '../protocol/socket.js';
import { SocketLink, type LinkLimits } from './socket-link.js';
import type { ReceivedMessage } from './waiting-sockets.js';

/** The library's own class, from the server's copy of the library. */
export type LibrarySocketClass = typeof WebSocket;

type Done = (error?: Error) => void;
interface SendOptions {
  readonly binary?: boolean;
  readonly fin?: boolean;
}

/** What a sealed socket is made of. */
interface SealedSocketParts {
  readonly raw: WebSocket;
  readonly opened: OpenedSocket;
  readonly protocol: string | undefined;
  readonly limits: LinkLimits;
  readonly beforeEnd: BeforeEnd;
  /** What arrived after the head. */
  readonly early: readonly ReceivedMessage[];
}

/** Called when a socket ends early, so that its library can send something first; then it calls `end`. */
export type BeforeEnd = (socket: WebSocket, cause: EndCause, end: () => void) => void;

export interface SealedSocketClass {
  new (accepted: AcceptedSocket, parts: SealedSocketParts): WebSocket;
  /** Delivers messages from now on, unless the application has paused the socket. */
  begin(socket: WebSocket): void;
}

/** The used part of the library's class: everything else is replaced. Without an address it connects to nothing. */
type LibrarySocket = new (
  address: null,
  protocols: undefined,
  options: object,
) => EventEmitter & { readonly binaryType: WebSocket['binaryType'] };

const NO_BYTES = Buffer.alloc(0);
const OPEN = 1;

/**
 * The class of the sockets that the application gets: to it they are the library's own. The library's part of them is not
 * connected to anything, so that no method, and none of its insides, can write past the frames (`_socket` and `_sender`
 * are null); what is connected is a second one, which only the link has.
 */
export function sealedSocketClass(library: LibrarySocketClass, options: object): SealedSocketClass {
  const Base = library as unknown as LibrarySocket;
  class SealedSocket extends Base {
    readonly #raw: WebSocket;
    readonly #link: SocketLink;
    readonly #selected: string;
    /** The fragments of a message that the application sends in parts. */
    #parts: Buffer[] = [];
    /** What arrives before the application listens. The library delivers what it has read, also when it is paused. */
    readonly #held: ReceivedMessage[];
    #isHeld = true;
    #hasBegun = false;
    /** Whether the application wants it to be. */
    #isPaused = false;

    static begin(socket: SealedSocket): void {
      socket.#hasBegun = true;
      socket.#deliver();
    }

    constructor(accepted: AcceptedSocket, { raw, opened, protocol, limits, beforeEnd, early }: SealedSocketParts) {
      super(null, undefined, options);
      this.#raw = raw;
      this.#held = [...early];
      this.#selected = protocol ?? '';
      this.#link = new SocketLink(raw, accepted, limits, {
        onMessage: (data, isBinary) => this.emit('message', this.#shown(data, isBinary), isBinary),
        onError: (error) => {
          if (this.listenerCount('error') > 0) this.emit('error', error);
        },
        onClose: (code, reason) => {
          noteOver(this.#link.hasEnded, this.#link.cause);
          this.emit('close', code, Buffer.from(reason));
        },
      });
      raw.on('message', (data: Buffer, isBinary: boolean) => {
        if (this.#isHeld) this.#held.push({ data, isBinary });
        else this.#link.receive(data, isBinary);
      });
      // Before the link's listener: the library, too, delivers what it has read before its close.
      raw.prependListener('close', () => {
        while (this.#held.length > 0) this.#receiveHeld();
      });
      raw.on('pong', () => this.emit('pong', NO_BYTES));
      raw.on('ping', () => {
        this.#link.checkBuffered();
        this.emit('ping', NO_BYTES);
      });
      const noteOver = opened.supervise(this, accepted, (cause) => {
        beforeEnd(this as unknown as WebSocket, cause, () => this.#link.supersede(cause));
      });
    }

    get readyState(): 0 | 1 | 2 | 3 {
      return this.#link.state as 1 | 2 | 3;
    }

    get protocol(): string {
      return this.#selected;
    }

    get bufferedAmount(): number {
      return this.#raw.bufferedAmount;
    }

    get isPaused(): boolean {
      return this.#isPaused;
    }

    pause(): void {
      this.#isPaused = true;
      this.#raw.pause();
    }

    resume(): void {
      this.#isPaused = false;
      if (!this.#isHeld) this.#raw.resume();
      // Later, as the library does.
      else if (this.#hasBegun) process.nextTick(() => this.#deliver());
    }

    #deliver(): void {
      // A listener may pause it again.
      while (!this.#isPaused && this.#held.length > 0) this.#receiveHeld();
      if (this.#isPaused || !this.#isHeld) return;
      this.#isHeld = false;
      this.#raw.resume();
    }

    /** A listener that throws is the application's error, as in the library: neither the next message nor the close waits. */
    #receiveHeld(): void {
      const { data, isBinary } = this.#held.shift()!;
      try {
        this.#link.receive(data, isBinary);
      } catch (error) {
        process.nextTick(() => {
          throw error;
        });
      }
    }

    send(data: unknown, options?: SendOptions | Done, done?: Done): void {
      const given = typeof options === 'function' ? {} : (options ?? {});
      const callback = typeof options === 'function' ? options : done;
      const part = toBuffer(data);
      if (this.readyState !== OPEN) {
        const error = new Error(`WebSocket is not open: readyState ${this.readyState}`);
        if (callback) process.nextTick(callback, error);
        return;
      }
      this.#parts.push(part);
      if (given.fin === false) {
        if (callback) process.nextTick(callback);
        return;
      }
      const whole = this.#parts.length === 1 ? part : Buffer.concat(this.#parts);
      this.#parts = [];
      const isBinary = given.binary ?? (typeof data !== 'string' && typeof data !== 'number');
      this.#link.send(isBinary ? SOCKET_KIND.binary : SOCKET_KIND.text, whole, callback);
    }

    close(code?: number, reason?: string | Buffer): void {
      this.#link.end({ code, reason: reason === undefined ? '' : String(reason) });
    }

    terminate(): void {
      this.#link.terminate();
    }

    /** Carries no data: a ping is not sealed. */
    ping(...given: unknown[]): void {
      this.#raw.ping(NO_BYTES, undefined, callbackOf(given));
    }

    /** Likewise. */
    pong(...given: unknown[]): void {
      this.#raw.pong(NO_BYTES, undefined, callbackOf(given));
    }

    /** A message as the library delivers it: text also as bytes. */
    #shown(data: Bytes, isBinary: boolean): Buffer | ArrayBuffer | Buffer[] {
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      if (!isBinary || this.binaryType === 'nodebuffer') return bytes;
      if (this.binaryType === 'arraybuffer') return new Uint8Array(bytes).buffer;
      return [bytes];
    }
  }
  return SealedSocket as unknown as SealedSocketClass;
}

function callbackOf(given: readonly unknown[]): Done | undefined {
  return given.find((each): each is Done => typeof each === 'function');
}

/** The types that the library accepts as a message, except a Blob, which is read later. */
function toBuffer(data: unknown): Buffer {
  if (typeof data === 'string' || typeof data === 'number') return Buffer.from(String(data));
  if (Buffer.isBuffer(data)) return data;
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return Buffer.from(data);
  if (data instanceof Blob) throw new TypeError('A sealed socket sends no Blob: send await blob.arrayBuffer().');
  return Buffer.from(data as Uint8Array);
}
