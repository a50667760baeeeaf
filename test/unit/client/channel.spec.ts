import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { nodeEngine } from '../../../src/crypto/node.js';
import { Channel } from '../../../src/client/channel/channel.js';

async function channel(): Promise<Channel> {
  const mine = nodeEngine.generateKeyPair('X25519');
  const theirs = nodeEngine.generateKeyPair('X25519');
  const derived = await Channel.derive(
    nodeEngine,
    { kid: 'k', kind: 'X25519', session: 's', issuedAt: 1000, expiresAt: 4600, clockOffset: 1000 - Date.now() / 1000 },
    {
      th: nodeEngine.randomBytes(32),
      ss: undefined,
      privateKey: mine.privateKey,
      serverKey: nodeEngine.importPublicKey(theirs.publicKey),
    },
  );
  return derived!;
}

describe('a channel at the client', () => {
  it('gives numbers anew whose messages never left, and no others', async () => {
    const opened = await channel();
    const taken = Array.from({ length: 10 }, () => opened.claim()!);
    opened.release(3); // under one that may have left
    expect(opened.claim()).toBe(11);
    for (const seq of [11, 9, 10]) opened.release(seq);
    expect(opened.claim()).toBe(9);
    expect(taken).toHaveLength(10);
  });

  it('gives no more than 2^20 sequence numbers, each once, from 1 up', async () => {
    const opened = await channel();
    expect(opened.claim()).toBe(1);
    let last: number | undefined;
    for (let count = 2; count <= 2 ** 20; count++) last = opened.claim();
    expect(last).toBe(2 ** 20);
    expect(opened.claim()).toBeUndefined();
  });

  it('is not made where the shared secret would be all zeros', async () => {
    const { privateKey } = nodeEngine.generateKeyPair('X25519');
    const zero = nodeEngine.importPublicKey({ kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) });
    const terms = { kid: 'k', kind: 'X25519', session: 's', issuedAt: 1, expiresAt: 2, clockOffset: 0 } as const;
    const secrets = { th: nodeEngine.randomBytes(32), ss: undefined, privateKey, serverKey: zero };
    expect(await Channel.derive(nodeEngine, terms, secrets)).toBeUndefined();
  });

  it('shows neither JSON.stringify nor an inspector a key', async () => {
    const opened = await channel();
    expect(Object.keys(opened)).toEqual(['terms', 'isKept']);
    expect(inspect(opened, { depth: 9, showHidden: true })).not.toMatch(/request|response|ContentKey/);
  });
});
