import { afterEach, describe, expect, it } from '@jest/globals';
import { loadEngine } from '../../../src/client/handshake/engine.js';
import { LOADERS } from '../../../src/client/on-demand/loaders.js';
import { provide } from '../../../src/client/parts.js';
import { HYBRID, type KeyKind } from '../../../src/protocol/jwk.js';

const BYTES = new Uint8Array(32);
const navigator = Object.getOwnPropertyDescriptor(globalThis, 'navigator');

/** Whether it hashes at once, as node:crypto does, and WebCrypto does not. */
async function isNative(engine: 'auto' | 'web', keyKind: KeyKind = 'X25519'): Promise<boolean> {
  const digest = (await loadEngine({ engine }, keyKind)).sha256(BYTES);
  expect(Buffer.from(await digest).toString('hex')).toMatch(/^66687aadf862bd77/);
  return digest instanceof Uint8Array;
}

function runOn(userAgent: string): void {
  Object.defineProperty(globalThis, 'navigator', { value: { userAgent }, configurable: true });
}

afterEach(() => {
  Reflect.deleteProperty(globalThis, 'navigator');
  if (navigator) Object.defineProperty(globalThis, 'navigator', navigator);
});

provide(LOADERS);

describe('the engine "auto"', () => {
  it.each(['RSA', 'X25519', HYBRID] as const)('takes node:crypto in Node, for a key of kind %s', async (keyKind) => {
    expect(await isNative('auto', keyKind)).toBe(true);
    runOn('Node.js/24');
    expect(await isNative('auto', keyKind)).toBe(true);
  });

  it.each(['Mozilla/5.0 (X11; Linux x86_64)', 'Deno/2.5.0', 'Bun/1.3.0', 'Cloudflare-Workers', ''])(
    'takes WebCrypto on "%s"',
    async (userAgent) => {
      runOn(userAgent);
      expect(await isNative('auto')).toBe(false);
    },
  );

  it('hands over a plain Uint8Array in Node, whose slice() is a copy', async () => {
    const engine = await loadEngine({ engine: 'auto' }, 'X25519');
    const key = await engine.importContentKey(BYTES);
    const iv = BYTES.subarray(0, 12);
    const { ciphertext, tag } = await engine.seal(key, iv, BYTES, BYTES);
    const plaintext = await engine.open(key, iv, BYTES, ciphertext, tag);
    expect(Buffer.isBuffer(plaintext)).toBe(false);
    expect([...plaintext!]).toEqual([...BYTES]);
  });

  it('is WebCrypto where that is asked for', async () => {
    expect(await isNative('web')).toBe(false);
  });
});
