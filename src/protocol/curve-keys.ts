import type { JsonObject } from './json.js';
import { memberFlaw, octets, toBigInt, type KeyFlaw } from './jwk.js';

const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/**
 * What is wrong with a JWK of the type EC, or `undefined` if nothing is. All of it is public, so timing reveals
 * nothing.
 */
function p256KeyFlaw(jwk: JsonObject): KeyFlaw | undefined {
  if (jwk.crv !== 'P-256') return 'ec crv';
  const flaw = memberFlaw(jwk, ['crv', 'x', 'y']);
  if (flaw) return flaw;
  const x = octets(jwk, 'x', 32);
  if (!x) return 'x';
  const y = octets(jwk, 'y', 32);
  if (!y) return 'y';
  return isOnP256(toBigInt(x), toBigInt(y)) ? undefined : 'off the curve';
}

/** The same for an OKP key for X25519. */
function x25519KeyFlaw(jwk: JsonObject): KeyFlaw | undefined {
  const flaw = memberFlaw(jwk, ['crv', 'x']);
  if (flaw) return flaw;
  const x = octets(jwk, 'x', 32);
  if (!x) return 'x';
  return x[31]! >> 7 === 0 ? undefined : 'top bit';
}

/** The same for a channel's key on either curve. */
export function channelKeyFlaw(jwk: JsonObject): KeyFlaw | undefined {
  if (jwk.kty === 'EC') return p256KeyFlaw(jwk);
  return jwk.kty === 'OKP' && jwk.crv === 'X25519' ? x25519KeyFlaw(jwk) : 'kind';
}

/** The same for a signing key: P-256 for ES256, or Ed25519. */
export function signingKeyFlaw(jwk: JsonObject): KeyFlaw | undefined {
  if (jwk.kty === 'EC') return p256KeyFlaw(jwk);
  if (jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519') return 'signing kind';
  return memberFlaw(jwk, ['crv', 'x']) ?? (octets(jwk, 'x', 32) ? undefined : 'x');
}

/** Whether (x, y) lies on P-256: y² = x³ − 3x + b (SEC 1 §3.2.2.1). The point at infinity has no such coordinates. */
function isOnP256(x: bigint, y: bigint): boolean {
  return x < P && y < P && (y * y - (x * x * x - 3n * x + B)) % P === 0n;
}
