import { inspect } from 'node:util';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { nodeEngine } from '../../../src/crypto/node.js';
import { WebSigner } from '../../../src/crypto/web-signer.js';
import { WebEngine } from '../../../src/crypto/web.js';
import { UnsupportedByEngine } from '../../../src/protocol/crypto.js';
import { utf8 } from '../../../src/protocol/json.js';

const engine = new WebEngine();
const data = utf8('header.payload');

describe('a signing key of WebCrypto', () => {
  it('signs what every engine verifies', async () => {
    const signer = await WebSigner.of(await WebSigner.generate());
    const { publicKey } = signer;
    const signature = await signer.sign(data);
    expect(publicKey.kty).toBe('EC');
    expect(inspect(signer, { depth: 9, showHidden: true })).not.toContain('CryptoKey');
    expect(signature).toHaveLength(64);
    expect(await engine.verify(publicKey, data, signature)).toBe(true);
    expect(nodeEngine.verify(publicKey, data, signature)).toBe(true);
    expect(await engine.verify(publicKey, utf8('other'), signature)).toBe(false);
  });
});

describe('private and content keys of WebCrypto', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('are never asked for in a form that could be read out', async () => {
    const { subtle } = globalThis.crypto;
    const generated = jest.spyOn(subtle, 'generateKey');
    const imported = jest.spyOn(subtle, 'importKey');
    for (const kind of engine.kinds) await engine.generateKeyPair(kind);
    await WebSigner.generate();
    await engine.importContentKey(new Uint8Array(32));
    await engine.hkdf(data, data, data);
    expect(generated.mock.calls.map(([, extractable]) => extractable)).toEqual([false, false, false, false]);
    expect(imported.mock.calls.map(([, , , extractable]) => extractable)).toEqual([false, false]);
  });
});

describe('a runtime without all of WebCrypto', () => {
  const { subtle } = globalThis.crypto;
  afterEach(() => {
    Object.defineProperty(globalThis.crypto, 'subtle', { value: subtle, configurable: true });
  });
  const replace = (value: unknown) => Object.defineProperty(globalThis.crypto, 'subtle', { value, configurable: true });

  it('is distinguished, and rejected by name, if it has none', async () => {
    expect(WebEngine.isAvailable()).toBe(true);
    replace(undefined);
    expect(WebEngine.isAvailable()).toBe(false);
    await expect(engine.generateKeyPair('RSA')).rejects.toBeInstanceOf(UnsupportedByEngine);
    await expect(engine.sha256(data)).rejects.toMatchObject({ code: 'unsupported' });
  });

  it('says which curve it lacks: X25519 channels and Ed25519 signatures came late', async () => {
    const notSupported = () => Promise.reject(new DOMException('Unrecognized name.', 'NotSupportedError'));
    replace({ generateKey: notSupported, importKey: notSupported });
    const x = 'A'.repeat(43);
    await expect(engine.generateKeyPair('X25519')).rejects.toMatchObject({
      name: 'UnsupportedByEngine',
      message: 'the WebCrypto of this runtime has no X25519',
    });
    await expect(engine.importPublicKey({ kty: 'OKP', crv: 'X25519', x })).rejects.toMatchObject({
      code: 'unsupported',
    });
    await expect(engine.verify({ kty: 'OKP', crv: 'Ed25519', x }, data, new Uint8Array(64))).rejects.toMatchObject({
      message: 'the WebCrypto of this runtime has no Ed25519',
    });
  });
});
