import { describe, expect, it } from '@jest/globals';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import fc from 'fast-check';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readPublicKey } from '../../../src/crypto/spki.js';
import { joinHybridKey, splitHybridKey } from '../../../src/protocol/hybrid-key.js';
import { parseSigningKey, type PublicJwk, type SigningJwk } from '../../../src/protocol/keys.js';
import { E2eProblem } from '../../../src/protocol/problem.js';
import { anyText, edited, jsonChange, memberValue, type Change } from './support/mutate.js';

const HYBRID = 'MLKEM768-X25519';
const MEMBERS = ['kty', 'crv', 'n', 'e', 'x', 'y', 'd', 'kid', 'use', 'key_ops', 'alg', 'pub', 'priv'];

const KEYS: Record<string, KeyObject> = {
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey,
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey,
  X25519: generateKeyPairSync('x25519').publicKey,
  Ed25519: generateKeyPairSync('ed25519').publicKey,
};
const pub = Buffer.concat([
  ml_kem768.keygen().publicKey,
  Buffer.from(KEYS.X25519!.export({ format: 'jwk' }).x!, 'base64url'),
]);
const hybrid = { kty: 'AKP', alg: HYBRID, pub: pub.toString('base64url') };
const jwkText = (kind: string) => JSON.stringify(kind === HYBRID ? hybrid : KEYS[kind]!.export({ format: 'jwk' }));

/** The key that was read, or `undefined`: for no other reason than the module's own. */
function read<Jwk>(parse: (value: unknown) => Jwk, value: unknown): Jwk | undefined {
  try {
    return parse(value);
  } catch (error) {
    if (!(error instanceof E2eProblem) || error.code !== 'key-rejected' || !error.detail) throw error;
    return undefined;
  }
}

/** OpenSSL's opinion of a key that was accepted, which is to be the same; of a hybrid key noble's, of its first half. */
function expectSound(jwk: PublicJwk | SigningJwk): void {
  if (jwk.kty === 'AKP') {
    const { encapsulationKey, x25519 } = splitHybridKey(jwk);
    expect(joinHybridKey({ encapsulationKey, x25519 })).toEqual(jwk);
    expect(ml_kem768.encapsulate(encapsulationKey).sharedSecret).toHaveLength(32);
    return expectSound(x25519);
  }
  const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
  expect(key.export({ format: 'jwk' })).toEqual(jwk);
  if (jwk.kty === 'RSA') {
    expect(key.asymmetricKeyDetails?.publicExponent).toBe(65537n);
    expect(key.asymmetricKeyDetails?.modulusLength).toBeGreaterThanOrEqual(2048);
    expect(key.asymmetricKeyDetails?.modulusLength).toBeLessThanOrEqual(4096);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

describe.each(['RSA', 'P-256', 'X25519', HYBRID, 'Ed25519'])('a changed %s key', (kind) => {
  const parsers = [readPublicKey, parseSigningKey];
  const text = jwkText(kind);

  it('is refused as a JWK, or is a key that OpenSSL reads as the same', () => {
    fc.assert(
      fc.property(jsonChange(MEMBERS), (change) => {
        for (const parse of parsers) {
          const jwk = read<PublicJwk | SigningJwk>(parse, parsed(change(text)));
          if (jwk) expectSound(jwk);
        }
      }),
      { numRuns: 600 },
    );
  });

  it('is refused as a JWK with a member of any other value', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('kty', 'crv', 'n', 'e', 'x', 'y', 'd', 'k', 'pub', 'priv'),
        memberValue,
        (name, value) => {
          const valid = JSON.parse(text) as Record<string, unknown>;
          for (const parse of parsers) {
            expect(read<unknown>(parse, { ...valid, [name]: value })).toBeUndefined();
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('an SPKI key in PEM', () => {
  /** Changes to the bytes inside: what a parser of DER is led astray by. */
  const der = fc
    .array(
      fc.oneof(
        fc.tuple(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), fc.nat(255)).map(([where, byte]) => {
          return (bytes: Buffer) => {
            const changed = Buffer.from(bytes);
            changed[Math.floor(where * bytes.length)] = byte;
            return changed;
          };
        }),
        // The first bytes are the lengths and the algorithm.
        fc.tuple(fc.nat(40), fc.nat(255)).map(([index, byte]) => (bytes: Buffer) => {
          const changed = Buffer.from(bytes);
          changed[index] = byte;
          return changed;
        }),
        fc.tuple(fc.nat(300), fc.uint8Array({ maxLength: 6 })).map(([index, more]) => {
          return (bytes: Buffer) => Buffer.concat([bytes.subarray(0, index), more, bytes.subarray(index)]);
        }),
        fc.nat(300).map((length) => (bytes: Buffer) => bytes.subarray(0, length)),
      ),
      { minLength: 1, maxLength: 3 },
    )
    .map((changes): Change => {
      return (pem) => {
        const inside = Buffer.from(pem.split('-----')[2]!, 'base64');
        return toPem(changes.reduce<Buffer>((bytes, change) => change(bytes), inside));
      };
    });

  it.each(['RSA', 'P-256', 'X25519'])('of kind %s is, when changed, refused or sound', (kind) => {
    const pem = KEYS[kind]!.export({ format: 'pem', type: 'spki' }) as string;
    expect(read(readPublicKey, pem)).toEqual(JSON.parse(jwkText(kind)));
    fc.assert(
      fc.property(fc.oneof(der, edited), (change) => {
        const jwk = read(readPublicKey, change(pem));
        if (jwk) expectSound(jwk);
      }),
      { numRuns: 1500 },
    );
  });

  it('of a kind that makes no channel is refused, and so is any other text', () => {
    const ed25519 = KEYS.Ed25519!.export({ format: 'pem', type: 'spki' }) as string;
    fc.assert(
      fc.property(fc.option(edited), anyText, (change, random) => {
        for (const text of [change ? change(ed25519) : ed25519, random, toPem(Buffer.from(random))]) {
          expect(read(readPublicKey, text)).toBeUndefined();
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each<[string, () => unknown]>([
    ['65,537 bytes of modulus', () => ({ kty: 'RSA', e: 'AQAB', n: 'A'.repeat(87_383) })],
    ['a modulus of 4,096 bits', () => ({ kty: 'RSA', e: 'AQAB', n: `_${'-'.repeat(681)}w` })],
    ['a megabyte of PEM', () => `-----BEGIN PUBLIC KEY-----${'A'.repeat(1 << 20)}-----END PUBLIC KEY-----`],
    ['4,096 spaces of PEM', () => ' '.repeat(4096)],
    ['a thousand levels of JWK', () => JSON.parse('{"kty":'.repeat(1000) + '1' + '}'.repeat(1000)) as unknown],
  ])('costs no more than it may: %s', (_, make) => {
    const value = make();
    const before = process.cpuUsage();
    for (let round = 0; round < 10; round++) expect(read(readPublicKey, value)).toBeUndefined();
    // Ten of them, in the processor's own time.
    expect(process.cpuUsage(before).user).toBeLessThan(100_000);
  });
});

function toPem(bytes: Uint8Array): string {
  return `-----BEGIN PUBLIC KEY-----\n${Buffer.from(bytes).toString('base64')}\n-----END PUBLIC KEY-----\n`;
}
