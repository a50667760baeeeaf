import type { Readable } from 'node:stream';
import { EventParser, type ParsedEvent } from '../client/events/parser.js';
import { utf8 } from '../protocol/json.js';

/** An event of a `text/event-stream`, as an `EventSource` hands it over. */
export type TestEvent = ParsedEvent;

/** The parser that gives the first so many events, as soon as they are there, or all up to the end of the stream. */
export function eventsParser(count: number) {
  return (response: Readable, done: (error: null, events: TestEvent[]) => void): void => {
    const events: TestEvent[] = [];
    const parser = new EventParser();
    response.on('data', (chunk: Uint8Array) => {
      for (const event of parser.push(chunk)) {
        if (events.length >= count) return;
        events.push(event);
        if (events.length === count) done(null, events);
      }
    });
    response.on('end', () => done(null, events));
  };
}

/** All events of a whole stream. */
export function eventsOf(text: string): TestEvent[] {
  return [...new EventParser().push(utf8(text))];
}
