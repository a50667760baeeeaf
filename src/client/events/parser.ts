/** One event of a `text/event-stream` (HTML §9.2.6). */
export interface ParsedEvent {
  /** `'message'` if the stream names no other. */
  readonly type: string;
  readonly data: string;
  /** The last `id` so far, of this event or an earlier one; empty if there was none. */
  readonly lastEventId: string;
}

/**
 * Reads a `text/event-stream` (HTML §9.2.6) from its bytes, in pieces of any length. An incomplete event at the end of
 * the stream is dropped.
 */
export class EventParser {
  readonly #limit: number;
  readonly #decoder = new TextDecoder();
  /** An incomplete line. */
  #line = '';
  #isAfterReturn = false;
  #type = '';
  #data: string | undefined;
  #id: string;
  #lastEventId: string;
  #retry: number | undefined;

  /**
   * @param lastEventId the last id of the previous stream.
   * @param limit how many characters an event may have.
   */
  constructor(lastEventId = '', limit = Infinity) {
    this.#id = this.#lastEventId = lastEventId;
    this.#limit = limit;
  }

  /** The last `id` before a blank line, with or without data. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /** After how many milliseconds to reconnect, if the stream says so. */
  get retry(): number | undefined {
    return this.#retry;
  }

  /**
   * The events that end with this piece.
   *
   * @throws RangeError for one over the limit.
   */
  *push(piece: Uint8Array): Generator<ParsedEvent, void, undefined> {
    const text = this.#decoder.decode(piece, { stream: true });
    let start = 0;
    for (const { index, 0: end } of text.matchAll(/[\r\n]/g)) {
      const isRestOfEnd = end === '\n' && this.#isAfterReturn && index === start && this.#line === '';
      this.#isAfterReturn = end === '\r';
      if (!isRestOfEnd) {
        const event = this.#endLine(this.#line + text.slice(start, index));
        this.#line = '';
        if (event) yield event;
      }
      start = index + 1;
    }
    if (start < text.length) this.#isAfterReturn = false;
    this.#line += text.slice(start);
    this.#check();
  }

  #endLine(line: string): ParsedEvent | undefined {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'data') this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    else if (name === 'event') this.#type = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.#retry = Number(value);
    this.#check();
    return undefined;
  }

  #dispatch(): ParsedEvent | undefined {
    this.#lastEventId = this.#id;
    const [type, data] = [this.#type, this.#data];
    this.#type = '';
    this.#data = undefined;
    return data === undefined ? undefined : { type: type || 'message', data, lastEventId: this.#lastEventId };
  }

  #check(): void {
    if (this.#line.length + this.#type.length + (this.#data?.length ?? 0) > this.#limit) {
      throw new RangeError('The event is too long.');
    }
  }
}
