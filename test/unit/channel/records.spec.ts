import { describe, expect, it } from '@jest/globals';
import { MemoryRecords } from '../../../src/channel/store/records.js';

describe('Records in memory', () => {
  const inAnHour = Date.now() / 1000 + 3600;

  it('are bounded, and what is in use stays: the least recently used goes first', async () => {
    const records = new MemoryRecords(3);
    for (const name of ['a', 'b', 'c']) await records.set(name, name, inAnHour);
    records.touch('a');
    await records.set('d', 'd', inAnHour);
    expect(await Promise.all(['a', 'b', 'c', 'd'].map((name) => records.get(name)))).toEqual([
      'a',
      undefined,
      'c',
      'd',
    ]);
  });
});
