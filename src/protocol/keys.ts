import { base64urlByteLength } from './base64url.js';
import { channelKeyFlaw, signingKeyFlaw } from './curve-keys.js';
import { isJsonObject, type JsonObject } from './json.js';
import { publicMembers, type KeyFlaw, type PublicJwk, type SigningJwk } from './jwk.js';
import { E2eProblem } from './problem.js';
import { hybridKeyFlaw } from './hybrid-key.js';
import { rsaKeyFlaw } from './rsa-key.js';

// jwk.ts has what server and client share. This file is only for the server.
export { KEY_KINDS } from './key-kind.js';
export {
  hasSecret,
  HYBRID,
  keyKind,
  RSA_MODULUS_BITS,
  serverKeyKind,
  signatureAlgorithm,
  thumbprintInput,
} from './jwk.js';
export type * from './jwk.js';

/** What the other end learns about its key. */
const DETAILS: Record<Exclude<KeyFlaw, 'n' | 'x' | 'y'>, string> = {
  kind: '"kty" is one of "RSA", "EC", "OKP" and "AKP"',
  private: 'the key carries a private member',
  members: "the key carries another kind's members",
  exponent: '"e" is "AQAB", the exponent 65537',
  'n missing': '"n" is missing',
  size: 'an RSA modulus has 2048 to 4096 bits',
  'leading zeros': '"n" has leading zeros',
  even: 'the RSA modulus is even',
  'small factor': 'the RSA modulus has a small factor',
  roca: 'the RSA modulus has the ROCA fingerprint',
  'top bit': 'the top bit of "x" is set',
  'off the curve': '"x" and "y" are not a point on P-256',
  alg: 'an AKP key has "alg": "MLKEM768-X25519"',
  pub: '"pub" is not 1216 bytes in base64url without padding',
  modulus: 'the ML-KEM-768 key in "pub" has a coefficient that is not reduced (FIPS 203 §7.2)',
  'pub top bit': 'the top bit of the X25519 key in "pub" is set',
  'ec crv': 'an EC key has "crv": "P-256"',
  'signing kind': 'a signing key is P-256 or Ed25519',
};

/**
 * A channel's public key from what the other end sent as a JWK (RFC 7517). Only the members of the thumbprint (RFC
 * 7638) are kept. Lengths are checked first, so that a huge key costs nothing.
 *
 * @throws E2eProblem `key-rejected`, whose `detail` says which rule of PROTOCOL §1 was broken.
 */
export function parsePublicKey(value: unknown): PublicJwk {
  if (!isJsonObject(value)) throw rejected('a public key is a JWK object or a PEM string');
  if (value.kty === 'OKP' && value.crv !== 'X25519') throw rejected('an OKP key has "crv": "X25519"');
  return checked(value, flawOf(value)) as PublicJwk;
}

/**
 * A public signing key (an identity key or a device key): P-256 for ES256, or Ed25519.
 *
 * @throws E2eProblem `key-rejected`.
 */
export function parseSigningKey(value: unknown): SigningJwk {
  if (!isJsonObject(value)) throw rejected('a signing key is a JWK object');
  return checked(value, signingKeyFlaw(value)) as SigningJwk;
}

function flawOf(jwk: JsonObject): KeyFlaw | undefined {
  if (jwk.kty === 'RSA') return rsaKeyFlaw(jwk);
  return jwk.kty === 'AKP' ? hybridKeyFlaw(jwk) : channelKeyFlaw(jwk);
}

function checked(jwk: JsonObject, flaw: KeyFlaw | undefined): unknown {
  if (!flaw) return publicMembers(jwk);
  if (flaw !== 'n' && flaw !== 'x' && flaw !== 'y') throw rejected(DETAILS[flaw]);
  const length = flaw === 'n' ? base64urlByteLength(jwk.n as string) : 32;
  throw rejected(`"${flaw}" is not ${length} bytes in base64url without padding`);
}

function rejected(detail: string): E2eProblem {
  return new E2eProblem('key-rejected', { detail });
}
