import { createPublicKey } from 'node:crypto';
import { parsePublicKey, type PublicJwk } from '../protocol/keys.js';
import { E2eProblem } from '../protocol/problem.js';
import { channelJwk } from './node-keys.js';

const MAX_PEM_LENGTH = 4096;
const PEM = /^\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/;

/**
 * A channel's public key from what the client sent: a JWK, or an SPKI in PEM (RFC 7468 §13, RFC 5280 §4.1.2.7). The rules
 * for a JWK (PROTOCOL §1) apply to both.
 *
 * @throws E2eProblem `key-rejected`, whose `detail` says which rule was broken.
 */
export function readPublicKey(value: unknown): PublicJwk {
  return parsePublicKey(typeof value === 'string' ? readSpki(value) : value);
}

function readSpki(pem: string): PublicJwk {
  if (pem.length > MAX_PEM_LENGTH) throw rejected('the PEM text is too long');
  const base64 = PEM.exec(pem)?.[1];
  try {
    const der = Buffer.from(base64 ?? '', 'base64');
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    // OpenSSL also reads BER, bytes after the key, and compressed points. It writes the one form that is accepted.
    const jwk = channelJwk(key);
    const canonical = createPublicKey({ key: { ...jwk }, format: 'jwk' }).export({ format: 'der', type: 'spki' });
    if (canonical.equals(der)) return jwk;
  } catch {
    // OpenSSL's error does not help a client.
  }
  throw rejected('the PEM text is not a SubjectPublicKeyInfo of a kind that is known here');
}

function rejected(detail: string): E2eProblem {
  return new E2eProblem('key-rejected', { detail });
}
