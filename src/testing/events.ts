import type { Readable } from 'node:stream';

/** An event of a `text/event-stream`, as an `EventSource` hands it over. */
export interface TestEvent {
  /** `message` unless the stream names it. */
  readonly type: string;
  readonly data: string;
  /** The last id that the stream gave; an empty string before the first. */
  readonly lastEventId: string;
}

/** The parser that gives the first so many events, as soon as they are there, or all up to the end of the stream. */
export function eventsParser(count: number) {
  return (response: Readable, done: (error: null, events: TestEvent[]) => void): void => {
    const events: TestEvent[] = [];
    const reader = new EventReader((event) => {
      if (events.length >= count) return;
      events.push(event);
      if (events.length === count) done(null, events);
    });
    const decoder = new TextDecoder();
    response.on('data', (chunk: Uint8Array) => reader.push(decoder.decode(chunk, { stream: true })));
    response.on('end', () => done(null, events));
  };
}

/** All events of a whole stream. */
export function eventsOf(text: string): TestEvent[] {
  const events: TestEvent[] = [];
  new EventReader((event) => events.push(event)).push(text);
  return events;
}

/** Reads an event stream as it comes (HTML §9.2.6). */
class EventReader {
  readonly #emit: (event: TestEvent) => void;
  #line = '';
  #endsInReturn = false;
  #isFirst = true;
  #type = '';
  #data: string[] = [];
  #id = '';

  constructor(emit: (event: TestEvent) => void) {
    this.#emit = emit;
  }

  push(text: string): void {
    // A line ends with CR, LF or both; the two of one end may come apart.
    const rest = this.#endsInReturn && text.startsWith('\n') ? text.slice(1) : text;
    if (text !== '') this.#endsInReturn = text.endsWith('\r');
    const lines = rest.split(/\r\n|\r|\n/);
    lines[0] = this.#line + lines[0]!;
    this.#line = lines.pop()!;
    for (const line of lines) this.#take(line);
  }

  #take(given: string): void {
    const line = this.#isFirst ? given.replace(/^\ufeff/, '') : given;
    this.#isFirst = false;
    if (line === '') return this.#dispatch();
    const [, field, value = ''] = /^([^:]*)(?:: ?([^]*))?$/.exec(line)!;
    if (field === 'event') this.#type = value;
    if (field === 'data') this.#data.push(value);
    if (field === 'id' && !value.includes('\0')) this.#id = value;
  }

  #dispatch(): void {
    const [type, data] = [this.#type || 'message', this.#data];
    this.#type = '';
    this.#data = [];
    if (data.length > 0) this.#emit({ type, data: data.join('\n'), lastEventId: this.#id });
  }
}
