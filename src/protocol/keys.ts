import { base64urlByteLength, decodeBase64url } from './base64url.js';
import { isJsonObject, utf8, type JsonObject } from './json.js';
import { E2eProblem } from './problem.js';
import { isOnP256, rsaModulusFlaw } from './key-checks.js';
import { readSpki } from './spki.js';

/** The kinds of key pair, and so of channel (PROTOCOL §1). */
export const KEY_KINDS = ['RSA', 'P-256', 'X25519'] as const;
export type KeyKind = (typeof KEY_KINDS)[number];

export interface RsaPublicJwk {
  readonly kty: 'RSA';
  readonly n: string;
  readonly e: string;
}
export interface EcPublicJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}
export interface X25519PublicJwk {
  readonly kty: 'OKP';
  readonly crv: 'X25519';
  readonly x: string;
}
export interface Ed25519PublicJwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
}
/** A public key that makes a channel, with exactly the members that RFC 7638 hashes. */
export type PublicJwk = RsaPublicJwk | EcPublicJwk | X25519PublicJwk;
/** A public key that verifies signatures: an identity key or a device key. */
export type SigningJwk = EcPublicJwk | Ed25519PublicJwk;
export type SignatureAlgorithm = 'Ed25519' | 'ES256';

export const RSA_MODULUS_BITS = { min: 2048, max: 4096 } as const;

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const PUBLIC_MEMBERS = ['n', 'e', 'crv', 'x', 'y'];
const E_65537 = 'AQAB';

export function keyKind(jwk: PublicJwk): KeyKind {
  return jwk.kty === 'RSA' ? 'RSA' : jwk.crv;
}

export function signatureAlgorithm(jwk: SigningJwk): SignatureAlgorithm {
  return jwk.kty === 'EC' ? 'ES256' : 'Ed25519';
}

/**
 * A channel's public key from what the other end sent: a JWK (RFC 7517), or SPKI in PEM (RFC 7468). Only the members
 * of the thumbprint (RFC 7638) are kept. Lengths are looked at first, so that a huge key costs nothing.
 *
 * @throws E2eProblem `key-rejected`, whose `detail` says which rule of PROTOCOL §1 was broken.
 */
export function parsePublicKey(value: unknown): PublicJwk {
  const jwk = typeof value === 'string' ? readSpki(value, rejected) : value;
  if (!isJsonObject(jwk)) throw rejected('a public key is a JWK object or a PEM string');
  switch (jwk.kty) {
    case 'RSA':
      return parseRsa(jwk);
    case 'EC':
      return parseP256(jwk);
    case 'OKP':
      if (jwk.crv !== 'X25519') throw rejected('an OKP key has "crv": "X25519"');
      return { kty: 'OKP', crv: 'X25519', x: parseX25519(jwk) };
    default:
      throw rejected('"kty" is one of "RSA", "EC" and "OKP"');
  }
}

/**
 * A public signing key (an identity key or a device key): P-256 for ES256, or Ed25519.
 *
 * @throws E2eProblem `key-rejected`.
 */
export function parseSigningKey(value: unknown): SigningJwk {
  if (!isJsonObject(value)) throw rejected('a signing key is a JWK object');
  if (value.kty === 'EC') return parseP256(value);
  if (value.kty !== 'OKP' || value.crv !== 'Ed25519') throw rejected('a signing key is P-256 or Ed25519');
  refuseMembersBut(value, ['crv', 'x']);
  octets(value, 'x', 32);
  return { kty: 'OKP', crv: 'Ed25519', x: value.x as string };
}

/** The bytes whose SHA-256 is the key's thumbprint (RFC 7638 §3): its required members, in order, without spaces. */
export function thumbprintInput(jwk: PublicJwk | SigningJwk): Uint8Array<ArrayBuffer> {
  switch (jwk.kty) {
    case 'RSA':
      return utf8(JSON.stringify({ e: jwk.e, kty: jwk.kty, n: jwk.n }));
    case 'EC':
      return utf8(JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }));
    case 'OKP':
      return utf8(JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x }));
  }
}

function parseRsa(jwk: JsonObject): RsaPublicJwk {
  refuseMembersBut(jwk, ['n', 'e']);
  if (jwk.e !== E_65537) throw rejected('"e" is "AQAB", the exponent 65537');
  if (typeof jwk.n !== 'string') throw rejected('"n" is missing');
  const bytes = base64urlByteLength(jwk.n);
  if (bytes < RSA_MODULUS_BITS.min / 8 || bytes > RSA_MODULUS_BITS.max / 8) {
    throw rejected('an RSA modulus has 2048 to 4096 bits');
  }
  const n = octets(jwk, 'n', bytes);
  const bits = bytes * 8 - (Math.clz32(n[0]!) - 24);
  if (n[0] === 0) throw rejected('"n" has leading zeros');
  if (bits < RSA_MODULUS_BITS.min) throw rejected('an RSA modulus has 2048 to 4096 bits');
  const flaw = rsaModulusFlaw(n);
  if (flaw) throw rejected(flaw);
  return { kty: 'RSA', n: jwk.n, e: E_65537 };
}

function parseP256(jwk: JsonObject): EcPublicJwk {
  if (jwk.crv !== 'P-256') throw rejected('an EC key has "crv": "P-256"');
  refuseMembersBut(jwk, ['crv', 'x', 'y']);
  const x = octets(jwk, 'x', 32);
  const y = octets(jwk, 'y', 32);
  if (!isOnP256(x, y)) throw rejected('"x" and "y" are not a point on P-256');
  return { kty: 'EC', crv: 'P-256', x: jwk.x as string, y: jwk.y as string };
}

function parseX25519(jwk: JsonObject): string {
  refuseMembersBut(jwk, ['crv', 'x']);
  const x = octets(jwk, 'x', 32);
  if (x[31]! >> 7 !== 0) throw rejected('the top bit of "x" is set');
  return jwk.x as string;
}

/** A key that carries a private member, or a member of another kind, is not what its sender thinks it is. */
function refuseMembersBut(jwk: JsonObject, expected: readonly string[]): void {
  if (PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member))) throw rejected('the key carries a private member');
  if (PUBLIC_MEMBERS.some((member) => Object.hasOwn(jwk, member) && !expected.includes(member))) {
    throw rejected("the key carries another kind's members");
  }
}

function octets(jwk: JsonObject, member: string, length: number): Uint8Array {
  const text = jwk[member];
  const bytes = typeof text === 'string' && base64urlByteLength(text) === length ? decodeBase64url(text) : undefined;
  if (!bytes) throw rejected(`"${member}" is not ${length} bytes in base64url without padding`);
  return bytes;
}

function rejected(detail: string): E2eProblem {
  return new E2eProblem('key-rejected', { detail });
}
