import { constants, createPrivateKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import type { ClassicKeyKind, PublicJwk, SignatureAlgorithm, SigningJwk } from '../protocol/keys.js';

type JwkPair = Readonly<Record<'publicKey' | 'privateKey', JsonWebKey>>;

/**
 * A key pair, written out by the job that makes it. A KeyObject from `generateKeyPairSync` shares a lock with that job.
 * The garbage collector, which ends the job, waits for the lock. If it runs while the key is being written, the process
 * hangs (Node 20).
 */
function makePair(type: string, options?: object): JwkPair {
  const make = generateKeyPairSync as unknown as (type: string, options: object) => JwkPair;
  return make(type, { ...options, publicKeyEncoding: { format: 'jwk' }, privateKeyEncoding: { format: 'jwk' } });
}

function makeChannelPair(kind: ClassicKeyKind, modulusLength: number): JwkPair {
  switch (kind) {
    case 'RSA':
      return makePair('rsa', { modulusLength, publicExponent: 65537 });
    case 'P-256':
      return makePair('ec', { namedCurve: 'P-256' });
    case 'X25519':
      return makePair('x25519');
  }
}

/** Between node:crypto's keys and the protocol's: which kind a KeyObject is, and its JWK. */
export function generateKeys(
  kind: ClassicKeyKind,
  modulusLength: number,
): { publicKey: PublicJwk; privateKey: KeyObject } {
  const { publicKey, privateKey } = makeChannelPair(kind, modulusLength);
  return { publicKey: publicJwk(kind, publicKey), privateKey: createPrivateKey({ key: privateKey, format: 'jwk' }) };
}

export function kindOf(key: KeyObject): ClassicKeyKind {
  if (key.asymmetricKeyType === 'rsa') return 'RSA';
  if (key.asymmetricKeyType === 'x25519') return 'X25519';
  if (isP256(key)) return 'P-256';
  throw new TypeError('a channel has an RSA, P-256 or X25519 key');
}

function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

export function channelJwk(publicKey: KeyObject): PublicJwk {
  return publicJwk(kindOf(publicKey), publicKey.export({ format: 'jwk' }));
}

function publicJwk(kind: ClassicKeyKind, { n = '', e = '', x = '', y = '' }: JsonWebKey): PublicJwk {
  switch (kind) {
    case 'RSA':
      return { kty: 'RSA', n, e };
    case 'P-256':
      return { kty: 'EC', crv: 'P-256', x, y };
    case 'X25519':
      return { kty: 'OKP', crv: 'X25519', x };
  }
}

/** What a private key's JWK consists of (RFC 7518 §6, RFC 8037 §2), in the order in which its bytes are kept. */
const PARTS: Readonly<Record<ClassicKeyKind, readonly (keyof JsonWebKey)[]>> = {
  RSA: ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'],
  'P-256': ['x', 'y', 'd'],
  X25519: ['x', 'd'],
};
const TYPES: Readonly<Record<ClassicKeyKind, JsonWebKey>> = {
  RSA: { kty: 'RSA' },
  'P-256': { kty: 'EC', crv: 'P-256' },
  X25519: { kty: 'OKP', crv: 'X25519' },
};

/**
 * A private key as bytes: its JWK's parts, each after two bytes of length. As small as PKCS#8, which OpenSSL 3 reads
 * six to fifty times slower.
 */
export function packPrivateKey(key: KeyObject): Uint8Array {
  const jwk = key.export({ format: 'jwk' });
  return Buffer.concat(
    PARTS[kindOf(key)].flatMap((name) => {
      const part = Buffer.from(jwk[name] as string, 'base64url');
      return [Uint8Array.of(part.length >> 8, part.length & 0xff), part];
    }),
  );
}

/** The reverse; TypeError if these are not the parts of such a key. */
export function unpackPrivateKey(kind: ClassicKeyKind, bytes: Uint8Array): KeyObject {
  const key = { ...TYPES[kind] };
  let end = 0;
  for (const name of PARTS[kind]) {
    const start = end + 2;
    end = start + (bytes[end] ?? NaN) * 256 + (bytes[end + 1] ?? NaN);
    key[name] = Buffer.from(bytes.subarray(start, end)).toString('base64url');
  }
  if (end !== bytes.length) throw new TypeError(`the private key is not of kind ${kind}`);
  return createPrivateKey({ key, format: 'jwk' });
}

export function signingJwk(publicKey: KeyObject): SigningJwk | undefined {
  const ed25519 = publicKey.asymmetricKeyType === 'ed25519';
  if (!ed25519 && !isP256(publicKey)) return undefined;
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  return ed25519 ? { kty: 'OKP', crv: 'Ed25519', x } : { kty: 'EC', crv: 'P-256', x, y };
}

export function readPem(pem: string): KeyObject {
  try {
    // An environment variable often has its line breaks as \n, and its quotes still around it.
    return createPrivateKey(pem.replaceAll('\\n', '\n').replace(/^\s*"|"\s*$/g, ''));
  } catch {
    // The cause may quote its input.
    throw new TypeError('an identity key is a private key in PEM: PKCS#8, not encrypted');
  }
}

export function generateSigningKey(alg: SignatureAlgorithm): KeyObject {
  const { privateKey: key } = alg === 'ES256' ? makePair('ec', { namedCurve: 'P-256' }) : makePair('ed25519');
  return createPrivateKey({ key, format: 'jwk' });
}

export function writePem(privateKey: KeyObject): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** RSA-OAEP-256: node:crypto takes `oaepHash` for MGF1 too (RFC 7518 §4.3). */
export function oaep(key: KeyObject) {
  return { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
}

export function digestOf(alg: SignatureAlgorithm): 'sha256' | null {
  return alg === 'ES256' ? 'sha256' : null; // Ed25519 hashes by itself
}
