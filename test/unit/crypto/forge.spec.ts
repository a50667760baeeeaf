import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { ForgeEngine } from '../../../src/crypto/forge.js';
import { parsePublicKey } from '../../../src/protocol/keys.js';

describe("forge's RSA keys", () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it("are made of the platform's random numbers, while the event loop goes on", async () => {
    const drawn = jest.spyOn(globalThis.crypto, 'getRandomValues');
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const { publicKey } = await new ForgeEngine().generateKeyPair('RSA');
    clearInterval(timer);
    expect(parsePublicKey(publicKey)).toEqual(publicKey);
    const lengths = drawn.mock.calls.map(([bytes]) => (bytes as Uint8Array).length);
    expect(lengths.filter((length) => length >= 128).length).toBeGreaterThanOrEqual(2); // p and q
    expect(turns).toBeGreaterThan(2);
  });
});
