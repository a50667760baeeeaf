import { UnsupportedByEngine } from '../protocol/crypto.js';
import { HYBRID, keyKind, type ClassicKeyKind, type KeyKind, type PublicJwk } from '../protocol/jwk.js';

/**
 * The kind, if an engine supports it without ML-KEM.
 *
 * @throws UnsupportedByEngine for the hybrid kind.
 */
export function classic(kind: KeyKind): ClassicKeyKind {
  if (kind === HYBRID) throw new UnsupportedByEngine(`this engine has no ${HYBRID} keys`);
  return kind;
}

/** The same of a key. */
export function classicKind(jwk: PublicJwk): ClassicKeyKind {
  return classic(keyKind(jwk));
}
