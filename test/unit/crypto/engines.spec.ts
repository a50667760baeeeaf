import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inspect } from 'node:util';
import { UnsupportedByEngine, type CryptoEngine } from '../../../src/protocol/crypto.js';
import { utf8 } from '../../../src/protocol/json.js';
import {
  HYBRID,
  KEY_KINDS,
  parsePublicKey,
  serverKeyKind,
  type EcPublicJwk,
  type KeyKind,
  type PublicJwk,
} from '../../../src/protocol/keys.js';
import { splitHybridKey } from '../../../src/protocol/hybrid-key.js';
import { NodeEngine } from '../../../src/crypto/node.js';
import { engines, has, hex } from './engines.js';

const named = engines.map((engine) => [engine.name, engine] as const);
const pairs = engines.flatMap((one) => engines.map((other) => [one.name, other.name, one, other] as const));

const p256: EcPublicJwk = {
  kty: 'EC',
  crv: 'P-256',
  x: 'axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY',
  y: 'T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU',
};
const ed25519 = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' } as const;

// One pair an engine and a kind serves all tests: forge takes about a second for one.
const made = new Map<string, Promise<Awaited<ReturnType<CryptoEngine['generateKeyPair']>>>>();
function keyPair(engine: CryptoEngine, kind: KeyKind) {
  const name = `${engine.name} ${kind}`;
  if (!made.has(name)) made.set(name, Promise.resolve(engine.generateKeyPair(kind)));
  return made.get(name)!;
}

describe.each(pairs)('what the %s engine makes, the %s engine', (_, __, one, other) => {
  it('opens, and makes the same of the same key, IV and header', async () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    const any = fc.uint8Array({ maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(bytes(32), bytes(12), any, any, async (key, iv, aad, plaintext) => {
        const sealed = await one.seal(await one.importContentKey(key), iv, aad, plaintext);
        const otherKey = await other.importContentKey(key);
        expect(sealed.ciphertext).toHaveLength(plaintext.length);
        expect(sealed.tag).toHaveLength(16);
        expect(same(await other.seal(otherKey, iv, aad, plaintext), sealed)).toBe(true);
        expect(equal(await other.open(otherKey, iv, aad, sealed.ciphertext, sealed.tag), plaintext)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('refuses with any one bit of key, IV, header, ciphertext or tag turned', async () => {
    const key = one.randomBytes(32);
    const parts = [key, one.randomBytes(12), utf8('header'), one.randomBytes(40)] as const;
    const { ciphertext, tag } = await one.seal(await one.importContentKey(key), parts[1], parts[2], parts[3]);
    const sealed = [key, parts[1], parts[2], ciphertext, tag];
    const open = async ([k, iv, aad, text, t]: Uint8Array[]) =>
      other.open(await other.importContentKey(k!), iv!, aad!, text!, t!);
    expect(equal(await open(sealed), parts[3])).toBe(true);
    await fc.assert(
      fc.asyncProperty(fc.nat(4), fc.nat(), async (part, bit) => {
        const turned = sealed.map((bytes) => Uint8Array.from(bytes));
        const target = turned[part]!;
        target[(bit >> 3) % target.length]! ^= 1 << (bit & 7);
        expect(await open(turned)).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  if (has(one, 'RSA') && has(other, 'RSA')) {
    it('unwraps with its own RSA key, from any length that fits', async () => {
      const { publicKey, privateKey } = await keyPair(other, 'RSA');
      const wrapping = await one.importPublicKey(parsePublicKey(publicKey));
      for (const length of [0, 1, 32, 190]) {
        const secret = one.randomBytes(length);
        expect(equal(await other.rsaDecrypt(privateKey, await one.rsaEncrypt(wrapping, secret)), secret)).toBe(true);
      }
    });
  }

  it('makes the same hashes and keys of', async () => {
    const any = fc.uint8Array({ maxLength: 200 });
    const material = fc.uint8Array({ minLength: 1, maxLength: 100 });
    await fc.assert(
      fc.asyncProperty(material, any, any, async (ikm, salt, info) => {
        expect(equal(await other.sha256(ikm), await one.sha256(ikm))).toBe(true);
        expect(equal(await other.hkdf(ikm, salt, info), await one.hkdf(ikm, salt, info))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  for (const kind of ['P-256', 'X25519', HYBRID] as const) {
    const answer = serverKeyKind(kind);
    if (!has(one, kind) || !has(other, answer)) continue;
    it(`agrees with on ${kind}`, async () => {
      const [mine, theirs] = await Promise.all([one.generateKeyPair(kind), other.generateKeyPair(answer)]);
      const here = await one.agree(mine.privateKey, await one.importPublicKey(parsePublicKey(theirs.publicKey)));
      const there = await other.agree(
        theirs.privateKey,
        await other.importPublicKey(agreementHalf(parsePublicKey(mine.publicKey))),
      );
      expect(here).toHaveLength(32);
      expect(equal(here, there!)).toBe(true);
    });
  }
});

describe.each(named)('the %s engine', (_, engine) => {
  it('makes keys of each of its kinds that the rules accept, and never one twice', async () => {
    for (const kind of engine.kinds) {
      const { publicKey, privateKey } = await keyPair(engine, kind);
      expect(parsePublicKey(publicKey)).toEqual(publicKey);
      expect(privateKey.kind).toBe(kind);
      if (kind !== 'RSA') expect((await engine.generateKeyPair(kind)).publicKey).not.toEqual(publicKey);
    }
  });

  it('shows nothing of a private or a content key, nor of one it imported', async () => {
    const shown = async (key: unknown) =>
      [
        JSON.stringify(await key),
        inspect(await key, { depth: 9, showHidden: true, getters: true }),
        ...Object.keys((await key) as object),
      ].join('\n');
    for (const kind of engine.kinds) {
      const { publicKey, privateKey } = await keyPair(engine, kind);
      expect(await shown(privateKey)).toMatch(/^\{"kind":"[^"]+"\}\n\w+PrivateKey \{ kind: '[^']+' \}\nkind$/);
      expect(await shown(engine.importPublicKey(publicKey))).toMatch(
        /^\{"kind":"[^"]+"\}\n\w+PublicKey \{ kind: '[^']+' \}\nkind$/,
      );
    }
    expect(await shown(engine.importContentKey(new Uint8Array(32).fill(7)))).toMatch(
      /^\{"enc":"A256GCM"\}\n\w+ContentKey \{ enc: 'A256GCM' \}\nenc$/,
    );
  });

  it('refuses the keys of another engine, and those made for another purpose', async () => {
    const other = engines.find((candidate) => candidate !== engine)!;
    const iv = new Uint8Array(12);
    const none = new Uint8Array();
    const foreign = await other.importContentKey(new Uint8Array(32));
    expect(await failure(() => engine.seal(foreign, iv, none, none))).toBeInstanceOf(TypeError);
    expect(await failure(() => engine.open(foreign, iv, none, none, new Uint8Array(16)))).toBeInstanceOf(TypeError);
    expect(await failure(() => engine.seal({ enc: 'A256GCM' }, iv, none, none))).toBeInstanceOf(TypeError);
    if (!has(engine, 'RSA')) return;
    const { publicKey } = await keyPair(engine, 'RSA');
    const publicHalf = await engine.importPublicKey(publicKey);
    expect(await failure(() => engine.rsaDecrypt(publicHalf, new Uint8Array(256)))).toBeInstanceOf(TypeError);
  });

  it('takes content keys of 32 bytes alone', async () => {
    for (const length of [0, 16, 24, 31, 33, 64]) {
      expect(await failure(() => engine.importContentKey(new Uint8Array(length)))).toBeInstanceOf(TypeError);
    }
  });

  if (has(engine, 'RSA')) {
    it('answers nothing to an RSA ciphertext of another length, of another key, or past the modulus', async () => {
      const { publicKey, privateKey } = await keyPair(engine, 'RSA');
      const wrapping = await engine.importPublicKey(publicKey);
      const wrapped = await engine.rsaEncrypt(wrapping, new Uint8Array(32));
      const changed = Uint8Array.from(wrapped);
      changed[100]! ^= 1;
      const longer = new Uint8Array(257);
      longer.set(wrapped, 1);
      const wrong = [
        changed,
        longer,
        wrapped.subarray(1),
        new Uint8Array(),
        new Uint8Array(256),
        new Uint8Array(256).fill(255),
      ];
      for (const ciphertext of wrong) expect(await engine.rsaDecrypt(privateKey, ciphertext)).toBeUndefined();
      expect(await engine.rsaDecrypt(privateKey, wrapped)).toHaveLength(32);
    });

    it('answers nothing to an RSA ciphertext without its first byte, even if that was zero', async () => {
      const { publicKey, privateKey } = await keyPair(engine, 'RSA');
      const node = new NodeEngine();
      const wrapping = node.importPublicKey(publicKey);
      let wrapped: Uint8Array;
      do wrapped = node.rsaEncrypt(wrapping, new Uint8Array(32));
      while (wrapped[0] !== 0);
      expect(await engine.rsaDecrypt(privateKey, Uint8Array.from(wrapped))).toHaveLength(32);
      expect(await engine.rsaDecrypt(privateKey, Uint8Array.from(wrapped.subarray(1)))).toBeUndefined();
    });
  }

  it('reads and spells base64url in its canonical form alone', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = engine.encodeBase64url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64url'));
        expect(equal(engine.decodeBase64url(text), bytes)).toBe(true);
      }),
    );
    const text = fc.string({ unit: fc.constantFrom(...'AQgw019_-+/=. \n\tÁŁ😀'), maxLength: 12 });
    fc.assert(
      fc.property(text, (value) => {
        const decoded = engine.decodeBase64url(value);
        if (decoded) expect(Buffer.from(decoded).toString('base64url')).toBe(value);
        else expect(Buffer.from(value, 'base64url').toString('base64url')).not.toBe(value);
      }),
      { numRuns: 3000 },
    );
    for (const value of ['QU!JD=', 'QU+/', 'QQ==', 'QU I', 'QR', 'QUJ', 'QUJDQ', '\u0141UJD', 'QUJ\u0141', 'QUJD\n']) {
      expect([value, engine.decodeBase64url(value)]).toEqual([value, undefined]);
    }
  });

  it('spells only the part of a buffer that it was given', () => {
    const whole = utf8('abcdef');
    expect(engine.encodeBase64url(whole.subarray(1, 4))).toBe('YmNk');
  });

  it('seals and opens a mebibyte', async () => {
    const plaintext = new Uint8Array(1024 * 1024).map((_, index) => index * 31);
    const key = await engine.importContentKey(new Uint8Array(32).fill(1));
    const iv = new Uint8Array(12);
    const { ciphertext, tag } = await engine.seal(key, iv, iv, plaintext);
    expect(equal(await engine.open(key, iv, iv, ciphertext, tag), plaintext)).toBe(true);
    const text = engine.encodeBase64url(ciphertext);
    expect(equal(engine.decodeBase64url(text), ciphertext)).toBe(true);
  });

  it('verifies no signature of another length, over other data, or by a malformed key', async () => {
    // RFC 8032 §7.1, test 1.
    const signature = hex(
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    );
    const none = new Uint8Array();
    expect(await engine.verify(ed25519, none, signature)).toBe(true);
    expect(await engine.verify(ed25519, utf8('x'), signature)).toBe(false);
    for (const length of [0, 32, 63]) {
      expect(await engine.verify(ed25519, none, signature.subarray(0, length))).toBe(false);
    }
    expect(await engine.verify(ed25519, none, Uint8Array.from([...signature, 0]))).toBe(false);
    expect(await engine.verify(ed25519, none, new Uint8Array(64))).toBe(false);
    const zero = { ...ed25519, x: Buffer.alloc(31).toString('base64url') };
    expect(await engine.verify(zero, none, signature)).toBe(false);
  });

  it('verifies ES256 as r ‖ s, or says that it cannot', async () => {
    const verify = () => engine.verify(p256, utf8('x'), new Uint8Array(64));
    if (engine.signatures.includes('ES256')) expect(await verify()).toBe(false);
    else expect(await failure(verify)).toMatchObject({ name: 'UnsupportedByEngine', code: 'unsupported' });
  });

  it('says of each kind that it lacks that it lacks it', async () => {
    const lacking = KEY_KINDS.filter((kind) => !has(engine, kind));
    const expected = { forge: ['P-256', 'X25519', HYBRID], node: [HYBRID], 'node-like': [], noble: ['RSA'], web: [] };
    expect(lacking).toEqual(expected[engine.name]);
    for (const kind of lacking) {
      const { publicKey, privateKey } = await keyPair(engines[1]!, kind);
      const foreign = await engines[1]!.importPublicKey(publicKey);
      for (const operation of [
        () => engine.generateKeyPair(kind),
        () => engine.importPublicKey(publicKey),
        () => engine.importPrivateKey({ ...publicKey, d: 'AQ' }),
        ...(engine.name === 'forge' ? [() => engine.agree(privateKey, foreign)] : []),
      ]) {
        const error = await failure(operation);
        expect(error).toBeInstanceOf(UnsupportedByEngine);
        expect((error as Error).message).toMatch(/(node-forge|this engine|the noble engine) has no/);
      }
    }
  });
});

/** What a server agrees with: of a hybrid key the X25519 half. */
function agreementHalf(jwk: PublicJwk): PublicJwk {
  return jwk.kty === 'AKP' ? splitHybridKey(jwk).x25519 : jwk;
}

function equal(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}

function same(a: { ciphertext: Uint8Array; tag: Uint8Array }, b: { ciphertext: Uint8Array; tag: Uint8Array }): boolean {
  return equal(a.ciphertext, b.ciphertext) && equal(a.tag, b.tag);
}

async function failure(operation: () => unknown): Promise<unknown> {
  try {
    await operation();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was refused');
}
