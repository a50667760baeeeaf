import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EventParser, type ParsedEvent } from '../../../src/client/events/parser.js';

const encode = (text: string) => new TextEncoder().encode(text);

function parse(
  text: string,
  size = Infinity,
): { events: ParsedEvent[]; lastEventId: string; retry: number | undefined } {
  const parser = new EventParser();
  const bytes = encode(text);
  const events: ParsedEvent[] = [];
  for (let from = 0; from < bytes.length; from += size) events.push(...parser.push(bytes.subarray(from, from + size)));
  return { events, lastEventId: parser.lastEventId, retry: parser.retry };
}

const message = (data: string, lastEventId = '', type = 'message') => ({ type, data, lastEventId });

/** HTML §9.2.6, word by word, over a whole text. */
function reference(text: string): ParsedEvent[] {
  const events: ParsedEvent[] = [];
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/);
  lines.pop(); // what no line end has ended
  let [data, type, id] = ['', '', ''];
  for (const line of lines) {
    if (line === '') {
      if (data !== '') events.push(message(data.replace(/\n$/, ''), id, type || 'message'));
      [data, type] = ['', ''];
      continue;
    }
    const [, name, value = ''] = /^([^:]*)(?:: ?([^]*))?$/.exec(line)!;
    if (name === 'data') data += `${value}\n`;
    if (name === 'event') type = value;
    if (name === 'id' && !value.includes('\0')) id = value;
  }
  return events;
}

describe('the event-stream parser', () => {
  it.each<[string, string, ParsedEvent[]]>([
    ['the standard’s first example', 'data: YHOO\ndata: +2\ndata: 10\n\n', [message('YHOO\n+2\n10')]],
    [
      'its second: comments, ids, an id that is reset, no end',
      ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n',
      [message('first event', '1'), message('second event')],
    ],
    ['its third: empty data', 'data\n\ndata\ndata\n\ndata:', [message(''), message('\n')]],
    ['its fourth: one space', 'data:test\n\ndata: test\n\n', [message('test'), message('test')]],
    ['a byte order mark, once', '\ufeffdata: a\n\n\ufeffdata: b\n\n', [message('a')]],
    ['all line ends', 'data: a\rdata: b\r\ndata: c\n\r\ndata: d\r\r', [message('a\nb\nc'), message('d')]],
    ['an event without data, whose id counts', 'id: 7\nevent: x\n\ndata: a\n\n', [message('a', '7')]],
    ['an id with NUL', 'id: 1\0\ndata: a\n\n', [message('a')]],
    ['names of another case, with spaces, unknown', 'Data: a\n data: b\nfoo: c\ndata: d\n\n', [message('d')]],
    ['a type for one event', 'event: x\ndata: a\n\ndata: b\n\n', [message('a', '', 'x'), message('b')]],
    ['names that are methods', 'event: __proto__\ndata: a\n\n', [message('a', '', '__proto__')]],
  ])('reads %s', (_, text, events) => {
    for (const size of [1, 2, 3, 7, Infinity]) expect(parse(text, size).events).toEqual(events);
    expect(reference(text)).toEqual(events);
  });

  it('gives an event with the line end that ends it, and waits for no more', () => {
    for (const end of ['\n\n', '\r\r', '\r\n\r\n', '\r\n\r']) {
      expect([...new EventParser().push(encode(`data: a${end}`))]).toEqual([message('a')]);
    }
  });

  it('takes retry of digits alone', () => {
    expect(parse('retry: 10\n\n').retry).toBe(10);
    for (const value of ['', ' 1', '-1', '1.5', '1e3', 'x', '١']) {
      expect(parse(`retry: ${value}\n\n`).retry).toBeUndefined();
    }
  });

  it('continues with the last id of the stream before', () => {
    const parser = new EventParser('6');
    expect([...parser.push(encode('data: a\n\n'))]).toEqual([message('a', '6')]);
  });

  it('refuses an event over its limit, in one line or in many, and no number of short ones', () => {
    for (const text of [
      'x'.repeat(101),
      `data: ${'x'.repeat(101)}\n`,
      'data: x\n'.repeat(60),
      `event: ${'x'.repeat(101)}\n`,
    ]) {
      expect(() => [...new EventParser('', 100).push(encode(text))]).toThrow(RangeError);
    }
    expect([...new EventParser('', 100).push(encode('data: x\n\n'.repeat(1000)))]).toHaveLength(1000);
  });

  it('reads any text as the standard does, cut anywhere', () => {
    const piece = fc.constantFrom(
      'data',
      'event',
      'id',
      'retry',
      ':',
      ': ',
      ' ',
      '\n',
      '\r',
      '\r\n',
      '\n\n',
      'x',
      'ä',
      '\0',
      '\ufeff',
      '😀',
      '7',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 1, max: 12 }), (pieces, size) => {
        const text = pieces.join('');
        expect(parse(text, size).events).toEqual(reference(text));
      }),
      { numRuns: 2000 },
    );
  });
});
