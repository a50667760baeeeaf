import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { MemoryReplayGuard } from '../../../src/channel/replay.js';
import { BoundedMap } from '../../../src/channel/store/bounded-map.js';
import { MemoryRecords } from '../../../src/channel/store/records.js';

const MINUTE = 60_000;

describe('A bounded map', () => {
  beforeEach(() => {
    jest.useFakeTimers({ now: 1_800_000_000_000, doNotFake: ['nextTick', 'queueMicrotask'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });
  const later = (milliseconds: number) => jest.setSystemTime(Date.now() + milliseconds);
  const end = () => (Date.now() + 24 * 60 * MINUTE) / 1000;
  const flood = (map: BoundedMap<string>, count: number): boolean[] =>
    Array.from({ length: count }, (_, index) => map.set(`stranger ${index}`, '', end()));

  it('loses strangers to a flood of strangers, and nothing that was used', () => {
    const map = new BoundedMap<string>(100);
    for (let user = 0; user < 60; user++) {
      map.set(`user ${user}`, 'here', end());
      map.get(`user ${user}`);
    }
    later(5 * MINUTE);
    expect(flood(map, 100_000)).not.toContain(false);
    expect(map.size).toBe(100);
    for (let user = 0; user < 60; user++) expect(map.peek(`user ${user}`)).toBe('here');
  });

  it('refuses newcomers where everything is in use, until something has been idle for ten minutes', () => {
    const map = new BoundedMap<string>(10);
    for (let user = 0; user < 10; user++) {
      map.set(`user ${user}`, 'here', end());
      map.get(`user ${user}`);
    }
    expect(flood(map, 50)).not.toContain(true);
    later(6 * MINUTE);
    map.get('user 0');
    later(5 * MINUTE);
    expect(map.set('new', 'here', end())).toBe(true);
    expect([map.peek('user 0'), map.peek('user 1'), map.peek('new')]).toEqual(['here', undefined, 'here']);
  });

  it('keeps room for newcomers where it is full of idle entries', () => {
    const map = new BoundedMap<string>(100);
    for (let user = 0; user < 100; user++) {
      map.set(`user ${user}`, 'here', end());
      map.get(`user ${user}`);
    }
    later(11 * MINUTE);
    flood(map, 1000);
    const newcomers = Array.from({ length: 20 }, (_, index) => `stranger ${980 + index}`);
    for (const name of newcomers) expect(map.peek(name)).toBe('');
  });

  it('drops what has expired, used or not, and counts a new value of an entry as no use', () => {
    const map = new BoundedMap<string>(2);
    map.set('short', 'a', (Date.now() + MINUTE) / 1000);
    map.get('short');
    later(MINUTE);
    expect([map.get('short'), map.peek('short')]).toEqual([undefined, undefined]);
    map.set('a', '1', end());
    map.set('a', '2', end());
    map.set('b', '1', end());
    map.set('c', '1', end());
    expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([undefined, '1', '1']);
  });

  it('is never larger than its bound, and never loses what was used within ten minutes, whatever comes', () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 30 }).map(String),
      act: fc.constantFrom('set', 'set', 'get', 'delete', 'wait'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const map = new BoundedMap<string>(8);
        const usedAt = new Map<string, number>();
        for (const { key, act } of steps) {
          if (act === 'set') map.set(key, key, end());
          if (act === 'get' && map.get(key) !== undefined) usedAt.set(key, Date.now());
          if (act === 'wait') later(3 * MINUTE);
          if (act === 'delete') {
            map.delete(key);
            usedAt.delete(key);
          }
          expect(map.size).toBeLessThanOrEqual(8);
          for (const [name, at] of usedAt) {
            if (Date.now() - at < 10 * MINUTE) expect([name, map.peek(name)]).toEqual([name, name]);
            else usedAt.delete(name);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('A flood of handshakes', () => {
  const inAnHour = () => Date.now() / 1000 + 3600;

  it('ends no window of a channel that was used', () => {
    const guard = new MemoryReplayGuard(1000);
    for (let user = 0; user < 100; user++) {
      guard.open(`user ${user}`, inAnHour());
      expect(guard.claim(`user ${user}`, 'dir', 1)).toBe('new');
    }
    for (let stranger = 0; stranger < 10_000; stranger++) guard.open(`stranger ${stranger}`, inAnHour());
    for (let user = 0; user < 100; user++) expect(guard.claim(`user ${user}`, 'dir', 2)).toBe('new');
  });

  it('is busy where every window is in use', () => {
    const guard = new MemoryReplayGuard(3);
    for (const kid of ['a', 'b', 'c']) {
      guard.open(kid, inAnHour());
      guard.claim(kid, 'dir', 1);
    }
    expect(() => guard.open('d', inAnHour())).toThrow(expect.objectContaining({ code: 'busy' }));
    expect(guard.claim('a', 'dir', 1)).toBe('replayed');
  });

  it('ends no record that was used, and is busy where all are', async () => {
    const records = new MemoryRecords(3);
    await records.set('used', 'x', inAnHour());
    records.get('used');
    for (let stranger = 0; stranger < 100; stranger++) await records.set(`s ${stranger}`, 'x', inAnHour());
    expect(records.get('used')).toBe('x');
    for (const name of ['s 98', 's 99']) records.get(name);
    await expect(records.set('new', 'x', inAnHour())).rejects.toMatchObject({ code: 'busy' });
  });
});
