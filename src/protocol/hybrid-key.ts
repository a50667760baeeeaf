import { decodeBase64url, encodeBase64url } from './base64url.js';
import type { Bytes } from './crypto.js';
import type { JsonObject } from './json.js';
import { HYBRID, memberFlaw, octets, type AkpPublicJwk, type KeyFlaw, type X25519PublicJwk } from './jwk.js';
import { ENCAPSULATION_KEY_BYTES, hasReducedCoefficients } from './ml-kem.js';

const X25519_BYTES = 32;
const BYTES = ENCAPSULATION_KEY_BYTES + X25519_BYTES;

/** The two keys in a hybrid key. */
export interface HybridParts {
  readonly encapsulationKey: Bytes;
  readonly x25519: X25519PublicJwk;
}

/** What is wrong with a hybrid key, or `undefined` if nothing is: FIPS 203 §7.2's checks, and those of X25519. */
export function hybridKeyFlaw(jwk: JsonObject): KeyFlaw | undefined {
  if (jwk.alg !== HYBRID) return 'alg';
  const flaw = memberFlaw(jwk, ['pub']);
  if (flaw) return flaw;
  const pub = octets(jwk, 'pub', BYTES);
  if (!pub) return 'pub';
  if (!hasReducedCoefficients(pub.subarray(0, ENCAPSULATION_KEY_BYTES))) return 'modulus';
  return pub[BYTES - 1]! >> 7 === 0 ? undefined : 'pub top bit';
}

/** Both keys of a hybrid key that was checked. */
export function splitHybridKey({ pub }: AkpPublicJwk): HybridParts {
  const bytes = decodeBase64url(pub);
  if (bytes?.length !== BYTES) throw new TypeError(`a hybrid key has ${BYTES} bytes`);
  return {
    encapsulationKey: bytes.subarray(0, ENCAPSULATION_KEY_BYTES),
    x25519: { kty: 'OKP', crv: 'X25519', x: encodeBase64url(bytes.subarray(ENCAPSULATION_KEY_BYTES)) },
  };
}

/** The hybrid key made of these two. */
export function joinHybridKey({ encapsulationKey, x25519 }: HybridParts): AkpPublicJwk {
  const bytes = new Uint8Array(BYTES);
  bytes.set(encapsulationKey);
  bytes.set(decodeBase64url(x25519.x)!, ENCAPSULATION_KEY_BYTES);
  return { kty: 'AKP', alg: HYBRID, pub: encodeBase64url(bytes) };
}
