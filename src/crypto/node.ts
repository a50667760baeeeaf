import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hash,
  hkdfSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { base64urlByteLength, hasZeroTail } from '../protocol/base64url.js';
import type {
  Bytes,
  ContentKey,
  CryptoEngine,
  KeyPair,
  PrivateKey,
  PublicKey,
  Sealed,
  SigningKey,
} from '../protocol/crypto.js';
import { IV_BYTES } from '../protocol/jwe.js';
import {
  signatureAlgorithm,
  type ClassicKeyKind,
  type KeyKind,
  type PrivateJwk,
  type PublicJwk,
  type SignatureAlgorithm,
  type SigningJwk,
} from '../protocol/keys.js';
import { open, seal, type NodeCiphers } from './aes-gcm.js';
import { isZero } from './bytes.js';
import { classic, classicKind } from './classic.js';
import {
  channelJwk,
  digestOf,
  generateKeys,
  generateSigningKey,
  kindOf,
  oaep,
  packPrivateKey,
  readPem,
  signingJwk,
  unpackPrivateKey,
  writePem,
} from './node-keys.js';
import { IvSupply } from './iv-supply.js';
import { Opaque } from './opaque.js';

const CIPHERS: NodeCiphers<Bytes> = { createCipheriv, createDecipheriv };
const CONTENT_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

class NodeChannelKey extends Opaque<KeyObject> implements PrivateKey, PublicKey {
  constructor(
    readonly kind: ClassicKeyKind,
    key: KeyObject,
  ) {
    super(key);
  }
}
class NodePrivateKey extends NodeChannelKey {}
class NodePublicKey extends NodeChannelKey {}
class NodeSigningKey extends Opaque<KeyObject> implements SigningKey {
  constructor(
    readonly alg: SignatureAlgorithm,
    key: KeyObject,
  ) {
    super(key);
  }
}
class NodeContentKey extends Opaque<Bytes> implements ContentKey {
  readonly enc = 'A256GCM';
}

/**
 * The engine of the server: node:crypto, synchronous throughout, so that opening a message costs no turn of the event
 * loop. Beyond the interface it keeps private keys at rest and signs with identity keys. On hybrid channels the server's key
 * is an X25519 key; see channel/encapsulator.ts for encapsulation.
 */
export class NodeEngine implements CryptoEngine {
  readonly name = 'node';
  readonly kinds: readonly KeyKind[] = ['RSA', 'P-256', 'X25519'];
  readonly signatures = ['Ed25519', 'ES256'] as const;
  readonly #ivs = new IvSupply();

  /** IVs are not secret and are taken from a supply, because requesting each one costs more than sealing a kilobyte. */
  randomBytes(length: number): Bytes {
    return length === IV_BYTES ? this.#ivs.next() : randomBytes(length);
  }

  encodeBase64url(bytes: Bytes): string {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
  }

  decodeBase64url(text: string): Bytes | undefined {
    // Node's decoder skips unknown characters, also accepts the other alphabet, and cuts code points to a byte. Skipped
    // characters show in the length; the other two are checked.
    if (text.length % 4 === 1 || !hasZeroTail(text) || text.includes('+') || text.includes('/')) return undefined;
    if (Buffer.byteLength(text, 'utf8') !== text.length) return undefined;
    const bytes = Buffer.from(text, 'base64url');
    return bytes.length === base64urlByteLength(text) ? bytes : undefined;
  }

  sha256(data: Bytes): Bytes {
    return hash('sha256', data, 'buffer');
  }

  hkdf(ikm: Bytes, salt: Bytes, info: Bytes): Bytes {
    return new Uint8Array(hkdfSync('sha256', ikm, salt, info, CONTENT_KEY_BYTES));
  }

  hmac(key: Bytes, data: Bytes): Bytes {
    return createHmac('sha256', key).update(data).digest();
  }

  /** Whether two byte strings are equal, in a time that depends only on their lengths. */
  timingSafeEqual(a: Bytes, b: Bytes): boolean {
    return a.length === b.length && timingSafeEqual(a, b);
  }

  /** RSA blocks the event loop for a fifth of a second, so a server takes its pairs from the pool. */
  generateKeyPair(kind: KeyKind, modulusLength = 2048): KeyPair {
    const own = classic(kind);
    const { publicKey, privateKey } = generateKeys(own, modulusLength);
    return { publicKey, privateKey: new NodePrivateKey(own, privateKey) };
  }

  /** Wraps a key pair that node:crypto made off the event loop. Throws a TypeError for an unknown kind. */
  keyPairFrom(publicKey: KeyObject, privateKey: KeyObject): KeyPair {
    const kind = kindOf(privateKey);
    return { publicKey: channelJwk(publicKey), privateKey: new NodePrivateKey(kind, privateKey) };
  }

  importPublicKey(jwk: PublicJwk): PublicKey {
    classicKind(jwk);
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    return new NodePublicKey(kindOf(key), key);
  }

  importPrivateKey(jwk: PrivateJwk): PrivateKey {
    classicKind(jwk);
    const key = createPrivateKey({ key: { ...jwk }, format: 'jwk' });
    return new NodePrivateKey(kindOf(key), key);
  }

  /** A channel's private key as bytes, for the record that the server wraps and stores. */
  packPrivateKey(key: PrivateKey): Bytes {
    return packPrivateKey(NodePrivateKey.reveal(key));
  }

  /** The reverse; TypeError if the key is not of that kind. */
  unpackPrivateKey(kind: ClassicKeyKind, bytes: Bytes): PrivateKey {
    return new NodePrivateKey(kind, unpackPrivateKey(kind, bytes));
  }

  rsaEncrypt(key: PublicKey, plaintext: Bytes): Bytes {
    return publicEncrypt(oaep(NodePublicKey.reveal(key)), plaintext);
  }

  rsaDecrypt(key: PrivateKey, ciphertext: Bytes): Bytes | undefined {
    const own = NodePrivateKey.reveal(key);
    const options = oaep(own);
    if (ciphertext.length * 8 !== own.asymmetricKeyDetails?.modulusLength) return undefined;
    try {
      return privateDecrypt(options, ciphertext);
    } catch {
      return undefined;
    }
  }

  agree(privateKey: PrivateKey, publicKey: PublicKey): Bytes | undefined {
    const keys = { privateKey: NodePrivateKey.reveal(privateKey), publicKey: NodePublicKey.reveal(publicKey) };
    if (privateKey.kind !== publicKey.kind || privateKey.kind === 'RSA') {
      throw new TypeError('two ECDH keys of one kind');
    }
    try {
      const secret = diffieHellman(keys);
      return privateKey.kind === 'X25519' && isZero(secret) ? undefined : secret;
    } catch {
      return undefined; // OpenSSL 3 refuses an all-zero X25519 secret itself (RFC 7748 §6.1)
    }
  }

  /** Keeps the bytes, which must not change: a KeyObject takes longer to make, and is no faster in use. */
  importContentKey(bytes: Bytes): ContentKey {
    if (bytes.length !== CONTENT_KEY_BYTES) throw new TypeError('an A256GCM key has 32 bytes');
    return new NodeContentKey(bytes);
  }

  seal(key: ContentKey, iv: Bytes, aad: Bytes, plaintext: Bytes): Sealed {
    return seal(CIPHERS, NodeContentKey.reveal(key), iv, aad, plaintext);
  }

  open(key: ContentKey, iv: Bytes, aad: Bytes, ciphertext: Bytes, tag: Bytes): Bytes | undefined {
    return open(CIPHERS, NodeContentKey.reveal(key), iv, aad, ciphertext, tag);
  }

  /**
   * An identity key: Ed25519 or P-256, a private key as a KeyObject or in PEM (PKCS#8, not encrypted).
   *
   * @throws TypeError for anything else.
   */
  importSigningKey(key: string | KeyObject): { readonly signingKey: SigningKey; readonly publicKey: SigningJwk } {
    const privateKey = typeof key === 'string' ? readPem(key) : key;
    const publicKey = privateKey.type === 'private' ? signingJwk(createPublicKey(privateKey)) : undefined;
    if (!publicKey) throw new TypeError('an identity key is an Ed25519 or P-256 private key');
    return { signingKey: new NodeSigningKey(signatureAlgorithm(publicKey), privateKey), publicKey };
  }

  /** A fresh identity key: private as PKCS#8 in PEM, public as a JWK. */
  generateIdentityKey(alg: SignatureAlgorithm): { readonly pem: string; readonly publicKey: SigningJwk } {
    const key = generateSigningKey(alg);
    return { pem: writePem(key), publicKey: this.importSigningKey(key).publicKey };
  }

  /** Ed25519 (RFC 8037), or ES256 as r ‖ s (RFC 7518 §3.4): 64 bytes either way. */
  sign(key: SigningKey, data: Bytes): Bytes {
    const privateKey = NodeSigningKey.reveal(key);
    return sign(digestOf(key.alg), data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  }

  verify(jwk: SigningJwk, data: Bytes, signature: Bytes): boolean {
    if (signature.length !== SIGNATURE_BYTES) return false;
    try {
      const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
      return verify(digestOf(signatureAlgorithm(jwk)), data, { key, dsaEncoding: 'ieee-p1363' }, signature);
    } catch {
      return false;
    }
  }
}

export const nodeEngine = new NodeEngine();
