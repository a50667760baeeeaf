import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createHash, createPublicKey, ECDH, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { keyKind, parseSigningKey, thumbprintInput, type PublicJwk } from '../../../src/protocol/keys.js';
import { readPublicKey } from '../../../src/crypto/spki.js';
import { E2eProblem } from '../../../src/protocol/problem.js';
import { bytesOf, prime, rocaPrime } from './rsa-numbers.js';

const rsaPair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const rsa = jwkOf(rsaPair.publicKey);
const p256 = jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);
const x25519 = jwkOf(generateKeyPairSync('x25519').publicKey);
const ed25519 = jwkOf(generateKeyPairSync('ed25519').publicKey);

const hybrid = { kty: 'AKP', alg: 'MLKEM768-X25519', pub: Buffer.alloc(1216, 9).toString('base64url') } as const;

const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;

describe('a public key as a JWK', () => {
  it.each([
    ['RSA', rsa],
    ['P-256', p256],
    ['X25519', x25519],
    ['MLKEM768-X25519', hybrid],
  ] as const)('of kind %s is accepted, and keeps the members of its thumbprint alone', (kind, jwk) => {
    const key = readPublicKey({ alg: 'RSA-OAEP-256', ...jwk, kid: 'mine', use: 'enc', future: {} });
    expect(key).toEqual(jwk);
    expect(keyKind(key)).toBe(kind);
  });

  it.each([undefined, null, 1, true, [], ['RSA'], {}, { kty: 'oct' }, { kty: 'rsa' }, { kty: ['RSA'] }])(
    'is not %j',
    (value) => {
      expect(refusal(value)).toMatch(/JWK object|"kty"/);
    },
  );

  it.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'])(
    'is refused with the private member "%s"',
    (member) => {
      for (const jwk of [rsa, p256, x25519, hybrid]) {
        expect(refusal({ ...jwk, [member]: 'AQAB' })).toMatch(/private member/);
        expect(refusal({ ...jwk, [member]: null })).toMatch(/private member/);
      }
    },
  );

  it.each([
    ['RSA', rsa, ['crv', 'x', 'y', 'pub']],
    ['P-256', p256, ['n', 'e', 'pub']],
    ['X25519', x25519, ['n', 'e', 'y', 'pub']],
    ['MLKEM768-X25519', hybrid, ['n', 'e', 'crv', 'x', 'y']],
  ] as const)("of kind %s is refused with another kind's members", (_, jwk, members) => {
    for (const member of members) expect(refusal({ ...jwk, [member]: 'AQAB' })).toMatch(/another kind's members/);
  });

  it('is refused as key-rejected, status 422, with the rule that it breaks as detail', () => {
    expect(() => readPublicKey({ ...rsa, e: 'Aw' })).toThrow(E2eProblem);
    expect(problemOf({ ...rsa, e: 'Aw' })).toMatchObject({
      code: 'key-rejected',
      status: 422,
      detail: '"e" is "AQAB", the exponent 65537',
    });
  });
});

describe('a hybrid key', () => {
  const withPub = (pub: Uint8Array) => ({ ...hybrid, pub: Buffer.from(pub).toString('base64url') });

  it('has every coefficient below q, which the rule compares one by one', () => {
    const values = fc.oneof(fc.constantFrom(0, 3328, 3329, 4095), fc.nat(4095));
    fc.assert(
      fc.property(fc.nat(767), values, (number, value) => {
        const pub = Buffer.alloc(1216, 9);
        // FIPS 203 §4.2.1, ByteEncode12: twelve bits each, the least significant first.
        for (let bit = 0; bit < 12; bit++) {
          const at = number * 12 + bit;
          pub[at >> 3]! &= ~(1 << (at & 7));
          pub[at >> 3]! |= ((value >> bit) & 1) << (at & 7);
        }
        if (value < 3329) expect(readPublicKey(withPub(pub))).toEqual(withPub(pub));
        else expect(refusal(withPub(pub))).toMatch(/coefficient/);
      }),
      { numRuns: 2000 },
    );
  });

  it('has 1,216 bytes, and an X25519 half whose top bit is clear', () => {
    for (const length of [0, 32, 1184, 1215, 1217, 1218]) {
      expect(refusal(withPub(Buffer.alloc(length, 9)))).toMatch(/"pub" is not 1216 bytes/);
    }
    const pub = Buffer.alloc(1216, 9);
    pub[1215] = 0x89;
    expect(refusal(withPub(pub))).toMatch(/top bit/);
  });

  it('has this "alg" and no other, under a thumbprint that hashes it', () => {
    for (const alg of [undefined, 'ML-KEM-768', 'mlkem768-x25519', ['MLKEM768-X25519'], null]) {
      expect(refusal({ ...hybrid, alg })).toMatch(/"alg"/);
    }
    const input = Buffer.from(thumbprintInput(readPublicKey(hybrid))).toString();
    expect(input).toBe(`{"alg":"MLKEM768-X25519","kty":"AKP","pub":"${hybrid.pub}"}`);
  });
});

describe('an RSA key', () => {
  const withModulus = (n: bigint | Buffer) => ({
    kty: 'RSA',
    n: (Buffer.isBuffer(n) ? n : bytesOf(n)).toString('base64url'),
    e: 'AQAB',
  });
  const product = (bits: number) => withModulus(prime(bits / 2) * prime(bits / 2));

  it.each([2048, 3072, 4096])('of %i bits is accepted', (bits) => {
    const jwk = product(bits);
    expect(readPublicKey(jwk)).toEqual(jwk);
  });

  it('of a length between them that fills no byte is accepted', () => {
    const jwk = withModulus(prime(1026) * prime(1024));
    expect(readPublicKey(jwk)).toEqual(jwk);
  });

  it.each([
    ['1024 bits', (1n << 1023n) + 1n],
    ['2040 bits', (1n << 2039n) + 1n],
    ['2047 bits', (1n << 2046n) + 1n],
    ['4097 bits', (1n << 4096n) + 1n],
    ['16,384 bits', (1n << 16383n) + 1n],
  ])('of %s is refused', (_, n) => {
    expect(refusal(withModulus(n))).toBe('an RSA modulus has 2048 to 4096 bits');
  });

  it('is refused for its length before anything of it is decoded: 65,537 bytes that are not even base64url', () => {
    expect(refusal({ ...rsa, n: '!'.repeat(87383) })).toBe('an RSA modulus has 2048 to 4096 bits');
    expect(refusal({ ...rsa, n: '!'.repeat(342) })).toBe('"n" is not 256 bytes in base64url without padding');
  });

  it.each([
    ['1', 'AQ'],
    ['3', 'Aw'],
    ['17', 'EQ'],
    ['65,539', 'AQAD'],
    ['an even number', 'AQAA'],
    ['0', ''],
    ['65537 with a leading zero', 'AAEAAQ'],
    ['a number of 2048 bits', rsa.n],
    ['a JSON number', 65537],
    ['nothing', undefined],
  ])('with the exponent %s is refused', (_, e) => {
    expect(refusal({ ...rsa, e })).toMatch(/"e" is "AQAB"/);
  });

  // Of two large primes each, so that the factor is the only small one; of an even and an odd number of bytes.
  const moduli = [prime(1024) * prime(1024), prime(1032) * prime(1024)];

  it('with an even modulus is refused', () => {
    for (const n of moduli) expect(refusal(withModulus(2n * n))).toBe('the RSA modulus is even');
  });

  it.each([3n, 5n, 7n, 11n, 251n, 257n, 751n, 757n, 4091n, 4093n])(
    'whose modulus is a multiple of %i is refused',
    (factor) => {
      for (const n of moduli) {
        expect(refusal(withModulus(n))).toBeUndefined();
        expect(refusal(withModulus(factor * n))).toBe('the RSA modulus has a small factor');
      }
    },
  );

  it('with the ROCA fingerprint is refused', () => {
    expect(refusal(withModulus(rocaPrime(1024) * rocaPrime(1024)))).toBe('the RSA modulus has the ROCA fingerprint');
  });

  it('with one prime of ROCA and one that is sound has not that fingerprint', () => {
    expect(refusal(withModulus(rocaPrime(1024) * prime(1024)))).toBeUndefined();
  });

  it('with leading zeros is refused', () => {
    const n = Buffer.from(rsa.n, 'base64url');
    expect(refusal(withModulus(Buffer.concat([Buffer.alloc(1), n])))).toBe('"n" has leading zeros');
    expect(refusal(withModulus(Buffer.concat([Buffer.alloc(256), n])))).toMatch(/leading zeros|2048 to 4096/);
    expect(refusal(withModulus(Buffer.concat([Buffer.alloc(1), n.subarray(0, 255)])))).toMatch(/leading zeros/);
  });

  it.each([
    ['missing', undefined],
    ['a number', 5],
    ['an array', [rsa.n]],
    ['an object with a length', { length: 342 }],
  ])('whose "n" is %s is refused', (_, n) => {
    expect(refusal({ ...rsa, n })).toBe('"n" is missing');
  });

  it('is refused in another spelling of its base64url', () => {
    expect(refusal({ ...rsa, n: `${rsa.n}=` })).toMatch(/base64url|bits/);
    expect(refusal({ ...rsa, n: `${rsa.n}==` })).toMatch(/base64url|bits/);
    expect(refusal({ ...rsa, n: rsa.n.replace(/.$/, '-') })).toMatch(/base64url/); // unused bits that are not zero
    expect(refusal({ ...rsa, n: rsa.n.replace(/.$/, '\u0141') })).toMatch(/base64url/);
  });
});

describe('a P-256 key', () => {
  const coordinate = (value: bigint) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toString('base64url');
  const { x, y } = p256;

  it('on the curve is accepted whatever its point, x = 0 too', () => {
    // y² = b has a solution: y = b^((p+1)/4), as p ≡ 3 (mod 4).
    const root = 0x66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4n;
    const jwk = { kty: 'EC', crv: 'P-256', x: coordinate(0n), y: coordinate(root) };
    expect(readPublicKey(jwk)).toEqual(jwk);
    fc.assert(
      fc.property(fc.constant(null), () => {
        const fresh = jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);
        expect(readPublicKey(fresh)).toEqual(fresh);
      }),
      { numRuns: 50 },
    );
  });

  it('with any bit of a coordinate turned is refused: the point left the curve', () => {
    fc.assert(
      fc.property(fc.constantFrom('x' as const, 'y' as const), fc.nat(255), (member, bit) => {
        const bytes = Buffer.from(p256[member], 'base64url');
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        expect(refusal({ ...p256, [member]: bytes.toString('base64url') })).toBe(
          '"x" and "y" are not a point on P-256',
        );
      }),
    );
  });

  it.each([
    ['the point (0, 0)', { x: coordinate(0n), y: coordinate(0n) }],
    ['x and y exchanged', { x: y, y: x }],
    // Reduced modulo p, x would be 0, and the point on the curve.
    ['x = p', { x: coordinate(P), y: coordinate(0x66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4n) }],
    ['y = p', { x, y: coordinate(P) }],
    ['coordinates of all ones', { x: coordinate(2n ** 256n - 1n), y: coordinate(2n ** 256n - 1n) }],
  ])('with %s is refused', (_, point) => {
    expect(refusal({ ...p256, ...point })).toBe('"x" and "y" are not a point on P-256');
  });

  it.each([
    ['31 bytes', Buffer.from(x, 'base64url').subarray(1).toString('base64url')],
    ['33 bytes', Buffer.concat([Buffer.alloc(1), Buffer.from(x, 'base64url')]).toString('base64url')],
    ['65,537 bytes', 'A'.repeat(87383)],
    ['nothing', undefined],
    ['a number', 5],
  ])('with a coordinate of %s is refused', (_, value) => {
    expect(refusal({ ...p256, x: value })).toBe('"x" is not 32 bytes in base64url without padding');
    expect(refusal({ ...p256, y: value })).toBe('"y" is not 32 bytes in base64url without padding');
  });

  it.each(['P-384', 'P-521', 'secp256k1', 'p-256', 'X25519', undefined])('with "crv" %s is refused', (crv) => {
    expect(refusal({ ...p256, crv })).toBe('an EC key has "crv": "P-256"');
  });
});

describe('an X25519 key', () => {
  it('with the top bit set is refused', () => {
    const bytes = Buffer.from(x25519.x, 'base64url');
    bytes[31]! |= 0x80;
    expect(refusal({ ...x25519, x: bytes.toString('base64url') })).toBe('the top bit of "x" is set');
  });

  it.each([
    ['31 bytes', 31],
    ['33 bytes', 33],
    ['56 bytes, an X448 key', 56],
    ['no bytes', 0],
    ['65,537 bytes', 65537],
  ])('of %s is refused', (_, length) => {
    const x = Buffer.alloc(length, 1).toString('base64url');
    expect(refusal({ ...x25519, x })).toBe('"x" is not 32 bytes in base64url without padding');
  });

  it.each(['Ed25519', 'X448', 'x25519', 'P-256', undefined])('with "crv" %s is refused', (crv) => {
    expect(refusal({ ...x25519, crv })).toBe('an OKP key has "crv": "X25519"');
  });
});

describe('a public signing key', () => {
  it('is P-256 or Ed25519', () => {
    expect(parseSigningKey({ ...p256, kid: 'mine' })).toEqual(p256);
    expect(parseSigningKey({ ...ed25519, use: 'sig' })).toEqual(ed25519);
  });

  it.each([
    ['an RSA key', rsa],
    ['an X25519 key', x25519],
    ['a private key', { ...ed25519, d: ed25519.x }],
    ["another kind's member", { ...ed25519, y: ed25519.x }],
    ['31 bytes', { ...ed25519, x: ed25519.x.slice(0, 42) }],
    ['a point off the curve', { ...p256, x: p256.y }],
    ['a string', 'Ed25519'],
    ['null', null],
  ])('is not %s', (_, value) => {
    expect(() => parseSigningKey(value)).toThrow(expect.objectContaining({ code: 'key-rejected' }));
  });
});

describe('a thumbprint', () => {
  const thumbprint = (jwk: PublicJwk) => createHash('sha256').update(thumbprintInput(jwk)).digest('base64url');

  it('is the one of RFC 7638 §3.1', () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs' +
      'tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn' +
      '1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
    expect(thumbprint({ kty: 'RSA', n, e: 'AQAB' })).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });

  it('is the one of RFC 8037 A.3 for an OKP key', () => {
    const input = thumbprintInput({ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' });
    expect(createHash('sha256').update(input).digest('base64url')).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
  });
});

describe('a public key as PEM', () => {
  const pems = [
    ['RSA', rsa],
    ['P-256', p256],
    ['X25519', x25519],
  ].map(([kind, jwk]) => [kind, pemOf(createPublicKey({ key: jwk as Jwk, format: 'jwk' })), jwk] as const);

  it.each(pems)('of kind %s, as Node exports it, is the same key as the JWK', (_, pem, jwk) => {
    expect(readPublicKey(pem)).toEqual(jwk);
    expect(readPublicKey(pem.replaceAll('\n', '\r\n'))).toEqual(jwk);
    expect(readPublicKey(pem.trimEnd())).toEqual(jwk);
  });

  it.each([3072, 4096])('of an RSA key of %i bits is read', (bits) => {
    const n = bytesOf(prime(bits / 2) * prime(bits / 2)).toString('base64url');
    const publicKey = createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
    expect(readPublicKey(pemOf(publicKey))).toEqual(jwkOf(publicKey));
  });

  it.each(pems)('of kind %s is checked as the JWK is', (kind, pem) => {
    const der = derOf(pem);
    if (kind === 'RSA') der[der.length - 6]! ^= 1; // the modulus' last byte: even now
    if (kind === 'P-256') der[der.length - 1]! ^= 1;
    if (kind === 'X25519') der[der.length - 1]! |= 0x80;
    expect(refusal(armour(der))).toMatch(kind === 'P-256' ? /not a SubjectPublicKeyInfo/ : /even|top bit/);
  });

  it('of a small RSA key, or one with another exponent, is refused', () => {
    expect(refusal(pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey))).toMatch(/2048 to 4096/);
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 });
    expect(refusal(pemOf(publicKey))).toMatch(/65537/);
  });

  it.each([
    ['P-384', () => pemOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)],
    ['secp256k1', () => pemOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey)],
    ['P-256 by explicit parameters', () => pemOf(explicitP256())],
    ['Ed25519', () => pemOf(generateKeyPairSync('ed25519').publicKey)],
    ['X448', () => pemOf(generateKeyPairSync('x448').publicKey)],
    ['RSA-PSS', () => pemOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey)],
    ['PKCS#1', () => rsaPair.publicKey.export({ type: 'pkcs1', format: 'pem' }) as string],
    ['a private key', () => rsaPair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string],
    ['a compressed point', compressedPem],
  ])('of %s is refused', (_, pem) => {
    expect(refusal(pem())).toMatch(/not a SubjectPublicKeyInfo/);
  });

  it.each(pems)('of kind %s with anything around or in it is refused', (_, pem) => {
    const der = derOf(pem);
    const changed = [
      `${pem}x`,
      `x${pem}`,
      pem + pem,
      pem.replace('PUBLIC KEY', 'CERTIFICATE'),
      pem.replace('-----BEGIN', '-----BEGIN\nProc-Type: 4\n'),
      pem.replace('-----END PUBLIC KEY-----', ''),
      pem.replace(/\n[A-Za-z0-9+/]{4}/, '\n!!!!'),
      armour(Buffer.concat([der, Buffer.from([0])])),
      armour(Buffer.concat([Buffer.from([0]), der])),
      armour(der.subarray(0, -1)),
      armour(Buffer.alloc(0)),
      armour(Buffer.from([0x30, 0x80, ...der.subarray(2), 0, 0])), // BER's indefinite length
      armour(Buffer.from([0x31, ...der.subarray(1)])),
    ];
    for (const text of changed) expect(refusal(text)).toMatch(/not a SubjectPublicKeyInfo/);
  });

  it.each(pems)('of kind %s cut anywhere is refused', (_, pem) => {
    const der = derOf(pem);
    for (let length = 0; length < der.length; length++) {
      expect(refusal(armour(der.subarray(0, length)))).toMatch(/not a SubjectPublicKeyInfo/);
    }
  });

  it.each(pems)('of kind %s with any one byte changed is refused, or another key of that kind', (kind, pem, jwk) => {
    const der = derOf(pem);
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (index, change) => {
        const changed = Buffer.from(der);
        changed[index]! ^= change;
        if (refusal(armour(changed)) !== undefined) return;
        const key = readPublicKey(armour(changed));
        expect(keyKind(key)).toBe(kind);
        expect(key).not.toEqual(jwk);
      }),
      { numRuns: 300 },
    );
  });

  it('with lengths that are not the shortest form is refused', () => {
    const [, ec] = pems[1]!;
    const der = derOf(ec); // 30 59 …: a length below 128
    expect(refusal(armour(Buffer.from([0x30, 0x81, ...der.subarray(1)])))).toMatch(/not a SubjectPublicKeyInfo/);
    expect(refusal(armour(Buffer.from([0x30, 0x82, 0, ...der.subarray(1)])))).toMatch(/not a SubjectPublicKeyInfo/);
    expect(refusal(armour(Buffer.from([0x30, 0x84, 0, 0, 0, ...der.subarray(1)])))).toMatch(/not a Subject/);
  });

  it('with integers that are not the shortest form, or negative, is refused', () => {
    const n = Buffer.from(rsa.n, 'base64url');
    const e = Buffer.from([1, 0, 1]);
    expect(readPublicKey(rsaPem(Buffer.from([0, ...n]), e))).toEqual(rsa);
    expect(refusal(rsaPem(Buffer.from([0, 0, ...n]), e))).toMatch(/not a SubjectPublicKeyInfo/);
    expect(refusal(rsaPem(Buffer.from([0, ...n]), Buffer.from([0, ...e])))).toMatch(/not a SubjectPublicKeyInfo/);
    expect(refusal(rsaPem(n, e))).toMatch(/not a SubjectPublicKeyInfo/); // its top bit is set: negative
    expect(refusal(rsaPem(Buffer.alloc(0), e))).toMatch(/not a SubjectPublicKeyInfo/);
    expect(refusal(rsaPem(Buffer.from([0, ...n]), e, Buffer.from([2, 1, 1])))).toMatch(/not a SubjectPublicKeyInfo/);
  });

  it('of 65,537 bytes is refused for its length', () => {
    expect(refusal(armour(Buffer.alloc(65537)))).toBe('the PEM text is too long');
    expect(refusal(' '.repeat(1_000_000))).toBe('the PEM text is too long');
  });

  it.each(['', 'RSA', '-----BEGIN PUBLIC KEY-----', '{"kty":"RSA"}'])('is not %j', (text) => {
    expect(refusal(text)).toMatch(/not a SubjectPublicKeyInfo/);
  });
});

type Jwk = Record<string, string> & Record<'n' | 'x' | 'y', string>;

function jwkOf(key: KeyObject): Jwk {
  return { ...key.export({ format: 'jwk' }) } as Jwk;
}

function problemOf(value: unknown): E2eProblem | undefined {
  try {
    readPublicKey(value);
    return undefined;
  } catch (error) {
    if (error instanceof E2eProblem && error.code === 'key-rejected') return error;
    throw error;
  }
}

/** Which rule the key breaks; `undefined` where it is accepted. */
function refusal(value: unknown): string | undefined {
  return problemOf(value)?.detail;
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }) as string;
}

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
}

function armour(der: Buffer): string {
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n');
  return `-----BEGIN PUBLIC KEY-----\n${lines}\n-----END PUBLIC KEY-----\n`;
}

function tlv(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const header = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...header]), content]);
}

function rsaPem(n: Buffer, e: Buffer, more = Buffer.alloc(0)): string {
  const algorithm = Buffer.from('300d06092a864886f70d0101010500', 'hex');
  const key = tlv(0x30, tlv(0x02, n), tlv(0x02, e), more);
  return armour(tlv(0x30, algorithm, tlv(0x03, Buffer.from([0]), key)));
}

function compressedPem(): string {
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(p256.x, 'base64url'), Buffer.from(p256.y, 'base64url')]);
  const compressed = ECDH.convertKey(point, 'prime256v1', undefined, undefined, 'compressed') as Buffer;
  const algorithm = Buffer.from('301306072a8648ce3d020106082a8648ce3d030107', 'hex');
  return armour(tlv(0x30, algorithm, tlv(0x03, Buffer.from([0]), compressed)));
}

function explicitP256(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).publicKey;
}
