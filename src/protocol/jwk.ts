import { base64urlByteLength, decodeBase64url } from './base64url.js';
import { utf8, type JsonObject } from './json.js';
import type { KeyKind } from './key-kind.js';

export type { KeyKind } from './key-kind.js';

/** Hybrid, post-quantum: ML-KEM-768 (FIPS 203) with X25519. */
export const HYBRID = 'MLKEM768-X25519';
/** The kinds of key pairs that a server makes. */
export type ClassicKeyKind = Exclude<KeyKind, typeof HYBRID>;

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
/** ML-KEM-768 and X25519, one after the other in `pub`. */
export interface AkpPublicJwk {
  readonly kty: 'AKP';
  readonly alg: 'MLKEM768-X25519';
  readonly pub: string;
}
export interface Ed25519PublicJwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
}
/** A public key that makes a channel, with exactly the members that RFC 7638 hashes. */
export type PublicJwk = RsaPublicJwk | EcPublicJwk | X25519PublicJwk | AkpPublicJwk;
/** A channel's private key as a JWK: the public members and `d`, or of an AKP key `priv`. */
export type PrivateJwk = PublicJwk & { readonly d?: string; readonly priv?: string };
/** A public key that verifies signatures: an identity key or a device key. */
export type SigningJwk = EcPublicJwk | Ed25519PublicJwk;
export type SignatureAlgorithm = 'Ed25519' | 'ES256';

export const RSA_MODULUS_BITS = { min: 2048, max: 4096 } as const;

/** The members that define a key, for each kind, in the order in which its thumbprint hashes them (RFC 7638 §3.3). */
const KEY_MEMBERS = ['crv', 'e', 'kty', 'n', 'pub', 'x', 'y'];
/** For an AKP key, `alg` is hashed too. For every other key it is ignored (PROTOCOL §1). */
const AKP_MEMBERS = ['alg', 'kty', 'pub'];
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/**
 * Which rule of PROTOCOL §1 a key breaks, in short. The server has an error message for each (keys.ts); the client,
 * whose size matters, only rejects the key.
 */
export type KeyFlaw =
  | 'kind'
  | 'private'
  | 'members'
  | 'n missing'
  | 'exponent'
  | 'size'
  | 'leading zeros'
  | 'even'
  | 'small factor'
  | 'roca'
  | 'top bit'
  | 'off the curve'
  | 'alg'
  | 'pub'
  | 'modulus'
  | 'pub top bit'
  | 'ec crv'
  | 'signing kind'
  | 'n'
  | 'x'
  | 'y';

/** The kind of the server's key on a channel of this kind (PROTOCOL §1). */
export function serverKeyKind(kind: KeyKind): ClassicKeyKind {
  return kind === HYBRID ? 'X25519' : kind;
}

/** Whether the response to a handshake of this kind has `secret` (PROTOCOL §2). */
export function hasSecret(kind: KeyKind): boolean {
  return kind === 'RSA' || kind === HYBRID;
}

export function keyKind(jwk: PublicJwk): KeyKind {
  if (jwk.kty === 'RSA') return 'RSA';
  return jwk.kty === 'AKP' ? jwk.alg : jwk.crv;
}

export function signatureAlgorithm(jwk: SigningJwk): SignatureAlgorithm {
  return jwk.kty === 'EC' ? 'ES256' : 'Ed25519';
}

/** The bytes whose SHA-256 is the key's thumbprint (RFC 7638 §3): its required members, in order, without spaces. */
export function thumbprintInput(jwk: PublicJwk | SigningJwk): Uint8Array<ArrayBuffer> {
  return utf8(JSON.stringify(jwk, membersOf(jwk)));
}

/**
 * A key that was checked, with only the members of its thumbprint. The protocol does not use `alg`, `use` and others.
 */
export function publicMembers(jwk: object): unknown {
  return JSON.parse(JSON.stringify(jwk, membersOf(jwk)));
}

function membersOf({ kty }: { readonly kty?: unknown }): string[] {
  return kty === 'AKP' ? AKP_MEMBERS : KEY_MEMBERS;
}

/** A key with a private member, or with a member of another kind, is not what its sender intended. */
export function memberFlaw(jwk: JsonObject, expected: readonly string[]): KeyFlaw | undefined {
  if (PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member))) return 'private';
  const isForeign = (member: string) => member !== 'kty' && !expected.includes(member) && Object.hasOwn(jwk, member);
  return KEY_MEMBERS.some(isForeign) ? 'members' : undefined;
}

/** A member of that many bytes, or `undefined`. The length is checked first, so that a huge key costs nothing. */
export function octets(jwk: JsonObject, member: string, length: number): Uint8Array | undefined {
  const text = jwk[member];
  return typeof text === 'string' && base64urlByteLength(text) === length ? decodeBase64url(text) : undefined;
}

export function toBigInt(bytes: Uint8Array): bigint {
  let hex = '0x';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return BigInt(hex);
}
