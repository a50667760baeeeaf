import { need } from '../errors.js';
import type { EventSourceControls } from './controls.js';
import type { Settings } from '../options.js';
import { Handoff } from './handoff.js';

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

/** @throws TypeError if `fetch` would not accept `url` or `init`. */
export function openEventSource(
  url: string | URL,
  { signal, ...init }: E2eEventSourceInit,
  { base, sealHeaders, maxResponseSize: limit }: Settings,
  fetch: EventSourceControls['fetch'],
): E2eEventSource {
  const target = new URL(url, base);
  // Later, this could not be told from a network that fails.
  new Request(target, { ...init, duplex: 'half' } as RequestInit);
  const readers = new Set<Handoff<MessageEvent<string>>>();
  const closing = new AbortController();

  const controls: EventSourceControls = {
    init: init,
    url: target,
    fetch,
    sealsEventId: sealHeaders.includes('last-event-id'),
    limit,
    closing: closing.signal,
    lastEventId: new Headers(init.headers).get('last-event-id') ?? '',
    readyState: 0,
    dispatch: (event) => void source.dispatchEvent(event),
    deliver: (event) => {
      source.dispatchEvent(event);
      return Promise.all([...readers].map((reader) => reader.put(event)));
    },
    end: (error, isOnPurpose = false) => {
      if (controls.readyState === 2) return;
      controls.readyState = 2;
      signal?.removeEventListener('abort', close);
      closing.abort();
      for (const reader of readers) reader.end(isOnPurpose ? undefined : error);
      if (error !== undefined) source.dispatchEvent(Object.assign(new Event('error'), { error }));
    },
  };
  const close = () => controls.end();

  // Made here, since not every runtime that loads the client has an EventTarget.
  class SealedEventSource extends EventTarget {
    readonly CONNECTING = 0;
    readonly OPEN = 1;
    readonly CLOSED = 2;
    readonly url = target.href;
    readonly close = close;
    onopen = null;
    onmessage = null;
    onerror = null;
    get readyState() {
      return controls.readyState;
    }
    get lastEventId() {
      return controls.lastEventId;
    }
    [Symbol.asyncIterator]() {
      const reader = new Handoff<MessageEvent<string>>(close);
      readers.add(reader);
      if (controls.readyState === 2) reader.end();
      return reader;
    }
  }
  const source = new SealedEventSource() as E2eEventSource;
  for (const name of ['open', 'message', 'error'] as const) {
    source.addEventListener(name, (event: Event) => (source[`on${name}`] as ((event: Event) => void) | null)?.(event));
  }

  if (signal?.aborted) close();
  signal?.addEventListener('abort', close, { once: true });
  void need('events', () => import('./connection.js'))
    .then(({ connect }) => connect(controls))
    .catch((error: unknown) => controls.end(error));
  return source;
}
