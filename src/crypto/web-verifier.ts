import type { Bytes } from '../protocol/crypto.js';
import type { SigningJwk } from '../protocol/jwk.js';

const SIGNATURE_BYTES = 64;

export const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
export const ED25519 = { name: 'Ed25519' };

/** Ed25519, or ES256 as r ‖ s. Rejects with a `NotSupportedError` if the runtime does not have the algorithm. */
export async function verifySignature(
  subtle: SubtleCrypto,
  jwk: SigningJwk,
  data: Bytes,
  signature: Bytes,
): Promise<boolean> {
  if (signature.length !== SIGNATURE_BYTES) return false;
  const algorithm = jwk.kty === 'EC' ? ECDSA : ED25519;
  try {
    const key = await subtle.importKey('jwk', { ...jwk }, algorithm, true, ['verify']);
    return await subtle.verify(algorithm, key, signature as Uint8Array<ArrayBuffer>, data as Uint8Array<ArrayBuffer>);
  } catch (error) {
    if ((error as { name?: unknown }).name === 'NotSupportedError') throw error;
    return false;
  }
}
