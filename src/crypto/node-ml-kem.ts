import * as crypto from 'node:crypto';
import type { Bytes } from '../protocol/crypto.js';
import type { Encapsulation } from '../protocol/ml-kem.js';

/** Node 24.7 and later. */
interface KeyEncapsulation {
  readonly encapsulate?: (key: crypto.KeyObject) => { sharedKey: Buffer; ciphertext: Buffer };
}

/** SubjectPublicKeyInfo of an ML-KEM-768 key (RFC 9935 §4), up to the key. */
const SPKI = Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex');

/**
 * ML-KEM-768 encapsulation by node:crypto, or `undefined` if this Node, or the OpenSSL under it, does not have it. The key
 * was checked (FIPS 203 §7.2).
 */
export function encapsulateNatively(encapsulationKey: Bytes): Encapsulation | undefined {
  const { encapsulate } = crypto as KeyEncapsulation;
  if (!encapsulate) return undefined;
  try {
    const key = crypto.createPublicKey({
      key: Buffer.concat([SPKI, encapsulationKey]),
      format: 'der',
      type: 'spki',
    });
    const { sharedKey, ciphertext } = encapsulate(key);
    return { secret: sharedKey, ciphertext };
  } catch {
    return undefined;
  }
}
