import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Expiry, within } from '../../../src/channel/expiry.js';
import { askStore } from '../../../src/channel/store/records.js';
import { until } from '../../support/clock.js';

/** Answers each question at once, also while this thread is busy, and notes that it has. */
const ANSWERING = `
const { parentPort, workerData } = require('node:worker_threads');
parentPort.on('message', (question) => {
  parentPort.postMessage(question);
  Atomics.store(workerData, 0, 1);
  Atomics.notify(workerData, 0);
});
`;

const answered = new Int32Array(new SharedArrayBuffer(4));
const worker = new Worker(ANSWERING, { eval: true, workerData: answered });
// It has started when it answers.
beforeAll(ask);
afterAll(() => worker.terminate());

const TIMEOUT = 20;

async function ask(): Promise<unknown> {
  answered[0] = 0;
  worker.postMessage('question');
  return (await once(worker, 'message'))[0];
}

/**
 * Begins `act`, and keeps this thread busy until the answer is there and the time has passed. As in most callbacks, timers
 * are the next that the loop runs, before it reads what has come.
 */
function busyWith<T>(act: () => Promise<T>): Promise<T> {
  return new Promise((resolve) => {
    setImmediate(() => {
      resolve(act());
      Atomics.wait(answered, 0, 0);
      for (const end = performance.now() + 2 * TIMEOUT; performance.now() < end;);
    });
  });
}

describe('A time limit', () => {
  it('counts what came while the process was busy as in time', async () => {
    expect(await busyWith(() => within(TIMEOUT, ask()))).toBe('question');
  });

  it('of a store does likewise', async () => {
    const answer = () => askStore<unknown>((done) => void ask().then((value) => done(undefined, value)), TIMEOUT);
    expect(await busyWith(answer)).toBe('question');
  });

  it('passes where nothing comes', async () => {
    await expect(within(TIMEOUT, new Promise(() => undefined))).rejects.toThrow('no response in time');
    await expect(askStore(() => undefined, TIMEOUT)).rejects.toMatchObject({ code: 'busy' });
  });

  it('that is cancelled or restarted in its last turn does not pass', async () => {
    const passed: string[] = [];
    const [cancelled, restarted] = ['cancelled', 'restarted'].map((name) => new Expiry(1, () => passed.push(name)));
    // Due with them, and so run in the same turn of the loop.
    const turn = new Promise<void>((resolve) => {
      setTimeout(() => {
        cancelled!.cancel();
        restarted!.restart();
        setImmediate(resolve);
      }, 1);
    });
    for (const end = performance.now() + 5; performance.now() < end;);
    await turn;
    expect(passed).toEqual([]);
    await until(() => passed.length > 0);
    expect(passed).toEqual(['restarted']);
  });
});
