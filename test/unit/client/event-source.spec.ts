import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { E2eClientError, E2eEventSource } from '../../../src/client/index.js';
import { useCounterpart } from './support/harness.js';

const setup = useCounterpart();

/** What timers were set for. They run at once. */
let waits: number[];
beforeEach(() => {
  waits = [];
  jest.spyOn(Math, 'random').mockReturnValue(0.5);
  jest.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, wait: number) => {
    waits.push(wait);
    return setImmediate(run);
  }) as never);
});
afterEach(() => {
  jest.restoreAllMocks();
});

/** The server sends this once, and then cuts every connection. */
function sendOnce(body: string): void {
  setup.server.reply = () => ({ cty: 'text/event-stream', body });
  setup.server.interfere = (response) => setup.server.arrivals.length > 1 && (response.destroy(), true);
}

/** The errors of an event source, which is closed after so many. */
function errorsOf(source: E2eEventSource, count: number): Promise<(E2eClientError | undefined)[]> {
  const errors: (E2eClientError | undefined)[] = [];
  return new Promise((resolve) => {
    source.addEventListener('error', ({ error }) => {
      errors.push(error as E2eClientError | undefined);
      if (errors.length === count) source.close();
      if (source.readyState === source.CLOSED) resolve(errors);
    });
  });
}

describe('the wait of an event source before it connects again', () => {
  it.each([
    ['retry: 0', 0, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]],
    ['retry: 250', 250, [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]],
    ['retry: 90000', 90_000, [90_000, 90_000]],
    [': none', 2000, [2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]],
  ])('doubles with each failure, up to a minute: %s', async (line, afterEnd, afterFailures) => {
    sendOnce(`${line}\ndata: x\n\n`);
    const expected = [afterEnd, ...afterFailures];
    await errorsOf(setup.client().eventSource('/events'), expected.length + 1);
    expect(waits.slice(0, expected.length)).toEqual(expected.map((wait) => wait * 1.125));
  });

  it('is reset by a connection that opens', async () => {
    setup.server.reply = () => ({
      cty: 'text/event-stream',
      body: 'retry: 0\ndata: x\n\n',
    });
    setup.server.interfere = (response) => setup.server.arrivals.length % 3 > 0 && (response.destroy(), true);
    await errorsOf(setup.client().eventSource('/events'), 7);
    expect(waits.slice(0, 6)).toEqual([2000, 4000, 0, 100, 200, 0].map((wait) => wait * 1.125));
  });

  it.each([
    ['25 days', '2147483647'],
    ['longer', '9'.repeat(20)],
    ['more than any number', '9'.repeat(400)],
  ])('is as long as a timer can be for a retry of %s', async (_, retry) => {
    sendOnce(`retry: ${retry}\ndata: x\n\n`);
    await errorsOf(setup.client().eventSource('/events'), 4);
    expect(waits.slice(0, 3)).toEqual([2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1]);
  });
});

describe('an event id that no header field can carry', () => {
  it.each(['注文-17', 'é', 'a\u0001b', '\u3000'])('ends the event source: %j', async (id) => {
    sendOnce(`id: ${id}\ndata: x\n\n`);
    const source = setup.client().eventSource('/events');
    const [ended, error] = await errorsOf(source, 3);
    expect(ended).toBeUndefined();
    expect(error).toMatchObject({
      name: 'E2eClientError',
      code: 'request-unsupported',
    });
    expect(error!.message).toMatch(/id of the last event/);
    expect([source.lastEventId, setup.server.arrivals.length]).toEqual([id, 1]);
  });

  it('is no other: spaces around it are left out, as in any header field', async () => {
    sendOnce('id: \t a~b \ndata: x\n\n');
    await errorsOf(setup.client().eventSource('/events'), 2);
    expect(setup.server.arrivals[1]!.meta).toEqual({
      headers: { 'last-event-id': 'a~b' },
    });
  });
});
