import { describe, expect, it } from '@jest/globals';
import { createHmac, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { generateKeyPair } from 'node:crypto';
import { nodeEngine as engine } from '../../../src/crypto/node.js';
import { WebEngine } from '../../../src/crypto/web.js';
import { utf8 } from '../../../src/protocol/json.js';
import { parsePublicKey, parseSigningKey } from '../../../src/protocol/keys.js';

const data = utf8('header.payload');
const pem = { type: 'pkcs8', format: 'pem' } as const;

describe('An identity key from the environment', () => {
  it.each([
    ['as a file has it', (pem: string) => pem],
    ['with its line breaks written as \\n', (pem: string) => pem.replaceAll('\n', '\\n')],
    ['in quotes that were left on', (pem: string) => `"${pem.replaceAll('\n', '\\n')}"`],
  ])('is read %s', (_, write) => {
    const { pem, publicKey } = engine.generateIdentityKey('Ed25519');
    expect(engine.importSigningKey(write(pem)).publicKey).toEqual(publicKey);
  });
});

describe('an identity key', () => {
  const keys = [
    ['Ed25519', generateKeyPairSync('ed25519').privateKey],
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
  ] as const;

  it.each(keys)(
    'for %s signs what every engine and Node itself verify, from PEM and KeyObject alike',
    async (alg, key) => {
      for (const given of [key, key.export(pem) as string]) {
        const { signingKey, publicKey } = engine.importSigningKey(given);
        expect(signingKey.alg).toBe(alg);
        expect(parseSigningKey(publicKey)).toEqual(publicKey);
        const signature = engine.sign(signingKey, data);
        expect(signature).toHaveLength(64);
        expect(engine.verify(publicKey, data, signature)).toBe(true);
        expect(await new WebEngine().verify(publicKey, data, signature)).toBe(true);
        const digest = alg === 'ES256' ? 'sha256' : null;
        expect(verify(digest, data, { key: createPublicKey(key), dsaEncoding: 'ieee-p1363' }, signature)).toBe(true);
        signature[5]! ^= 1;
        expect(engine.verify(publicKey, data, signature)).toBe(false);
      }
    },
  );

  it('verifies no ES256 signature in DER', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { publicKey, signingKey } = engine.importSigningKey(privateKey);
    const signature = engine.sign(signingKey, data);
    const integer = (half: Uint8Array) => {
      const trimmed = half[0]! > 127 ? [0, ...half] : [...half];
      return [0x02, trimmed.length, ...trimmed];
    };
    const body = [...integer(signature.subarray(0, 32)), ...integer(signature.subarray(32))];
    expect(engine.verify(publicKey, data, Uint8Array.from([0x30, body.length, ...body]))).toBe(false);
  });

  it.each([
    ['an RSA key', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
    ['an X25519 key', generateKeyPairSync('x25519').privateKey],
    ['a P-384 key', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
    ['a public key', generateKeyPairSync('ed25519').publicKey],
    ['a public key in PEM', generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }) as string],
    ['an RSA key in PEM', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(pem) as string],
    [
      'an encrypted key',
      generateKeyPairSync('ed25519').privateKey.export({
        ...pem,
        cipher: 'aes-256-cbc',
        passphrase: 'secret',
      }) as string,
    ],
    ['another text', 'a secret that is not PEM'],
    ['an empty text', ''],
  ])('is not %s, and the error quotes none of it', (_, key) => {
    let error: unknown;
    try {
      engine.importSigningKey(key);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(TypeError);
    expect((error as TypeError).message).toMatch(/^an identity key is /);
    expect((error as TypeError).cause).toBeUndefined();
  });
});

describe('a private key at rest', () => {
  it.each(['RSA', 'P-256', 'X25519'] as const)(
    'of kind %s comes back as the same key, and as no other kind',
    (kind) => {
      const { publicKey, privateKey } = engine.generateKeyPair(kind);
      const packed = engine.packPrivateKey(privateKey);
      const again = engine.unpackPrivateKey(kind, packed);
      expect(again.kind).toBe(kind);
      if (kind === 'RSA') {
        const wrapped = engine.rsaEncrypt(engine.importPublicKey(publicKey), data);
        expect(Buffer.from(engine.rsaDecrypt(again, wrapped)!)).toEqual(Buffer.from(data));
      } else {
        const other = engine.generateKeyPair(kind);
        const otherPublic = engine.importPublicKey(other.publicKey);
        expect(engine.agree(again, otherPublic)).toEqual(engine.agree(privateKey, otherPublic));
      }
      for (const wrong of (['RSA', 'P-256', 'X25519'] as const).filter((candidate) => candidate !== kind)) {
        expect(() => engine.unpackPrivateKey(wrong, packed)).toThrow(TypeError);
      }
      expect(() => engine.unpackPrivateKey(kind, packed.subarray(1))).toThrow();
    },
  );
});

describe('a key pair that was made off the event loop', () => {
  it('serves as one of the engine', async () => {
    const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
    const pair = engine.keyPairFrom(publicKey, privateKey);
    expect(parsePublicKey(pair.publicKey)).toEqual(pair.publicKey);
    const wrapped = engine.rsaEncrypt(engine.importPublicKey(pair.publicKey), data);
    expect(Buffer.from(engine.rsaDecrypt(pair.privateKey, wrapped)!)).toEqual(Buffer.from(data));
  });

  it('is refused where no channel has such a key', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    expect(() => engine.keyPairFrom(publicKey, privateKey)).toThrow(TypeError);
  });
});

describe('ECDH', () => {
  it('is refused between keys of two kinds, or of RSA', () => {
    const p256 = engine.generateKeyPair('P-256');
    const x25519 = engine.generateKeyPair('X25519');
    const rsa = engine.generateKeyPair('RSA');
    const publicOf = (pair: typeof rsa) => engine.importPublicKey(pair.publicKey);
    expect(() => engine.agree(p256.privateKey, publicOf(x25519))).toThrow(TypeError);
    expect(() => engine.agree(rsa.privateKey, publicOf(rsa))).toThrow(TypeError);
  });
});

describe('HMAC and comparison', () => {
  it('are those of node:crypto', () => {
    const key = engine.randomBytes(32);
    expect(engine.hmac(key, data)).toEqual(createHmac('sha256', key).update(data).digest());
    expect(engine.timingSafeEqual(utf8('same'), utf8('same'))).toBe(true);
    expect(engine.timingSafeEqual(utf8('same'), utf8('Same'))).toBe(false);
    expect(engine.timingSafeEqual(utf8('same'), utf8('same longer'))).toBe(false);
  });
});
