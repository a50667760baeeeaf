import type { KeyKind, PrivateJwk, PublicJwk, RsaPublicJwk, SignatureAlgorithm, SigningJwk } from './jwk.js';

/** A value or a promise of it: node:crypto is synchronous, WebCrypto is not. */
export type Awaitable<T> = T | Promise<T>;

export type Bytes = Uint8Array;

/**
 * Keys of an engine: opaque, and used only by the engine that made them. No implementation may reveal key material to
 * `JSON.stringify` or `util.inspect`.
 */
export interface PrivateKey {
  readonly kind: KeyKind;
}
export interface PublicKey {
  readonly kind: KeyKind;
}
export interface SigningKey {
  readonly alg: SignatureAlgorithm;
}
export interface ContentKey {
  readonly enc: 'A256GCM';
}

export interface KeyPair {
  readonly publicKey: PublicJwk;
  readonly privateKey: PrivateKey;
}

/** The engine or its runtime does not support something. Another kind of key or another engine may. */
export class UnsupportedByEngine extends Error {
  override readonly name = 'UnsupportedByEngine';
  readonly code = 'unsupported';
}

/** The output of AES-256-GCM: ciphertext of the same length as the plaintext, and a tag of 16 bytes. */
export interface Sealed {
  readonly ciphertext: Bytes;
  readonly tag: Bytes;
}

/**
 * What the protocol needs from a crypto library. It knows nothing of messages or channels. Operations that fail because of
 * data from the other end return `undefined` or `false`. An exception means misuse; `UnsupportedByEngine` means a kind of
 * key or a signature that the engine does not support.
 */
export interface CryptoEngine {
  readonly name: 'node' | 'node-like' | 'web' | 'forge' | 'noble';
  /** The kinds of channel that this engine can make. */
  readonly kinds: readonly KeyKind[];
  /** The signatures that this engine can verify. */
  readonly signatures: readonly SignatureAlgorithm[];

  randomBytes(length: number): Bytes;
  encodeBase64url(bytes: Bytes): string;
  /** Canonical form only: anything else is `undefined`. */
  decodeBase64url(text: string): Bytes | undefined;

  sha256(data: Bytes): Awaitable<Bytes>;
  /** HKDF-SHA-256 (RFC 5869), 32 bytes. */
  hkdf(ikm: Bytes, salt: Bytes, info: Bytes): Awaitable<Bytes>;

  /** HMAC-SHA-256 (RFC 2104), 32 bytes. */
  hmac(key: Bytes, data: Bytes): Awaitable<Bytes>;

  /** A new key pair. `modulusLength` (bits, default 2048) applies to RSA only. */
  generateKeyPair(kind: KeyKind, modulusLength?: number): Awaitable<KeyPair>;
  importPublicKey(jwk: PublicJwk): Awaitable<PublicKey>;
  /**
   * A private key from its JWK (the public members and `d`; for RSA also `p`, `q`, `dp`, `dq`, `qi`). A hybrid key has
   * `priv` instead: the ML-KEM-768 decapsulation key (2,400 bytes) ‖ the X25519 private key.
   */
  importPrivateKey(jwk: PrivateJwk): Awaitable<PrivateKey>;

  /** RSA-OAEP with SHA-256 and MGF1 with SHA-256, empty label (RFC 7518 §4.3). */
  rsaEncrypt(key: PublicKey, plaintext: Bytes): Awaitable<Bytes>;
  /**
   * `undefined` if it does not open, and if it is not as long as the modulus (RFC 8017 §7.1.2, step 1): OpenSSL also takes one
   * without its first byte, if that was zero.
   */
  rsaDecrypt(key: PrivateKey, ciphertext: Bytes): Awaitable<Bytes | undefined>;
  /**
   * ECDH (P-256: the x coordinate; X25519: RFC 7748 §6.1), 32 bytes; X25519: `undefined` for an all-zero secret. With a
   * hybrid private key, its X25519 half is used, with an X25519 key.
   */
  agree(privateKey: PrivateKey, publicKey: PublicKey): Awaitable<Bytes | undefined>;

  /**
   * ML-KEM-768 decapsulation (FIPS 203 §7.3) with a hybrid private key: 32 bytes, or `undefined` for a ciphertext of another
   * length. Only engines that have this kind of key need it.
   */
  decapsulate?(privateKey: PrivateKey, ciphertext: Bytes): Awaitable<Bytes | undefined>;

  /** An AES-256-GCM key from 32 bytes. It may keep these very bytes, so they must not be changed afterwards. */
  importContentKey(bytes: Bytes): Awaitable<ContentKey>;
  /** AES-256-GCM with a 12-byte IV and a 16-byte tag (RFC 7518 §5.3). */
  seal(key: ContentKey, iv: Bytes, aad: Bytes, plaintext: Bytes): Awaitable<Sealed>;
  /** The plaintext, or `undefined` if anything is wrong: key, IV, additional data, ciphertext, tag, lengths. */
  open(key: ContentKey, iv: Bytes, aad: Bytes, ciphertext: Bytes, tag: Bytes): Awaitable<Bytes | undefined>;

  /** Ed25519 (RFC 8037), or ES256 with the signature as r ‖ s (RFC 7518 §3.4). */
  verify(key: SigningJwk, data: Bytes, signature: Bytes): Awaitable<boolean>;
}

export type { RsaPublicJwk };
