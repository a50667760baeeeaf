import { need } from '../errors.js';
import type { Settings } from '../options.js';
import type { EventSourceControls } from './controls.js';
import type { E2eEventSource, E2eEventSourceInit, OwnEventSource } from './own-source.js';
import type * as EventsPart from './source.js';

/**
 * Opens an event source. It is small, because every page loads it. The code that connects is loaded with the first
 * event source.
 *
 * @throws TypeError if `fetch` would not accept `url` or `init`.
 */
export function openEventSource(
  url: string | URL,
  { signal, ...init }: E2eEventSourceInit,
  settings: Settings,
  fetch: EventSourceControls['fetch'],
): E2eEventSource {
  const target = new URL(url, settings.base);
  // Later, this could not be distinguished from a network failure.
  new Request(target, { ...init, duplex: 'half' } as RequestInit);
  const closing = new AbortController();
  const close = () => {
    source.readyState = 2;
    closing.abort();
  };

  // Not every runtime that loads the client has EventTarget, so no class extends it at module scope.
  const source = Object.assign(new EventTarget(), {
    CONNECTING: 0,
    OPEN: 1,
    CLOSED: 2,
    url: target.href,
    readyState: 0,
    lastEventId: new Headers(init.headers).get('last-event-id') ?? '',
    onopen: null,
    onmessage: null,
    onerror: null,
    close,
    [Symbol.asyncIterator]() {
      const reader = started.then((read) => read());
      reader.catch(() => undefined);
      return {
        next: () => reader.then((handoff) => handoff.next()),
        return: () => reader.then((handoff) => handoff.return()),
        [Symbol.asyncIterator]() {
          return this;
        },
      };
    },
  }) as OwnEventSource;
  for (const name of ['open', 'message', 'error'] as const) {
    source.addEventListener(name, (event: Event) => (source[`on${name}`] as ((event: Event) => void) | null)?.(event));
  }

  if (signal?.aborted) close();
  signal?.addEventListener('abort', close, { signal: closing.signal });
  const started = need<typeof EventsPart>('events').then(({ start }) =>
    start(source, { init, url: target, fetch, closing }, settings),
  );
  started.catch((error: unknown) => {
    close();
    source.dispatchEvent(Object.assign(new Event('error'), { error }));
  });
  return source;
}
