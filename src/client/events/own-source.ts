/** The `init` of `client.eventSource`, similar to that of `fetch`. */
export interface E2eEventSourceInit {
  /** Default `'GET'`. */
  readonly method?: string;
  readonly headers?: HeadersInit;
  /** Sent with every connection, so it cannot be a stream. */
  readonly body?: string | ArrayBuffer | ArrayBufferView<ArrayBuffer> | Blob | FormData | URLSearchParams | null;
  /** Closes the event source. */
  readonly signal?: AbortSignal | null;
  readonly credentials?: RequestCredentials;
}

/** The `error` event of an event source. */
export interface E2eErrorEvent extends Event {
  /** Why the connection ended: an E2eClientError, or what `fetch` threw; `undefined` if the response just ended. */
  readonly error?: unknown;
}

/** The events of an event source. Any other name is a `MessageEvent` with that name in the stream's `event:`. */
export interface E2eEventSourceEventMap {
  open: Event;
  message: MessageEvent<string>;
  error: E2eErrorEvent;
}

type Listener<Target, Each> = ((this: Target, event: Each) => unknown) | null;

/**
 * An `EventSource` (HTML §9.2) over the channel, and an async iterable of its events. An iteration begins with the next
 * event, pauses the connection until each event is taken, and closes the event source when you leave the loop. It ends when
 * the event source is closed, and throws when the connection has failed permanently.
 */
export interface E2eEventSource extends EventTarget, AsyncIterable<MessageEvent<string>> {
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSED: 2;
  readonly url: string;
  readonly readyState: 0 | 1 | 2;
  /** The `id` of the last event. Each new connection sends it, sealed, as `last-event-id`. */
  readonly lastEventId: string;
  onopen: Listener<E2eEventSource, Event>;
  onmessage: Listener<E2eEventSource, MessageEvent<string>>;
  onerror: Listener<E2eEventSource, E2eErrorEvent>;
  close(): void;
  addEventListener<Name extends keyof E2eEventSourceEventMap>(
    type: Name,
    listener: (this: E2eEventSource, event: E2eEventSourceEventMap[Name]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener:
      ((this: E2eEventSource, event: MessageEvent<string>) => unknown) | EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** What the part that is loaded later can change in an event source. */
export type OwnEventSource = { -readonly [Name in keyof E2eEventSource]: E2eEventSource[Name] };
