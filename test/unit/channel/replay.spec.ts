import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MemoryReplayGuard, SlidingWindow, WINDOW_SIZE, type ClaimResult } from '../../../src/channel/replay.js';

/** The window as the protocol says it, with no thought for memory. */
class PlainWindow {
  readonly #seen = new Set<number>();
  claim(seq: number): ClaimResult {
    const highest = Math.max(0, ...this.#seen);
    if (seq <= highest - WINDOW_SIZE) return 'stale';
    if (this.#seen.has(seq)) return 'replayed';
    this.#seen.add(seq);
    return 'new';
  }
}

const anySeq = fc.oneof(
  fc.integer({ min: 1, max: 50 }),
  fc.integer({ min: 1, max: 5000 }),
  fc.integer({ min: 1, max: 2 ** 32 }),
  fc.constantFrom(1, 31, 32, 33, 1023, 1024, 1025, 1055, 1056, 1057, 2 ** 32 - 1, 2 ** 32),
);

describe('A sliding window', () => {
  it('takes each number above the highest less 1,024 once, whatever comes in whatever order', () => {
    fc.assert(
      fc.property(fc.array(anySeq, { maxLength: 200 }), (numbers) => {
        const [window, plain] = [new SlidingWindow(), new PlainWindow()];
        for (const seq of numbers) expect([seq, window.claim(seq)]).toEqual([seq, plain.claim(seq)]);
      }),
      { numRuns: 300 },
    );
  });

  it('holds at its edge: 1,023 below the highest is taken, 1,024 below is not', () => {
    const window = new SlidingWindow();
    expect(window.claim(5000)).toBe('new');
    expect(window.claim(5000 - 1023)).toBe('new');
    expect(window.claim(5000 - 1024)).toBe('stale');
  });
});

describe('The windows in memory', () => {
  const inAnHour = Date.now() / 1000 + 3600;

  it('are one for each way, and lost where nobody opened them or they were closed', () => {
    const guard = new MemoryReplayGuard();
    guard.open('a', inAnHour);
    expect([guard.claim('a', 'dir', 1), guard.claim('a', 'dir', 1)]).toEqual(['new', 'replayed']);
    expect([guard.claim('a', 'RSA-OAEP-256', 1), guard.claim('a', 'RSA-OAEP-256', 1)]).toEqual(['new', 'replayed']);
    expect(guard.claim('b', 'dir', 1)).toBe('lost');
    guard.close('a');
    expect(guard.claim('a', 'dir', 2)).toBe('lost');
  });
});
