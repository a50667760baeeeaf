import type { Bytes, ContentKey, CryptoEngine } from '../protocol/crypto.js';
import { open, seal, type NodeCiphers } from './aes-gcm.js';
import { Opaque } from './opaque.js';
import type { WebEngine } from './web.js';

const KEY_BYTES = 32;

/**
 * Hashes and ciphers with the interface of node:crypto, which the client must not import, because bundlers would try to
 * resolve it.
 */
export interface NodeHashes<Key> extends NodeCiphers<Key> {
  hkdfSync(digest: 'sha256', ikm: Bytes, salt: Bytes, info: Bytes, length: number): ArrayBuffer | Bytes;
  createHash(digest: 'sha256'): { update(data: Bytes): { digest(): Bytes } };
  createHmac(digest: 'sha256', key: Bytes): { update(data: Bytes): { digest(): Bytes } };
}

/** The used part of Node's own module. */
export interface NodeCrypto extends NodeHashes<object> {
  createSecretKey(bytes: Bytes): object;
}

class NativeContentKey extends Opaque<object> implements ContentKey {
  readonly enc = 'A256GCM';
}

type Symmetric = Pick<CryptoEngine, 'sha256' | 'hkdf' | 'hmac' | 'importContentKey' | 'seal' | 'open'>;

/** The part of an engine that needs no key pairs. @param keep converts 32 bytes into a key for the ciphers. */
export function symmetric<Key extends object>(crypto: NodeHashes<Key>, keep: (bytes: Bytes) => Key): Symmetric {
  const keyOf = (key: ContentKey) => NativeContentKey.reveal(key) as Key;
  return {
    sha256: (data) => crypto.createHash('sha256').update(data).digest(),
    hkdf: (ikm, salt, info) => new Uint8Array(crypto.hkdfSync('sha256', ikm, salt, info, KEY_BYTES)),
    hmac: (key, data) => crypto.createHmac('sha256', key).update(data).digest(),
    importContentKey: (bytes) => {
      if (bytes.length !== KEY_BYTES) throw new TypeError('an A256GCM key has 32 bytes');
      return new NativeContentKey(keep(bytes));
    },
    seal: (key, iv, aad, plaintext) => seal(crypto, keyOf(key), iv, aad, plaintext),
    open: (key, iv, aad, ciphertext, tag) => {
      const plaintext = open(crypto, keyOf(key), iv, aad, ciphertext, tag);
      // A Buffer's slice() does not copy, but callers of the client expect a copy.
      return plaintext && new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength);
    },
  };
}

/**
 * The client's engine in Node: key pairs and signatures by WebCrypto, the rest by the synchronous node:crypto.
 * WebCrypto moves each hash and each frame to another thread and back, which takes several times as long as the work.
 */
export function withNative(engine: WebEngine, crypto: NodeCrypto): CryptoEngine {
  return Object.assign<WebEngine, Partial<CryptoEngine>>(
    engine,
    symmetric(crypto, (bytes) => crypto.createSecretKey(bytes)),
  );
}
