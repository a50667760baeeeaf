import { constants, createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { KeyKind, PublicJwk, SignatureAlgorithm, SigningJwk } from '../protocol/keys.js';

/** Between node:crypto's keys and the protocol's: which kind a KeyObject is, and its JWK. */
export function generateKeys(kind: KeyKind, modulusLength: number): { publicKey: KeyObject; privateKey: KeyObject } {
  switch (kind) {
    case 'RSA':
      return generateKeyPairSync('rsa', { modulusLength, publicExponent: 65537 });
    case 'P-256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'X25519':
      return generateKeyPairSync('x25519');
  }
}

export function kindOf(key: KeyObject): KeyKind {
  if (key.asymmetricKeyType === 'rsa') return 'RSA';
  if (key.asymmetricKeyType === 'x25519') return 'X25519';
  if (isP256(key)) return 'P-256';
  throw new TypeError('a channel has an RSA, P-256 or X25519 key');
}

function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

export function channelJwk(publicKey: KeyObject): PublicJwk {
  const { n = '', e = '', x = '', y = '' } = publicKey.export({ format: 'jwk' });
  switch (kindOf(publicKey)) {
    case 'RSA':
      return { kty: 'RSA', n, e };
    case 'P-256':
      return { kty: 'EC', crv: 'P-256', x, y };
    case 'X25519':
      return { kty: 'OKP', crv: 'X25519', x };
  }
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
  const { privateKey } =
    alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  return privateKey;
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
