import { afterEach, describe, expect, it } from '@jest/globals';
import { KeyPool, type KeyPoolOptions } from '../../../src/channel/key-pool.js';
import { nodeEngine } from '../../../src/crypto/node.js';
import { until } from '../../support/clock.js';
import { makeRsaPairs } from '../../support/work.js';

describe('The pool of RSA key pairs', () => {
  const pools: KeyPool[] = [];
  const poolOf = (options: KeyPoolOptions): KeyPool => {
    const pool = new KeyPool(nodeEngine, 2048, options);
    pools.push(pool);
    return pool;
  };
  afterEach(() => {
    for (const pool of pools.splice(0)) pool.stop();
  });

  it('gives every pair to one taker alone, ready ones and awaited ones', async () => {
    const pool = poolOf({ size: 2, making: 2 });
    pool.fill();
    await until(() => pool.state.ready === 2);
    const pairs = await Promise.all(Array.from({ length: 4 }, () => pool.take()));
    expect(new Set(pairs.map(({ publicKey }) => JSON.stringify(publicKey))).size).toBe(4);
  });

  it('makes no more at a time than it may, and lets no more wait', async () => {
    const pool = poolOf({ size: 1, making: 1, waiting: 2 });
    const waiting = Promise.all([pool.take(), pool.take()]);
    waiting.catch(() => undefined);
    expect(pool.state).toEqual({ ready: 0, waiting: 2 });
    expect(pool.isExhausted).toBe(true);
    await expect(Promise.race([pool.take(), waiting])).rejects.toMatchObject({ code: 'busy', retryAfter: 1 });
    await waiting;
    expect(pool.isExhausted).toBe(false);
  });

  it('fills itself ahead of time, to its size and not beyond', async () => {
    const pool = poolOf({ size: 2, making: 2 });
    pool.fill();
    pool.fill();
    await until(() => pool.state.ready === 2);
    await makeRsaPairs();
    expect(pool.state).toEqual({ ready: 2, waiting: 0 });
  });

  it('of size 0 keeps none ready, and makes one on demand', async () => {
    const pool = poolOf({ size: 0 });
    pool.fill();
    await makeRsaPairs();
    expect(pool.state).toEqual({ ready: 0, waiting: 0 });
    const pairs = await Promise.all([pool.take(), pool.take()]);
    expect(new Set(pairs.map(({ publicKey }) => JSON.stringify(publicKey))).size).toBe(2);
    await makeRsaPairs();
    expect(pool.state).toEqual({ ready: 0, waiting: 0 });
  });

  it('that is stopped is busy for waiting and new handshakes', async () => {
    const pool = poolOf({ size: 1 });
    const waiting = pool.take();
    pool.stop();
    await expect(waiting).rejects.toMatchObject({ code: 'busy' });
    await expect(pool.take()).rejects.toMatchObject({ code: 'busy' });
  });

  it('lets a client that is gone leave the queue, and makes no pair for it', async () => {
    const pool = poolOf({ size: 1, making: 1, waiting: 3 });
    const clients = Array.from({ length: 3 }, () => new AbortController());
    const waiting = clients.map(({ signal }) => pool.take(signal));
    expect(pool.isExhausted).toBe(true);
    clients[0]!.abort();
    clients[1]!.abort();
    await expect(waiting[0]).rejects.toMatchObject({ code: 'busy' });
    await expect(waiting[1]).rejects.toMatchObject({ code: 'busy' });
    expect(pool.state.waiting).toBe(1);
    // The place of those who left is free, and the first pair is for the one who stayed.
    const next = pool.take();
    expect((await waiting[2]!).publicKey).not.toEqual((await next).publicKey);
    await expect(pool.take(AbortSignal.abort())).rejects.toMatchObject({ code: 'busy' });
  });

  it('takes a pair back that nobody used, and hands it to the next one', async () => {
    const pool = poolOf({ size: 1, making: 1 });
    const pair = await pool.take();
    const waiting = pool.take();
    pool.giveBack(pair);
    expect(await waiting).toBe(pair);
  });
});
