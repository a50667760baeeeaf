import { base64urlByteLength, decodeBase64url, encodeBase64url } from '../protocol/base64url.js';
import type { Bytes, CryptoEngine, KeyPair, PrivateKey, PublicKey } from '../protocol/crypto.js';
import { joinHybridKey, splitHybridKey } from '../protocol/hybrid-key.js';
import {
  HYBRID,
  keyKind,
  publicMembers,
  signatureAlgorithm,
  type ClassicKeyKind,
  type KeyKind,
  type PrivateJwk,
  type PublicJwk,
  type SigningJwk,
  type X25519PublicJwk,
} from '../protocol/jwk.js';
import { KEY_KINDS } from '../protocol/key-kind.js';
import { CIPHERTEXT_BYTES, DECAPSULATION_KEY_BYTES, type Decapsulator } from '../protocol/ml-kem.js';
import { isZero } from './bytes.js';
import { classicKind } from './classic.js';
import { symmetric, type NodeHashes } from './native.js';
import { nobleMlKem } from './noble-ml-kem.js';
import { Opaque } from './opaque.js';

const SIGNATURE_BYTES = 64;
/** What a pair of ML-KEM keys is made from (FIPS 203 §7.1). */
const SEED_BYTES = 64;

/** What both modules support in the same way. */
const ENCODING = {
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'der' },
} as const;

/**
 * The used part of a module with the interface of node:crypto. `react-native-quick-crypto` has all of it. Key and option
 * parameters have the type `never` because each module declares its own types for them.
 */
export interface NodeLikeCrypto extends NodeHashes<Bytes> {
  randomBytes(length: number): Bytes;
  generateKeyPair(
    type: 'rsa' | 'ec' | 'x25519',
    options: never,
    done: (error: Error | null | undefined, publicKey: unknown, privateKey: unknown) => void,
  ): void;
  createPublicKey(key: never): object;
  createPrivateKey(key: never): object;
  diffieHellman(keys: never): unknown;
  publicEncrypt(key: never, plaintext: Bytes): Bytes;
  privateDecrypt(key: never, ciphertext: Bytes): Bytes;
  verify(digest: 'sha256' | null, data: Bytes, key: never, signature: Bytes): boolean;
  readonly constants: { readonly RSA_PKCS1_OAEP_PADDING: number };
}

/** A key as such a module has it. */
interface NodeKey {
  export(options: { readonly format: 'jwk' }): object;
}

/** A key that was written in DER: bytes of the one module, a buffer of the other. */
type Der = ArrayBuffer | Bytes;

interface Secret {
  readonly key: NodeKey;
  /** Of an RSA key, in bytes. */
  readonly modulusLength?: number | undefined;
  /** Of a hybrid key. */
  readonly decapsulator?: Decapsulator;
}
class ModulePrivateKey extends Opaque<Secret> implements PrivateKey {
  constructor(
    readonly kind: KeyKind,
    secret: Secret,
  ) {
    super(secret);
  }
}
class ModulePublicKey extends Opaque<NodeKey> implements PublicKey {
  constructor(
    readonly kind: ClassicKeyKind,
    key: NodeKey,
  ) {
    super(key);
  }
}

/**
 * An engine over a module with the interface of node:crypto, for runtimes that have one beside or without WebCrypto: React
 * Native with `react-native-quick-crypto`, where it is native code. Such a module has no ML-KEM with keys of this protocol,
 * so @noble/post-quantum does that half of the hybrid kind.
 */
export class NodeLikeEngine implements CryptoEngine {
  readonly name = 'node-like';
  readonly kinds = KEY_KINDS;
  readonly signatures = ['Ed25519', 'ES256'] as const;

  readonly encodeBase64url = encodeBase64url;
  readonly decodeBase64url = decodeBase64url;
  readonly sha256;
  readonly hkdf;
  readonly hmac;
  readonly importContentKey;
  readonly seal;
  readonly open;
  readonly #crypto: NodeLikeCrypto;

  constructor(crypto: NodeLikeCrypto) {
    this.#crypto = crypto;
    // Not every such module accepts a key object here.
    const parts = symmetric(crypto, (bytes) => Uint8Array.from(bytes));
    ({
      sha256: this.sha256,
      hkdf: this.hkdf,
      hmac: this.hmac,
      importContentKey: this.importContentKey,
      seal: this.seal,
      open: this.open,
    } = parts);
  }

  randomBytes(length: number): Bytes {
    return this.#crypto.randomBytes(length);
  }

  async generateKeyPair(kind: KeyKind, modulusLength = 2048): Promise<KeyPair> {
    if (kind !== HYBRID) {
      const { publicKey, key } = await this.#makePair(kind, modulusLength);
      return { publicKey, privateKey: new ModulePrivateKey(kind, { key, modulusLength: modulusLengthOf(publicKey) }) };
    }
    const { publicKey: x25519, key } = await this.#makePair('X25519', modulusLength);
    const { encapsulationKey, decapsulator } = nobleMlKem.generateKeyPair(this.randomBytes(SEED_BYTES));
    return {
      publicKey: joinHybridKey({ encapsulationKey, x25519: x25519 as X25519PublicJwk }),
      privateKey: new ModulePrivateKey(kind, { key, decapsulator }),
    };
  }

  /** The X25519 half of a hybrid key, which is used for ECDH. */
  importPublicKey(jwk: PublicJwk): PublicKey {
    const half = jwk.kty === 'AKP' ? splitHybridKey(jwk).x25519 : jwk;
    // Such a module has curves that the protocol does not use.
    if (!KEY_KINDS.includes(keyKind(half))) throw new TypeError('a channel has an RSA, P-256 or X25519 key');
    const key = this.#crypto.createPublicKey({ key: { ...half }, format: 'jwk' } as never) as NodeKey;
    return new ModulePublicKey(classicKind(half), key);
  }

  importPrivateKey(jwk: PrivateJwk): PrivateKey {
    if (jwk.kty !== 'AKP') {
      const modulusLength = modulusLengthOf(jwk);
      return new ModulePrivateKey(keyKind(jwk), { key: this.#readPrivate(jwk), modulusLength });
    }
    const bytes = decodeBase64url(jwk.priv ?? '') ?? new Uint8Array(0);
    const decapsulator = nobleMlKem.importDecapsulationKey(bytes.subarray(0, DECAPSULATION_KEY_BYTES));
    const d = encodeBase64url(bytes.subarray(DECAPSULATION_KEY_BYTES));
    return new ModulePrivateKey(HYBRID, { key: this.#readPrivate({ ...splitHybridKey(jwk).x25519, d }), decapsulator });
  }

  rsaEncrypt(key: PublicKey, plaintext: Bytes): Bytes {
    return this.#crypto.publicEncrypt(this.#oaep(ModulePublicKey.reveal(key)), plaintext);
  }

  rsaDecrypt(key: PrivateKey, ciphertext: Bytes): Bytes | undefined {
    const { key: own, modulusLength } = ModulePrivateKey.reveal(key);
    if (key.kind !== 'RSA') throw new TypeError('an RSA key decrypts');
    if (ciphertext.length !== modulusLength) return undefined;
    try {
      return copy(this.#crypto.privateDecrypt(this.#oaep(own), ciphertext));
    } catch {
      return undefined;
    }
  }

  agree(own: PrivateKey, other: PublicKey): Bytes | undefined {
    const keys = { privateKey: ModulePrivateKey.reveal(own).key, publicKey: ModulePublicKey.reveal(other) };
    const kind = own.kind === HYBRID ? 'X25519' : own.kind;
    if (kind !== other.kind || kind === 'RSA') throw new TypeError('two ECDH keys of one kind');
    try {
      const secret = copy(this.#crypto.diffieHellman(keys as never) as Bytes);
      return kind === 'X25519' && isZero(secret) ? undefined : secret;
    } catch {
      return undefined; // an all-zero secret (RFC 7748 §6.1)
    }
  }

  async decapsulate(own: PrivateKey, ciphertext: Bytes): Promise<Bytes | undefined> {
    const { decapsulator } = ModulePrivateKey.reveal(own);
    return ciphertext.length === CIPHERTEXT_BYTES ? decapsulator?.decapsulate(ciphertext) : undefined;
  }

  verify(jwk: SigningJwk, data: Bytes, signature: Bytes): boolean {
    if (signature.length !== SIGNATURE_BYTES) return false;
    try {
      const key = this.#crypto.createPublicKey({ key: { ...jwk }, format: 'jwk' } as never);
      // Ed25519 hashes by itself.
      if (signatureAlgorithm(jwk) === 'Ed25519') return this.#crypto.verify(null, data, key as never, signature);
      return this.#crypto.verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' } as never, signature);
    } catch {
      return false;
    }
  }

  /** Off the calling thread, because an RSA key takes a second on a phone. */
  async #makePair(kind: ClassicKeyKind, modulusLength: number): Promise<{ publicKey: PublicJwk; key: NodeKey }> {
    const [type, options] = {
      RSA: ['rsa', { modulusLength, publicExponent: 65537 }] as const,
      'P-256': ['ec', { namedCurve: 'P-256' }] as const,
      X25519: ['x25519', {}] as const,
    }[kind];
    const [spki, pkcs8] = await new Promise<[Der, Der]>((resolve, reject) => {
      this.#crypto.generateKeyPair(type, { ...options, ...ENCODING } as never, (error, publicKey, privateKey) => {
        if (error) reject(error);
        else resolve([publicKey as Der, privateKey as Der]);
      });
    });
    const made = this.#crypto.createPublicKey({ key: copy(spki), format: 'der', type: 'spki' } as never) as NodeKey;
    return {
      publicKey: publicMembers(made.export({ format: 'jwk' })) as PublicJwk,
      key: this.#crypto.createPrivateKey({ key: copy(pkcs8), format: 'der', type: 'pkcs8' } as never) as NodeKey,
    };
  }

  #readPrivate(jwk: PrivateJwk): NodeKey {
    return this.#crypto.createPrivateKey({ key: { ...jwk }, format: 'jwk' } as never) as NodeKey;
  }

  /** RSA-OAEP-256: `oaepHash` is the hash of MGF1 too (RFC 7518 §4.3). */
  #oaep(key: NodeKey): never {
    return { key, padding: this.#crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as never;
  }
}

function modulusLengthOf(jwk: PublicJwk | PrivateJwk): number | undefined {
  return jwk.kty === 'RSA' ? base64urlByteLength(jwk.n) : undefined;
}

/** A separate Uint8Array and not a Buffer, whose slice() would not copy. */
function copy(bytes: Der): Bytes {
  return Uint8Array.from(bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes);
}
