import { describe, expect, it } from '@jest/globals';
import type { Bytes, CryptoEngine } from '../../../src/protocol/crypto.js';
import { keyKind, parsePublicKey, type PublicJwk } from '../../../src/protocol/keys.js';
import { describeVectors } from '../../support/vectors.js';
import { engines, has, hex, type PrivateJwk } from './engines.js';

interface Suite<Group> {
  readonly numberOfTests: number;
  readonly testGroups: readonly Group[];
}
interface Case {
  readonly tcId: number;
  readonly result: 'valid' | 'invalid' | 'acceptable';
  readonly flags: readonly string[];
}
interface AeadCase extends Case {
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
}
interface AeadGroup {
  readonly keySize: number;
  readonly ivSize: number;
  readonly tagSize: number;
  readonly tests: readonly AeadCase[];
}
interface AgreementCase extends Case {
  readonly public: PublicJwk;
  readonly private: PrivateJwk;
  readonly shared: string;
}
interface HkdfCase extends Case {
  readonly ikm: string;
  readonly salt: string;
  readonly info: string;
  readonly size: number;
  readonly okm: string;
}
interface OaepCase extends Case {
  readonly msg: string;
  readonly ct: string;
  readonly label: string;
}

const named = engines.map((engine) => [engine.name, engine] as const);
const REJECTED = { code: 'key-rejected', status: 422 };
const CUT_TAGS = [15, 12, 8, 4, 0];

describeVectors<Suite<AeadGroup>>('Wycheproof, AES-GCM', 'wycheproof/aes_gcm_test.json', ({ testGroups }) => {
  const of = (fits: (group: AeadGroup) => boolean) => testGroups.filter(fits).flatMap(({ tests }) => tests);
  const ours = of(({ keySize, ivSize, tagSize }) => keySize === 256 && ivSize === 96 && tagSize === 128);
  const valid = ours.filter(({ result }) => result === 'valid');
  const invalid = ours.filter(({ result }) => result === 'invalid');
  const otherIvs = of(({ keySize, ivSize }) => keySize === 256 && ivSize !== 96);
  const otherKeys = of(({ keySize }) => keySize !== 256);

  it('has cases of our sizes, and of others: 39 valid, 27 invalid, 39 of other IVs, 211 of other keys', () => {
    expect([valid.length, invalid.length, otherIvs.length, otherKeys.length]).toEqual([39, 27, 39, 211]);
  });

  describe.each(named)('on the %s engine', (_, engine) => {
    const key = (test: AeadCase) => engine.importContentKey(hex(test.key));
    const open = async (test: AeadCase, tag: Bytes = hex(test.tag)) =>
      engine.open(await key(test), hex(test.iv), hex(test.aad), hex(test.ct), tag);

    it(`opens, and seals to the same bytes, all ${valid.length} that are valid`, async () => {
      for (const test of valid) {
        expect([test.tcId, toHex(await open(test))]).toEqual([test.tcId, test.msg]);
        const { ciphertext, tag } = await engine.seal(await key(test), hex(test.iv), hex(test.aad), hex(test.msg));
        expect([test.tcId, toHex(ciphertext), toHex(tag)]).toEqual([test.tcId, test.ct, test.tag]);
      }
    });

    it(`refuses all ${invalid.length} that are invalid`, async () => {
      for (const test of invalid) expect([test.tcId, await open(test)]).toEqual([test.tcId, undefined]);
    });

    it.each(CUT_TAGS)('refuses every valid tag cut to %i bytes', async (length) => {
      for (const test of valid) {
        expect([test.tcId, await open(test, hex(test.tag).subarray(0, length))]).toEqual([test.tcId, undefined]);
      }
    });

    it('refuses every valid tag with a byte more', async () => {
      for (const test of valid) expect(await open(test, hex(`${test.tag}00`))).toBeUndefined();
    });

    it(`refuses all ${otherIvs.length} with an IV that is not 12 bytes, valid ones too`, async () => {
      for (const test of otherIvs) {
        expect([test.tcId, await open(test)]).toEqual([test.tcId, undefined]);
        const contentKey = await key(test);
        await expect(async () =>
          engine.seal(contentKey, hex(test.iv), hex(test.aad), hex(test.msg)),
        ).rejects.toBeInstanceOf(TypeError);
      }
    });

    it(`takes none of the ${otherKeys.length} keys that are not 256 bits`, async () => {
      for (const test of otherKeys) await expect(async () => key(test)).rejects.toBeInstanceOf(TypeError);
    });
  });
});

describeVectors<Suite<{ tests: readonly HkdfCase[] }>>(
  'Wycheproof, HKDF-SHA-256',
  'wycheproof/hkdf_sha256_test.json',
  ({ testGroups }) => {
    const cases = testGroups.flatMap(({ tests }) => tests);
    const valid = cases.filter(({ result }) => result === 'valid');

    it('has 83 valid cases; the 3 invalid ones ask for more bytes than HKDF gives, which the engines cannot be asked', () => {
      expect(valid).toHaveLength(83);
      expect(cases.filter(({ result, size }) => result === 'invalid' && size > 255 * 32)).toHaveLength(3);
      expect(cases).toHaveLength(86);
    });

    // The engines make 32 bytes. HKDF's output does not depend on how much of it is asked for (RFC 5869 §2.3).
    it.each(named)('the %s engine makes the first 32 bytes of every valid output', async (_, engine) => {
      for (const { tcId, ikm, salt, info, size, okm } of valid) {
        const output = toHex(await engine.hkdf(hex(ikm), hex(salt), hex(info)))!;
        const length = 2 * Math.min(size, 32);
        expect([tcId, output.slice(0, length)]).toEqual([tcId, okm.slice(0, length)]);
      }
    });
  },
);

describeVectors<Suite<{ privateKeyJwk: PrivateJwk; tests: readonly OaepCase[] }>>(
  'Wycheproof, RSA-OAEP with SHA-256',
  'wycheproof/rsa_oaep_2048_sha256_mgf1sha256_test.json',
  ({ testGroups }) => {
    const [{ privateKeyJwk, tests } = { privateKeyJwk: undefined, tests: [] }] = testGroups;
    const valid = tests.filter(({ result, label }) => result === 'valid' && label === '');
    const labelled = tests.filter(({ result, label }) => result === 'valid' && label !== '');
    const invalid = tests.filter(({ result }) => result === 'invalid');

    it('has 10 valid cases, 8 with a label, which the protocol has not, and 19 invalid ones', () => {
      expect([valid.length, labelled.length, invalid.length]).toEqual([10, 8, 19]);
    });

    describe.each(named.filter(([, engine]) => has(engine, 'RSA')))('on the %s engine', (_, engine) => {
      const decrypt = async ({ ct }: OaepCase) =>
        engine.rsaDecrypt(await engine.importPrivateKey(privateKeyJwk!), hex(ct));

      it('decrypts all that are valid', async () => {
        for (const test of valid) expect([test.tcId, toHex(await decrypt(test))]).toEqual([test.tcId, test.msg]);
      });

      it('refuses all with a label, and all that are invalid', async () => {
        for (const test of [...labelled, ...invalid]) {
          expect([test.tcId, await decrypt(test)]).toEqual([test.tcId, undefined]);
        }
      });
    });
  },
);

describeVectors<Suite<{ tests: readonly AgreementCase[] }>>(
  'Wycheproof, ECDH on P-256',
  'wycheproof/ecdh_secp256r1_webcrypto_test.json',
  ({ testGroups }) => {
    const cases = testGroups.flatMap(({ tests }) => tests);
    const valid = cases.filter(({ result }) => result === 'valid');
    const invalid = cases.filter(({ result }) => result === 'invalid');

    it('has 330 valid cases and 23 invalid ones', () => {
      expect([valid.length, invalid.length, cases.length]).toEqual([330, 23, 353]);
    });

    it('every invalid public key is refused by the rules for keys', () => {
      for (const test of invalid) expect(() => parsePublicKey(test.public)).toThrow(expect.objectContaining(REJECTED));
    });

    describe.each(enginesWith('P-256'))('on the %s engine', (_, engine) => {
      it('every valid case gives its shared secret', async () => {
        for (const test of valid) expect([test.tcId, await agreed(engine, test)]).toEqual([test.tcId, test.shared]);
      });

      it('every invalid public key is refused by the engine too, without those rules', async () => {
        for (const test of invalid) {
          const taken = await Promise.resolve(test.public)
            .then((jwk) => engine.importPublicKey(jwk))
            .then(
              () => true,
              () => false,
            );
          expect([test.tcId, taken]).toEqual([test.tcId, false]);
        }
      });
    });
  },
);

describeVectors<Suite<{ tests: readonly AgreementCase[] }>>(
  'Wycheproof, X25519',
  'wycheproof/x25519_jwk_test.json',
  ({ testGroups }) => {
    const cases = testGroups.flatMap(({ tests }) => tests);
    const of = (result: Case['result']) => cases.filter((test) => test.result === result);
    // PROTOCOL §1 decides the "acceptable" cases: the top bit must be clear, and a shared secret of zeros aborts.
    // Everything else (points on the twist, coordinates that are not reduced) is valid, as in RFC 7748 §5.
    const topBit = of('acceptable').filter(
      (test) => Buffer.from(test.public.kty === 'OKP' ? test.public.x : '', 'base64url')[31]! > 127,
    );
    const zero = of('acceptable').filter((test) => !topBit.includes(test) && /^0+$/.test(test.shared));
    const counted = [
      ...of('valid'),
      ...of('acceptable').filter((test) => !topBit.includes(test) && !zero.includes(test)),
    ];

    it('has 264 valid cases, 13 invalid ones, and of 254 acceptable ones 214 count, 19 are zero and 21 have the top bit', () => {
      expect([of('valid').length, of('invalid').length, counted.length - of('valid').length]).toEqual([264, 13, 214]);
      expect([zero.length, topBit.length, cases.length]).toEqual([19, 21, 531]);
    });

    it('every invalid public key is refused by the rules for keys, or is of another kind', () => {
      const kinds = of('invalid').map((test) => {
        try {
          return keyKind(parsePublicKey(test.public));
        } catch (error) {
          expect(error).toMatchObject(REJECTED);
          return undefined;
        }
      });
      expect(kinds.filter((kind) => kind !== undefined)).toEqual(['P-256']); // one is a good key of that kind
    });

    it('every public key with the top bit set is refused by the rules for keys', () => {
      for (const test of topBit) expect(() => parsePublicKey(test.public)).toThrow(expect.objectContaining(REJECTED));
    });

    describe.each(enginesWith('X25519'))('on the %s engine', (_, engine) => {
      it('every case that counts gives its shared secret', async () => {
        for (const test of counted) expect([test.tcId, await agreed(engine, test)]).toEqual([test.tcId, test.shared]);
      });

      it('every shared secret of zeros is refused', async () => {
        for (const test of zero) expect([test.tcId, await agreed(engine, test)]).toEqual([test.tcId, undefined]);
      });
    });
  },
);

function enginesWith(kind: 'P-256' | 'X25519') {
  return named.filter(([, engine]) => has(engine, kind));
}

async function agreed(engine: CryptoEngine, test: AgreementCase): Promise<string | undefined> {
  const privateKey = await engine.importPrivateKey(test.private);
  const publicKey = await engine.importPublicKey(parsePublicKey(test.public));
  return toHex(await engine.agree(privateKey, publicKey));
}

function toHex(bytes: Bytes | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString('hex');
}
