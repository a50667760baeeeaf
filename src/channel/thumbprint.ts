import type { NodeEngine } from '../crypto/node.js';
import { thumbprintInput, type PublicJwk, type SigningJwk } from '../protocol/keys.js';

/** A key's SHA-256 thumbprint in base64url (RFC 7638). */
export function thumbprint(engine: NodeEngine, jwk: PublicJwk | SigningJwk): string {
  return engine.encodeBase64url(engine.sha256(thumbprintInput(jwk)));
}
