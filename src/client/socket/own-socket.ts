/** The events of a sealed socket; `error` has the reason as its `error`. */
export interface E2eWebSocketEventMap {
  open: Event;
  message: MessageEvent<string | ArrayBuffer | Blob>;
  error: Event & { readonly error?: unknown };
  close: CloseEvent;
}

type Listener<Name extends keyof E2eWebSocketEventMap> = ((event: E2eWebSocketEventMap[Name]) => unknown) | null;

/** The values of `readyState`. */
export interface SocketStates {
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;
}

/** Opens sealed sockets, as a function and as a constructor, for libraries that take a `WebSocket` class. */
export interface E2eWebSocketConstructor extends SocketStates {
  (url: string | URL, protocols?: string | readonly string[]): E2eWebSocket;
  new (url: string | URL, protocols?: string | readonly string[]): E2eWebSocket;
}

/** A `WebSocket` (the WebSockets standard, §3) over the channel. */
export interface E2eWebSocket extends EventTarget, SocketStates {
  /** With the scheme `ws` or `wss`. */
  readonly url: string;
  readonly readyState: 0 | 1 | 2 | 3;
  /** The application's own subprotocol that the server selected; it travels sealed. */
  readonly protocol: string;
  readonly extensions: '';
  /** Bytes passed to `send` that were not sent yet, as on the wire. */
  readonly bufferedAmount: number;
  binaryType: 'blob' | 'arraybuffer';
  onopen: Listener<'open'>;
  onmessage: Listener<'message'>;
  onerror: Listener<'error'>;
  onclose: Listener<'close'>;
  /** @throws DOMException `InvalidStateError` before `open`. */
  send(data: string | ArrayBuffer | ArrayBufferView | Blob): void;
  /** @throws DOMException for a code but 1000 and 3000 to 4999, and for a reason of more than 123 bytes. */
  close(code?: number, reason?: string): void;
  addEventListener<Name extends keyof E2eWebSocketEventMap>(
    type: Name,
    listener: (event: E2eWebSocketEventMap[Name]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** What the parts that are loaded later can change in a socket. */
export type OwnSocket = { -readonly [Name in keyof E2eWebSocket]: E2eWebSocket[Name] };
