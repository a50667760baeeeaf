import type { Settings } from '../options.js';
import { connect } from './connection.js';
import type { EventSourceControls } from './controls.js';
import type { OwnEventSource } from './own-source.js';
import { Handoff } from './handoff.js';

/** The arguments of an event source. */
interface Opened extends Pick<EventSourceControls, 'init' | 'url' | 'fetch'> {
  /** Aborted when the event source is closed. */
  readonly closing: AbortController;
}

/** Connects an event source. Returns a function that begins an iteration over its events. */
export function start(
  source: OwnEventSource,
  { closing, ...opened }: Opened,
  { sealHeaders, maxResponseSize: limit }: Settings,
): () => Handoff<MessageEvent<string>> {
  const readers = new Set<Handoff<MessageEvent<string>>>();
  const endReaders = (error?: unknown) => {
    for (const reader of readers) reader.end(error);
    readers.clear();
  };
  closing.signal.addEventListener('abort', () => endReaders());

  const controls: EventSourceControls = {
    ...opened,
    source,
    sealsEventId: sealHeaders.includes('last-event-id'),
    limit,
    closing: closing.signal,
    deliver: (event) => {
      source.dispatchEvent(event);
      return Promise.all([...readers].map((reader) => reader.put(event)));
    },
    end: (error, isOnPurpose = false) => {
      if (closing.signal.aborted) return;
      endReaders(isOnPurpose ? undefined : error);
      source.close();
      source.dispatchEvent(Object.assign(new Event('error'), { error }));
    },
  };
  void connect(controls).catch((error: unknown) => controls.end(error));

  return () => {
    const reader = new Handoff<MessageEvent<string>>(() => source.close());
    readers.add(reader);
    if (closing.signal.aborted) reader.end();
    return reader;
  };
}
