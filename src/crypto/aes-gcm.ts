import type { Bytes, Sealed } from '../protocol/crypto.js';
import { IV_BYTES, TAG_BYTES } from '../protocol/jwe.js';

const CIPHER = 'aes-256-gcm';
// Without this, Node 20 accepts a tag of 4 bytes.
const GCM = { authTagLength: TAG_BYTES };

interface Cipher {
  setAAD(data: Bytes): unknown;
  update(data: Bytes): Bytes;
  final(): unknown;
}

/** The ciphers of node:crypto, as the server imports them, and as the client finds them at run time. */
export interface NodeCiphers<Key> {
  createCipheriv(name: typeof CIPHER, key: Key, iv: Bytes, options: typeof GCM): Cipher & { getAuthTag(): Bytes };
  createDecipheriv(
    name: typeof CIPHER,
    key: Key,
    iv: Bytes,
    options: typeof GCM,
  ): Cipher & { setAuthTag(tag: Bytes): unknown };
}

/** AES-256-GCM by node:crypto (RFC 7518 §5.3), as engines have it. */
export function seal<Key>(ciphers: NodeCiphers<Key>, key: Key, iv: Bytes, aad: Bytes, plaintext: Bytes): Sealed {
  if (iv.length !== IV_BYTES) throw new TypeError('an IV has 12 bytes');
  const cipher = ciphers.createCipheriv(CIPHER, key, iv, GCM);
  cipher.setAAD(aad);
  // GCM is a stream cipher: update() returns everything, final() only completes the tag.
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return { ciphertext, tag: cipher.getAuthTag() };
}

export function open<Key>(
  ciphers: NodeCiphers<Key>,
  key: Key,
  iv: Bytes,
  aad: Bytes,
  ciphertext: Bytes,
  tag: Bytes,
): Bytes | undefined {
  if (iv.length !== IV_BYTES || tag.length !== TAG_BYTES) return undefined;
  const decipher = ciphers.createDecipheriv(CIPHER, key, iv, GCM);
  decipher.setAAD(aad);
  decipher.setAuthTag(tag);
  const plaintext = decipher.update(ciphertext);
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plaintext;
}
