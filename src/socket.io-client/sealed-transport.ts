import type { ManagerOptions } from 'socket.io-client';
import type { E2eClient } from '../client/client.js';
import type { E2eWebSocket } from '../client/socket/own-socket.js';

/** The type of the option `transports` of socket.io's client. */
export type SocketIoTransport = Extract<
  NonNullable<ManagerOptions['transports']>[number],
  abstract new (...given: never) => unknown
>;

/** A packet of Engine.IO 4, the protocol below that of socket.io. */
interface Packet {
  readonly type: string;
  readonly data?: unknown;
}

/** The arguments of a transport of engine.io's client. */
interface TransportOptions {
  readonly hostname: string;
  readonly port: string | number;
  readonly secure: boolean;
  /** With a slash at its end. */
  readonly path: string;
  readonly query: Record<string, string>;
  readonly protocols?: string | string[];
  /** The client's connection that uses this transport. */
  readonly socket: { readonly binaryType: string };
}

type Listener = (fact?: unknown) => void;

const NAME = 'websocket';
/** By their numbers. */
const PACKET_TYPES = ['open', 'close', 'ping', 'pong', 'message', 'upgrade', 'noop'];

/** The events of a transport, as engine.io's client listens to them. */
class Events {
  readonly #listeners = new Map<string, Set<Listener>>();

  on(name: string, listener: Listener): this {
    this.#listeners.set(name, (this.#listeners.get(name) ?? new Set()).add(listener));
    return this;
  }

  removeAllListeners(name?: string): this {
    if (name === undefined) this.#listeners.clear();
    else this.#listeners.delete(name);
    return this;
  }

  emit(name: 'open' | 'drain' | 'packet' | 'error' | 'close', fact?: unknown): void {
    for (const listener of this.#listeners.get(name) ?? []) listener(fact);
  }
}

/**
 * A transport of socket.io's client over the client's channel, to gateways under `E2eIoAdapter`. socket.io connects again
 * by itself, each time with a sealed socket of its own, on a fresh channel where the old one is over. When the
 * session has ended, the reason of `disconnect` is `io server disconnect`, after which socket.io does not connect by itself.
 * `connect_error` gets the `E2eClientError` that says why a socket did not open. The URL's origin is the client's, and there
 * is no other transport beside it. Works with the ESM and the CommonJS build of socket.io-client 4.8, in Node and browsers.
 *
 * @example
 * const client = createE2eClient({ baseUrl: 'https://api.example.com' });
 * const socket = io('https://api.example.com', { transports: [sealedTransport(client)] });
 */
export function sealedTransport(client: Pick<E2eClient, 'webSocket'>): SocketIoTransport {
  class SealedTransport extends Events {
    readonly query: Record<string, string>;
    readonly supportsBinary = true;
    writable = false;
    readyState: 'opening' | 'open' | 'closed' | undefined;
    readonly #options: TransportOptions;
    #webSocket: E2eWebSocket | undefined;

    constructor(options: TransportOptions) {
      super();
      this.#options = options;
      this.query = options.query;
    }

    /** Read from the prototype. */
    get name(): string {
      return NAME;
    }

    open(): this {
      const { hostname, port, secure, path, protocols } = this.#options;
      const host = hostname.includes(':') ? `[${hostname}]` : hostname;
      const query = new URLSearchParams(this.query).toString();
      this.readyState = 'opening';
      try {
        const url = `http${secure ? 's' : ''}://${host}${port ? `:${port}` : ''}${path}?${query}`;
        const webSocket = client.webSocket(url, protocols);
        this.#webSocket = webSocket;
        webSocket.binaryType = 'arraybuffer';
        webSocket.onopen = () => this.#begin();
        webSocket.onmessage = ({ data }) => this.emit('packet', this.#decode(data as string | ArrayBuffer));
        webSocket.onerror = ({ error }) => this.emit('error', error);
        webSocket.onclose = (context) => this.#end({ description: 'websocket connection closed', context });
      } catch (error) {
        this.emit('error', error);
      }
      return this;
    }

    send(packets: readonly Packet[]): void {
      if (this.readyState !== 'open') return;
      this.writable = false;
      for (const { type, data } of packets) this.#webSocket?.send(encode(type, data));
      // Deferred, because the caller clears the sent packets only then.
      void Promise.resolve().then(() => {
        this.writable = true;
        this.emit('drain');
      });
    }

    close(): this {
      if (this.readyState !== 'opening' && this.readyState !== 'open') return this;
      const webSocket = this.#webSocket;
      if (webSocket) {
        webSocket.onopen = webSocket.onmessage = webSocket.onerror = webSocket.onclose = null;
        webSocket.close();
      }
      this.#end();
      return this;
    }

    #begin(): void {
      this.readyState = 'open';
      this.writable = true;
      this.emit('open');
    }

    #end(details?: object): void {
      this.readyState = 'closed';
      this.emit('close', details);
    }

    #decode(data: string | ArrayBuffer): Packet {
      if (typeof data !== 'string') return { type: 'message', data: this.#shown(data) };
      const type = PACKET_TYPES[Number(data[0] ?? NaN)];
      if (type === undefined) return { type: 'error', data: 'parser error' };
      return data.length > 1 ? { type, data: data.slice(1) } : { type };
    }

    /** Bytes as the library's own transports deliver them: in Node as a Buffer. */
    #shown(bytes: ArrayBuffer): unknown {
      const { binaryType } = this.#options.socket;
      const { Buffer: NodeBuffer } = globalThis as { Buffer?: { from(bytes: ArrayBuffer): unknown } };
      if (binaryType === 'blob') return new Blob([bytes]);
      return binaryType === 'nodebuffer' && NodeBuffer ? NodeBuffer.from(bytes) : bytes;
    }
  }
  return SealedTransport as unknown as SocketIoTransport;
}

function encode(type: string, data: unknown): Parameters<E2eWebSocket['send']>[0] {
  if (data !== undefined && typeof data !== 'string') return data as ArrayBuffer | ArrayBufferView | Blob;
  return `${PACKET_TYPES.indexOf(type)}${data ?? ''}`;
}
