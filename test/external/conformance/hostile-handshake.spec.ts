import { ECDH, generateKeyPairSync, generatePrimeSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { json } from './channel.js';
import { type HandshakeResponse, b64u, HYBRID, type Jwk, keyPair, KINDS, type KeyKind } from './peer.js';
import { expectProblem, expectStatus, testbed } from './testbed.js';
import type { Reply } from './wire.js';

const bed = testbed();

const jwks: Record<KeyKind, { jwk: Jwk; secret: Jwk }> = Object.fromEntries(
  await Promise.all(
    KINDS.map(async (kind) => {
      const { jwk, privateKey } = await keyPair(kind);
      return [kind, { jwk, secret: privateKey.export({ format: 'jwk' }) as Jwk }];
    }),
  ),
) as Record<KeyKind, { jwk: Jwk; secret: Jwk }>;

/** A key that breaks a rule of PROTOCOL §1 is key-rejected: `detail` names the rule and repeats no secret. */
async function refused(publicKey: unknown): Promise<void> {
  const reply = await bed.visitor().ask({ publicKey });
  const { detail } = expectProblem(reply, 'key-rejected');
  expect(typeof detail).toBe('string');
  expect(detail).not.toBe('');
  expect(reply.headers['set-cookie']).toBeUndefined();
  for (const { secret } of Object.values(jwks)) expect(reply.body).not.toContain(secret.d);
}

const post = (body: string | Uint8Array, type?: string, more: { chunked?: boolean } = {}): Promise<Reply> =>
  bed.visitor().send({
    method: 'POST',
    target: '/e2e/handshake',
    headers: type === undefined ? {} : { 'Content-Type': type },
    body,
    ...more,
  });

// Integers of RSA keys that nobody need own: the server never asks for more than the public half.
const toJwkInteger = (n: bigint): string => {
  const hex = n.toString(16);
  return b64u(Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex'));
};
const primes = (below: number): bigint[] => {
  const found: bigint[] = [];
  for (let n = 2n; n < below; n++) if (found.every((p) => n % p !== 0n)) found.push(n);
  return found;
};
const random = (bits: number): bigint =>
  (1n << BigInt(bits - 1)) |
  (BigInt(`0x${randomBytes(Math.ceil(bits / 8)).toString('hex')}`) & ((1n << BigInt(bits - 1)) - 1n)) |
  1n;
const SMALL = primes(1000);
/** An odd number of this many bits that no small prime divides. */
function modulus(bits: number): bigint {
  for (;;) {
    const n = random(bits);
    if (SMALL.every((p) => n % p !== 0n)) return n;
  }
}
/** A modulus as it should be: of this many bits, the product of two primes of half as many. */
function product(bits: number): bigint {
  for (;;) {
    const n = generatePrimeSync(bits / 2, { bigint: true }) * generatePrimeSync(bits / 2, { bigint: true });
    if (n.toString(2).length === bits) return n;
  }
}
/** A number of this many bits that this prime divides. */
function multiple(bits: number, p: bigint): bigint {
  for (;;) {
    const n = random(bits);
    const m = n - (n % (2n * p)) + p;
    if (m.toString(2).length === bits) return m;
  }
}
const power = (base: bigint, exponent: bigint, m: bigint): bigint => {
  let [result, b] = [1n, base % m];
  for (let e = exponent; e > 0n; e >>= 1n, b = (b * b) % m) if (e & 1n) result = (result * b) % m;
  return result;
};
/** CVE-2017-15361: a power of 65537 modulo the product of the first primes, as the broken chips made them. */
function roca(): bigint {
  const primorial = primes(702).reduce((all, p) => all * p, 1n);
  const residue = power(65537n, BigInt(`0x${randomBytes(16).toString('hex')}`), primorial);
  return residue + primorial * ((1n << 2047n) / primorial + BigInt(`0x${randomBytes(16).toString('hex')}`));
}
const rsa = (n: bigint, e = 'AQAB'): Jwk => ({ kty: 'RSA', n: toJwkInteger(n), e });

describe('RSA keys that are refused', () => {
  it.each<[string, () => unknown]>([
    ['512 bits', () => rsa(modulus(512))],
    ['1,024 bits', () => generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })],
    ['2,047 bits', () => rsa(modulus(2047))],
    ['4,097 bits', () => rsa(modulus(4097))],
    ['8,192 bits', () => rsa(modulus(8192))],
    ['16,384 bits', () => rsa(modulus(16384))],
    ['e = 1', () => ({ ...jwks.RSA.jwk, e: 'AQ' })],
    ['e = 3', () => ({ ...jwks.RSA.jwk, e: 'Aw' })],
    ['e = 65536', () => ({ ...jwks.RSA.jwk, e: 'AQAA' })],
    ['e = 65539', () => ({ ...jwks.RSA.jwk, e: 'AQAD' })],
    ['e = 2³² + 65537', () => ({ ...jwks.RSA.jwk, e: b64u(Buffer.from('0100010001', 'hex')) })],
    ['an empty e', () => ({ ...jwks.RSA.jwk, e: '' })],
    ['e as a number', () => ({ ...jwks.RSA.jwk, e: 65537 })],
    ['an even modulus', () => rsa(modulus(2048) - 1n)],
    ['a multiple of 3', () => rsa(multiple(2048, 3n))],
    ['a multiple of 127', () => rsa(multiple(2048, 127n))],
    ['the ROCA fingerprint', () => rsa(roca())],
    ['no n', () => ({ kty: 'RSA', e: 'AQAB' })],
    ['no e', () => ({ kty: 'RSA', n: jwks.RSA.jwk.n })],
    ['an empty n', () => ({ ...jwks.RSA.jwk, n: '' })],
    ['n with padding', () => ({ ...jwks.RSA.jwk, n: `${jwks.RSA.jwk.n}==` })],
    ['n in base64', () => ({ ...jwks.RSA.jwk, n: `+/${(jwks.RSA.jwk.n ?? '').slice(2)}` })],
    ['n as an array', () => ({ ...jwks.RSA.jwk, n: [jwks.RSA.jwk.n] })],
    ["a P-256 key's members", () => ({ ...jwks['P-256'].jwk, ...jwks.RSA.jwk })],
    ['a crv', () => ({ ...jwks.RSA.jwk, crv: 'P-256' })],
    ['a k', () => ({ ...jwks.RSA.jwk, k: 'AAAA' })],
  ])('%s', async (_, key) => {
    await refused(key());
  });

  it('of a length inside the bounds are not', async () => {
    for (const bits of [2048, 2056, 3000]) {
      expect((await bed.visitor().ask({ publicKey: rsa(product(bits)) })).status).toBe(201);
    }
  });
});

describe.each(KINDS)('a private key of kind %s is refused', (kind) => {
  it('as a JWK, whichever private member it has, the empty ones too', async () => {
    const { jwk, secret } = jwks[kind];
    await refused(secret);
    for (const name of Object.keys(secret).filter((member) => !(member in jwk))) {
      for (const value of [secret[name], '', null]) await refused({ ...jwk, [name]: value });
    }
  });

  it('as PEM', async () => {
    const { privateKey } = await keyPair(kind);
    await refused(privateKey.export({ format: 'pem', type: 'pkcs8' }));
    if (kind === 'RSA') await refused(privateKey.export({ format: 'pem', type: 'pkcs1' }));
    if (kind === 'P-256') await refused(privateKey.export({ format: 'pem', type: 'sec1' }));
  });
});

const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const field = (n: bigint): string => b64u(Buffer.from(n.toString(16).padStart(64, '0'), 'hex'));
const point = (x: string, y: string): Jwk => ({ kty: 'EC', crv: 'P-256', x, y });

describe('P-256 keys that are refused', () => {
  const good = jwks['P-256'].jwk;
  const bytes = (name: 'x' | 'y'): Buffer => Buffer.from(good[name] ?? '', 'base64url');
  it.each<[string, () => unknown]>([
    ['off the curve', () => ({ ...good, y: b64u(randomBytes(32)) })],
    ['x and y swapped', () => ({ ...good, x: good.y, y: good.x })],
    ['the origin', () => point(field(0n), field(0n))],
    ['ones', () => point(field(2n ** 256n - 1n), field(2n ** 256n - 1n))],
    ['coordinates of p', () => point(field(P), field(P))],
    ['(1, 1)', () => point(field(1n), field(1n))],
    ['an invalid curve: y² = x³ - 3x + other b', () => point(field(3n), field(5n))],
    ['31 bytes', () => ({ ...good, x: b64u(bytes('x').subarray(1)) })],
    ['33 bytes', () => ({ ...good, x: b64u(Buffer.concat([Buffer.alloc(1), bytes('x')])) })],
    ['no y', () => ({ kty: 'EC', crv: 'P-256', x: good.x })],
    ['an empty y', () => ({ ...good, y: '' })],
    ['no crv', () => ({ kty: 'EC', x: good.x, y: good.y })],
    ['crv in lower case', () => ({ ...good, crv: 'p-256' })],
    ['crv P-384 on its coordinates', () => ({ ...good, crv: 'P-384' })],
    ['kty OKP', () => ({ ...good, kty: 'OKP' })],
    ["an RSA key's members", () => ({ ...good, n: 'AQAB', e: 'AQAB' })],
    ['coordinates with padding', () => ({ ...good, x: `${good.x}=` })],
    ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' })],
    ['P-521', () => generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey.export({ format: 'jwk' })],
    ['secp256k1', () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'jwk' })],
  ])('%s', async (_, key) => {
    await refused(key());
  });
});

describe('X25519 keys that are refused', () => {
  const good = jwks.X25519.jwk;
  const okp = (hex: string): Jwk => ({ kty: 'OKP', crv: 'X25519', x: b64u(Buffer.from(hex, 'hex')) });
  it.each<[string, () => unknown]>([
    ...[
      '0000000000000000000000000000000000000000000000000000000000000000',
      '0100000000000000000000000000000000000000000000000000000000000000',
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880',
      '4c9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7',
      'd9ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
      'daffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
      'dbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    ].map((hex): [string, () => Jwk] => [`low order, ${hex.slice(0, 4)}…${hex.slice(-2)}`, () => okp(hex)]),
    [
      'the top bit set',
      () =>
        okp(
          `${Buffer.from(good.x ?? '', 'base64url')
            .toString('hex')
            .slice(0, -2)}ff`,
        ),
    ],
    ['31 bytes', () => ({ ...good, x: b64u(randomBytes(31)) })],
    ['33 bytes', () => ({ ...good, x: b64u(Buffer.concat([randomBytes(32), Buffer.alloc(1)])) })],
    ['no x', () => ({ kty: 'OKP', crv: 'X25519' })],
    ['a y', () => ({ ...good, y: good.x })],
    ["an RSA key's members", () => ({ ...good, n: 'AQAB', e: 'AQAB' })],
    ['kty EC', () => ({ ...good, kty: 'EC' })],
    ['crv X448', () => ({ ...good, crv: 'X448' })],
    ['Ed25519', () => generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })],
    ['X448', () => generateKeyPairSync('x448').publicKey.export({ format: 'jwk' })],
  ])('%s', async (_, key) => {
    await refused(key());
  });
});

describe('hybrid keys that are refused', () => {
  const good = jwks[HYBRID].jwk;
  const bytes = Buffer.from(good.pub ?? '', 'base64url');
  const withPub = (pub: Uint8Array): Jwk => ({ ...good, pub: b64u(pub) });
  /** The key with its coefficient of that number, 12 bits in little-endian order, set to a value. */
  function withCoefficient(number: number, value: number): Jwk {
    const pub = Buffer.from(bytes);
    const at = (number >> 1) * 3;
    if (number % 2 === 0) {
      pub[at] = value & 255;
      pub[at + 1] = (pub[at + 1]! & 0xf0) | (value >> 8);
    } else {
      pub[at + 1] = (pub[at + 1]! & 0x0f) | ((value & 15) << 4);
      pub[at + 2] = value >> 4;
    }
    return withPub(pub);
  }
  const x25519 = (last: Uint8Array): Jwk => withPub(Buffer.concat([bytes.subarray(0, 1184), last]));

  it.each<[string, () => unknown]>([
    ...[0, 1, 2, 255, 256, 511, 766, 767].flatMap((number): [string, () => unknown][] =>
      [3329, 3330, 4095].map((value) => [`coefficient ${number} is ${value}`, () => withCoefficient(number, value)]),
    ),
    ['the X25519 half is zero', () => x25519(Buffer.alloc(32))],
    ['the X25519 half is of low order', () => x25519(Buffer.from([1, ...new Uint8Array(31)]))],
    ['the top bit of the X25519 half is set', () => x25519(Buffer.from([...new Uint8Array(31).fill(9), 0x89]))],
    ['the ML-KEM half alone', () => withPub(bytes.subarray(0, 1184))],
    ['the X25519 half alone', () => withPub(bytes.subarray(1184))],
    ['the halves in the other order', () => withPub(Buffer.concat([bytes.subarray(1184), bytes.subarray(0, 1184)]))],
    ['a byte less', () => withPub(bytes.subarray(0, 1215))],
    ['a byte more', () => withPub(Buffer.concat([bytes, Buffer.alloc(1)]))],
    ['10 kB', () => withPub(Buffer.alloc(10_000))],
    ['nothing', () => withPub(Buffer.alloc(0))],
    ['no pub', () => ({ kty: 'AKP', alg: HYBRID })],
    ['pub a number', () => ({ ...good, pub: 1 })],
    ['pub with padding', () => ({ ...good, pub: `${good.pub}=` })],
    ['pub in the other alphabet', () => ({ ...good, pub: `+${(good.pub ?? '').slice(1)}` })],
    ['no alg', () => ({ kty: 'AKP', pub: good.pub })],
    ['alg ML-KEM-768', () => ({ ...good, alg: 'ML-KEM-768' })],
    ['alg in lower case', () => ({ ...good, alg: HYBRID.toLowerCase() })],
    ['alg as an array', () => ({ ...good, alg: [HYBRID] })],
    ['a private member', () => ({ ...good, priv: b64u(randomBytes(64)) })],
    ['a d', () => ({ ...good, d: b64u(randomBytes(32)) })],
    ["an OKP key's members", () => ({ ...good, ...jwks.X25519.jwk, kty: 'AKP' })],
    ['kty OKP', () => ({ ...good, kty: 'OKP', crv: 'X25519' })],
    ['pub on an X25519 key', () => ({ ...jwks.X25519.jwk, pub: good.pub })],
    ['pub on an RSA key', () => ({ ...jwks.RSA.jwk, pub: good.pub })],
  ])('%s', async (_, key) => {
    await refused(key());
  });

  it.each([0, 1, 767])('but coefficient %i may be 3328, the greatest below q', async (number) => {
    expect((await bed.visitor().ask({ publicKey: withCoefficient(number, 3328) })).status).toBe(201);
  });
});

const toPem = (der: Buffer, label = 'PUBLIC KEY'): string =>
  `-----BEGIN ${label}-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;

describe('PEM that is refused', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = publicKey.export({ format: 'der', type: 'spki' });
  it.each<[string, () => string]>([
    [
      'PKCS #1',
      () =>
        String(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'pem', type: 'pkcs1' })),
    ],
    [
      'RSA-PSS',
      () =>
        String(
          generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey.export({ format: 'pem', type: 'spki' }),
        ),
    ],
    [
      '1,024 bits',
      () =>
        String(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'pem', type: 'spki' })),
    ],
    [
      'e = 3',
      () =>
        String(
          generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey.export({
            format: 'pem',
            type: 'spki',
          }),
        ),
    ],
    [
      'a compressed point',
      () => {
        const compressed = ECDH.convertKey(
          der.subarray(-65),
          'prime256v1',
          undefined,
          undefined,
          'compressed',
        ) as Buffer;
        return toPem(
          Buffer.concat([Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex'), compressed]),
        );
      },
    ],
    [
      'explicit parameters',
      () =>
        String(
          generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).publicKey.export({
            format: 'pem',
            type: 'spki',
          }),
        ),
    ],
    [
      'P-384',
      () =>
        String(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'pem', type: 'spki' })),
    ],
    ['Ed25519', () => String(generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }))],
    [
      'a low-order X25519 point',
      () => toPem(Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), Buffer.alloc(32)])),
    ],
    ['a point off the curve', () => toPem(Buffer.concat([der.subarray(0, -32), randomBytes(32)]))],
    ['bytes after the key', () => toPem(Buffer.concat([der, Buffer.alloc(4)]))],
    ['a key cut short', () => toPem(der.subarray(0, -1))],
    ['another label', () => toPem(der, 'CERTIFICATE')],
    ['no lines at all', () => der.toString('base64')],
    ['nothing', () => ''],
    ['a word', () => 'key'],
    ['a path', () => 'file:///etc/passwd'],
  ])('%s', async (_, key) => {
    await refused(key());
  });
});

describe('keys of no kind', () => {
  it.each([
    ['oct', { kty: 'oct', k: b64u(randomBytes(32)) }],
    ['no kty', { n: 'AQAB', e: 'AQAB' }],
    ['an unknown kty', { kty: 'AKP', alg: 'ML-KEM-768', pub: 'AAAA' }],
    ['kty in lower case', { ...jwks.RSA.jwk, kty: 'rsa' }],
    ['kty as an array', { ...jwks.RSA.jwk, kty: ['RSA'] }],
    ['an empty object', {}],
  ])('%s', async (_, key) => {
    await refused(key);
  });
});

describe('a storm of handshakes', () => {
  it('is answered with keys or with busy, and never with anything else', async () => {
    const outgoing = {
      method: 'POST',
      target: '/e2e/handshake',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ publicKey: jwks.RSA.jwk }),
    };
    const replies = await Promise.all(Array.from({ length: 80 }, () => bed.visitor().send(outgoing)));
    for (const reply of replies) {
      if (reply.status === 201) continue;
      expectProblem(reply, 'busy');
      expect(reply.headers['retry-after']).toMatch(/^\d+$/);
    }
    const kids = replies
      .filter(({ status }) => status === 201)
      .map(({ body }) => (JSON.parse(body) as HandshakeResponse).kid);
    expect(kids.length).toBeGreaterThan(0);
    expect(new Set(kids).size).toBe(kids.length);
  });
});

describe('handshake bodies', () => {
  const good = JSON.stringify({ publicKey: jwks.X25519.jwk });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/problem+json',
    'application/jsonp',
    'multipart/form-data; boundary=x',
    'text/json',
  ])('of type %s are 415', async (type) => {
    const reply = await post(good, type);
    expect(reply.status).toBe(415);
    expect(reply.headers['set-cookie']).toBeUndefined();
  });

  it('without a type are 415', async () => {
    expect((await post(good)).status).toBe(415);
  });

  it('are never read as a message', async () => {
    // A message to the handshake's route: PROTOCOL §2 says 415 for the type, §4 says every sealed request is opened.
    expect([400, 415]).toContain((await post(good, 'application/jose')).status);
  });

  // PROTOCOL §8 names a problem for malformed JSON; for these bodies it is held that they are refused.
  it.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['no JSON', '{'],
    ['a trailing comma', good.replace(/}$/, ',}')],
    ['two values', good + good],
    ['not UTF-8', Buffer.from(good.replace('"kty"', '"\u00ff":1,"kty"'), 'latin1')],
    ['null', 'null'],
    ['a string', '"publicKey"'],
    ['a number', '1'],
    ['an array', `[${good}]`],
    ['an empty object', '{}'],
    ['publicKey null', '{"publicKey":null}'],
    ['publicKey a number', '{"publicKey":1}'],
    ['publicKey an array', `{"publicKey":[${JSON.stringify(jwks.X25519.jwk)}]}`],
    ['publicKey by __proto__', `{"__proto__":${good}}`],
    ['key members by __proto__', `{"publicKey":{"__proto__":${JSON.stringify(jwks.X25519.jwk)}}}`],
    ['publicKey twice', good.replace(/^{/, `{"publicKey":${JSON.stringify(jwks['P-256'].jwk)},`)],
    ['publicKey twice, one escaped', good.replace(/^{/, '{"public\\u004bey":{},')],
    ['a member of the key twice', good.replace('"kty"', '"crv":"X25519","kty"')],
    ['an unknown member twice', good.replace(/^{/, '{"x":1,"x":2,')],
  ])('that are wrong are refused: %s', async (_, body) => {
    const reply = await post(body, 'application/json');
    expect([400, 422]).toContain(reply.status);
    expect(reply.headers['content-type']).toMatch(/^application\/(problem\+)?json/);
    expect(reply.headers['set-cookie']).toBeUndefined();
  });

  it('over the size limit are too-large, announced or not', async () => {
    const large = good.replace(/^{/, `{"x":"${'x'.repeat(2_000_000)}",`);
    for (const chunked of [false, true]) expectProblem(await post(large, 'application/json', { chunked }), 'too-large');
  });

  it('leave nothing behind: an honest handshake on the same cookie works', async () => {
    const visitor = bed.visitor();
    const first = await visitor.handshake('X25519');
    for (const publicKey of [{}, { ...jwks.RSA.jwk, e: 'AQ' }, jwks['P-256'].secret]) await visitor.ask({ publicKey });
    expectStatus(await first.request('POST', '/echo', json(1)), 201);
    const again = await visitor.handshake('RSA');
    expect(again.answer.session).toBe(first.answer.session);
    expectStatus(await again.request('POST', '/echo', json(1)), 201);
  });
});
