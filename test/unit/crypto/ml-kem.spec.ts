import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import * as crypto from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { encapsulateNatively } from '../../../src/crypto/node-ml-kem.js';
import { nobleMlKem } from '../../../src/crypto/noble-ml-kem.js';
import { hasWebMlKem, webMlKem } from '../../../src/crypto/web-ml-kem.js';
import type { Awaitable, Bytes } from '../../../src/protocol/crypto.js';
import { parsePublicKey } from '../../../src/protocol/keys.js';
import type { Encapsulation, MlKem } from '../../../src/protocol/ml-kem.js';
import { describeVectors } from '../../support/vectors.js';
import { engines, hex } from './engines.js';

interface Case {
  readonly tcId: number;
  readonly result: 'valid' | 'invalid';
  readonly m: string;
  readonly seed: string;
  readonly dk: string;
  readonly ek: string;
  readonly c: string;
  readonly K: string;
}
interface Suite {
  readonly testGroups: readonly { readonly tests: readonly Case[] }[];
}

/** What Node 24.7 has, once more and apart from the sources: its decapsulation, which they do not use. */
const { decapsulate } = crypto as { decapsulate?: (key: crypto.KeyObject, ciphertext: Bytes) => Buffer };
const nodeMlKem: MlKem = {
  name: 'node',
  generateKeyPair() {
    const { publicKey, privateKey } = crypto.generateKeyPairSync('ml-kem-768' as 'x25519');
    const encapsulationKey = publicKey.export({ format: 'der', type: 'spki' }).subarray(-1184);
    return {
      encapsulationKey,
      decapsulator: { decapsulate: (ciphertext) => decapsulate!(privateKey, ciphertext) },
    };
  },
  encapsulate(key) {
    const encapsulation = encapsulateNatively(key);
    if (!encapsulation) throw new Error('refused');
    return encapsulation;
  },
};

// Node 20 has neither of the two; the suites for browsers and for Node 24 run these pairs with them.
const implementations: readonly MlKem[] = [
  nobleMlKem,
  ...((await hasWebMlKem()) ? [webMlKem] : []),
  ...(decapsulate ? [nodeMlKem] : []),
];
const named = implementations.map((each) => [each.name, each] as const);
const pairs = implementations.flatMap((one) =>
  implementations.map((other) => [one.name, other.name, one, other] as const),
);

const toHex = (bytes: Bytes) => Buffer.from(bytes).toString('hex');
const b64u = (bytes: Bytes) => Buffer.from(bytes).toString('base64url');
const refuses = async (operation: () => Awaitable<unknown>): Promise<boolean> =>
  Promise.resolve()
    .then(operation)
    .then(
      () => false,
      () => true,
    );

describe.each(pairs)('what %s encapsulates to a key of %s', (_, __, one, other) => {
  it('is the same secret at both ends, another one each time', async () => {
    const { encapsulationKey, decapsulator } = await other.generateKeyPair();
    expect(encapsulationKey).toHaveLength(1184);
    const made: Encapsulation[] = [await one.encapsulate(encapsulationKey), await one.encapsulate(encapsulationKey)];
    for (const { secret, ciphertext } of made) {
      expect([secret.length, ciphertext.length]).toEqual([32, 1088]);
      expect(toHex(await decapsulator.decapsulate(ciphertext))).toBe(toHex(secret));
    }
    expect(toHex(made[0]!.secret)).not.toBe(toHex(made[1]!.secret));
  });

  it('is another secret where any bit of it was turned, and the same one for the same ciphertext (FIPS 203 §6.3)', async () => {
    const { encapsulationKey, decapsulator } = await other.generateKeyPair();
    const { secret, ciphertext } = await one.encapsulate(encapsulationKey);
    for (const at of [0, 500, 960, 1087]) {
      const changed = Uint8Array.from(ciphertext);
      changed[at]! ^= 1;
      const implicit = toHex(await decapsulator.decapsulate(changed));
      expect(implicit).not.toBe(toHex(secret));
      expect(toHex(await decapsulator.decapsulate(changed))).toBe(implicit);
    }
  });
});

describe.each(named)('ML-KEM-768 of %s', (_, mlKem) => {
  it('shows nothing of a decapsulation key', async () => {
    const { decapsulator } = await mlKem.generateKeyPair();
    if (mlKem.name !== 'node') expect(Object.keys(decapsulator)).toEqual([]);
    expect(JSON.stringify(decapsulator)).toBe('{}');
  });
});

describeVectors<Suite>('Wycheproof, encapsulation', 'wycheproof/mlkem_768_encaps_test.json', ({ testGroups }) => {
  const cases = testGroups.flatMap(({ tests }) => tests);
  const valid = cases.filter(({ result }) => result === 'valid');
  const invalid = cases.filter(({ result }) => result === 'invalid');
  const key = ({ ek }: Case) => ({
    kty: 'AKP',
    alg: 'MLKEM768-X25519',
    pub: b64u(Buffer.concat([hex(ek), new Uint8Array(32).fill(9)])),
  });

  it('has 133 valid cases and 132 invalid ones', () => {
    expect([valid.length, invalid.length, cases.length]).toEqual([133, 132, 265]);
  });

  it('every valid key is accepted by the rules for keys, and every invalid one refused', () => {
    for (const test of valid) expect(parsePublicKey(key(test))).toEqual(key(test));
    for (const test of invalid) {
      expect(() => parsePublicKey(key(test))).toThrow(expect.objectContaining({ code: 'key-rejected', status: 422 }));
    }
  });

  it('every valid case gives its ciphertext and its secret', () => {
    for (const { tcId, ek, m, c, K } of valid) {
      const { cipherText, sharedSecret } = ml_kem768.encapsulate(hex(ek), hex(m));
      expect([tcId, toHex(cipherText), toHex(sharedSecret)]).toEqual([tcId, c, K]);
    }
  });

  it.each(named)('%s encapsulates to every valid key, and by itself to no invalid one', async (_, mlKem) => {
    for (const { ek } of valid) expect((await mlKem.encapsulate(hex(ek))).ciphertext).toHaveLength(1088);
    for (const { tcId, ek } of invalid) {
      expect([tcId, await refuses(() => mlKem.encapsulate(hex(ek)))]).toEqual([tcId, true]);
    }
  });
});

describe('decapsulation, as a client does it', () => {
  const engine = engines.find(({ name }) => name === 'web')!;
  const { d = '', x = '' } = crypto.generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });

  /** By the engine: the secret, or `undefined`; a key that is refused throws. */
  async function decapsulated(dk: Bytes, ek: Bytes, c: string): Promise<string | undefined> {
    const pub = b64u(Buffer.concat([ek, Buffer.from(x, 'base64url')]));
    const priv = b64u(Buffer.concat([dk, Buffer.from(d, 'base64url')]));
    const key = await engine.importPrivateKey({ kty: 'AKP', alg: 'MLKEM768-X25519', pub, priv });
    const secret = await engine.decapsulate!(key, hex(c));
    return secret && toHex(secret);
  }

  describeVectors<Suite>('Wycheproof, from a seed', 'wycheproof/mlkem_768_test.json', ({ testGroups }) => {
    const cases = testGroups.flatMap(({ tests }) => tests);
    const valid = cases.filter(({ result }) => result === 'valid');
    const seeds = cases.filter(({ result, seed }) => result === 'invalid' && seed.length !== 128);
    const lengths = cases.filter(({ result, seed }) => result === 'invalid' && seed.length === 128);

    it('has 153 valid cases; 20 with a seed and 20 with a ciphertext of another length', () => {
      expect([valid.length, seeds.length, lengths.length, cases.length]).toEqual([153, 20, 20, 193]);
    });

    it('every valid case gives its key and its secret', async () => {
      for (const { tcId, seed, ek, c, K } of valid) {
        const { publicKey, secretKey } = ml_kem768.keygen(hex(seed));
        expect([tcId, toHex(publicKey), await decapsulated(secretKey, publicKey, c)]).toEqual([tcId, ek, K]);
      }
    });

    it('a ciphertext of another length gives nothing; a seed of another length makes no key', async () => {
      for (const { tcId, seed, c } of lengths) {
        const { publicKey, secretKey } = ml_kem768.keygen(hex(seed));
        expect([tcId, await decapsulated(secretKey, publicKey, c)]).toEqual([tcId, undefined]);
      }
      for (const { tcId, seed } of seeds) {
        expect([tcId, await refuses(() => ml_kem768.keygen(hex(seed)))]).toEqual([tcId, true]);
      }
    });
  });

  describeVectors<Suite>(
    'Wycheproof, from a decapsulation key',
    'wycheproof/mlkem_768_semi_expanded_decaps_test.json',
    ({ testGroups }) => {
      const cases = testGroups.flatMap(({ tests }) => tests);

      it('has 3 valid cases and 6 invalid ones', () => {
        expect(cases.map(({ result }) => result === 'valid').sort()).toEqual([
          ...Array<boolean>(6).fill(false),
          true,
          true,
          true,
        ]);
      });

      it('every valid case gives its secret; no other does (FIPS 203 §7.3: lengths, and the hash in the key)', async () => {
        for (const { tcId, result, dk, ek, c, K } of cases) {
          const outcome = await decapsulated(hex(dk), hex(ek), c).catch(() => undefined);
          expect([tcId, outcome]).toEqual([tcId, result === 'valid' ? K : undefined]);
        }
      });
    },
  );
});
