import { gcm } from '@noble/ciphers/aes.js';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { decodeBase64url, encodeBase64url } from '../protocol/base64url.js';
import {
  UnsupportedByEngine,
  type Bytes,
  type ContentKey,
  type CryptoEngine,
  type KeyPair,
  type PrivateKey,
  type PublicKey,
  type Sealed,
} from '../protocol/crypto.js';
import { joinHybridKey, splitHybridKey } from '../protocol/hybrid-key.js';
import { IV_BYTES, TAG_BYTES } from '../protocol/jwe.js';
import {
  HYBRID,
  keyKind,
  type EcPublicJwk,
  type KeyKind,
  type PrivateJwk,
  type PublicJwk,
  type SigningJwk,
  type X25519PublicJwk,
} from '../protocol/jwk.js';
import { CIPHERTEXT_BYTES, DECAPSULATION_KEY_BYTES, type Decapsulator } from '../protocol/ml-kem.js';
import { isZero } from './bytes.js';
import { nobleMlKem } from './noble-ml-kem.js';
import { Opaque } from './opaque.js';

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** The first byte of a point whose two coordinates follow (SEC 1 §2.3.3). */
const UNCOMPRESSED = 4;

interface Secret {
  /** The scalar for ECDH, of P-256 or of X25519. */
  readonly scalar: Bytes;
  /** Of a hybrid key. */
  readonly decapsulator?: Decapsulator;
}

class NoblePrivateKey extends Opaque<Secret> implements PrivateKey {
  constructor(
    readonly kind: KeyKind,
    secret: Secret,
  ) {
    super(secret);
  }
}
class NoblePublicKey extends Opaque<Bytes> implements PublicKey {
  constructor(
    readonly kind: KeyKind,
    bytes: Bytes,
  ) {
    super(bytes);
  }
}
class NobleContentKey extends Opaque<Bytes> implements ContentKey {
  readonly enc = 'A256GCM';
}

/**
 * Pure JavaScript (`@noble/curves`, `@noble/ciphers`, `@noble/hashes`, `@noble/post-quantum`), for runtimes without
 * WebCrypto: React Native, and pages on plain-HTTP origins. All kinds of key except RSA. All randomness is
 * `crypto.getRandomValues`. The libraries use algorithms that run in constant time, but no JavaScript engine promises
 * that what it compiles does; AES uses tables.
 */
export class NobleEngine implements CryptoEngine {
  readonly name = 'noble';
  readonly kinds: readonly KeyKind[] = ['P-256', 'X25519', HYBRID];
  readonly signatures = ['Ed25519', 'ES256'] as const;

  readonly encodeBase64url = encodeBase64url;
  readonly decodeBase64url = decodeBase64url;

  randomBytes(length: number): Bytes {
    return globalThis.crypto.getRandomValues(new Uint8Array(length));
  }

  sha256(data: Bytes): Bytes {
    return sha256(data);
  }

  hkdf(ikm: Bytes, salt: Bytes, info: Bytes): Bytes {
    return hkdf(sha256, ikm, salt, info, KEY_BYTES);
  }

  hmac(key: Bytes, data: Bytes): Bytes {
    return hmac(sha256, key, data);
  }

  generateKeyPair(kind: KeyKind): KeyPair {
    if (kind === 'RSA') throw noRsa();
    if (kind === 'P-256') {
      const { secretKey: scalar, publicKey } = p256.keygen();
      return {
        publicKey: pointJwk(p256.Point.fromBytes(publicKey).toBytes(false)),
        privateKey: privateKey(kind, scalar),
      };
    }
    const { secretKey: scalar, publicKey } = x25519.keygen();
    const jwk: X25519PublicJwk = { kty: 'OKP', crv: 'X25519', x: encodeBase64url(publicKey) };
    if (kind === 'X25519') return { publicKey: jwk, privateKey: privateKey(kind, scalar) };
    const { encapsulationKey, decapsulator } = nobleMlKem.generateKeyPair();
    return {
      publicKey: joinHybridKey({ encapsulationKey, x25519: jwk }),
      privateKey: privateKey(kind, scalar, decapsulator),
    };
  }

  /** The X25519 half of a hybrid key, which is used for ECDH. */
  importPublicKey(jwk: PublicJwk): PublicKey {
    if (jwk.kty === 'RSA') throw noRsa();
    if (jwk.kty === 'AKP') return this.importPublicKey(splitHybridKey(jwk).x25519);
    if (jwk.kty === 'OKP') return new NoblePublicKey('X25519', octets(jwk.x));
    const bytes = pointOf(jwk);
    // Throws for a point off the curve.
    p256.Point.fromBytes(bytes).assertValidity();
    return new NoblePublicKey('P-256', bytes);
  }

  importPrivateKey(jwk: PrivateJwk): PrivateKey {
    const kind = keyKind(jwk);
    if (kind === 'RSA') throw noRsa();
    if (kind !== HYBRID) return privateKey(kind, octets(jwk.d));
    const bytes = decodeBase64url(jwk.priv ?? '') ?? new Uint8Array(0);
    const decapsulator = nobleMlKem.importDecapsulationKey(bytes.subarray(0, DECAPSULATION_KEY_BYTES));
    return privateKey(kind, octets(encodeBase64url(bytes.subarray(DECAPSULATION_KEY_BYTES))), decapsulator);
  }

  rsaEncrypt(): never {
    throw noRsa();
  }

  rsaDecrypt(): never {
    throw noRsa();
  }

  agree(own: PrivateKey, other: PublicKey): Bytes | undefined {
    const { scalar } = NoblePrivateKey.reveal(own);
    const bytes = NoblePublicKey.reveal(other);
    const kind = own.kind === HYBRID ? 'X25519' : own.kind;
    if (kind !== other.kind) throw new TypeError('two ECDH keys of one kind');
    if (kind === 'P-256') return p256.getSharedSecret(scalar, bytes, true).subarray(1);
    try {
      const secret = x25519.getSharedSecret(scalar, bytes);
      return isZero(secret) ? undefined : secret;
    } catch {
      return undefined; // an all-zero secret (RFC 7748 §6.1)
    }
  }

  async decapsulate(own: PrivateKey, ciphertext: Bytes): Promise<Bytes | undefined> {
    const { decapsulator } = NoblePrivateKey.reveal(own);
    return ciphertext.length === CIPHERTEXT_BYTES ? decapsulator?.decapsulate(ciphertext) : undefined;
  }

  importContentKey(bytes: Bytes): ContentKey {
    if (bytes.length !== KEY_BYTES) throw new TypeError('an A256GCM key has 32 bytes');
    return new NobleContentKey(Uint8Array.from(bytes));
  }

  seal(key: ContentKey, iv: Bytes, aad: Bytes, plaintext: Bytes): Sealed {
    if (iv.length !== IV_BYTES) throw new TypeError('an IV has 12 bytes');
    const output = gcm(NobleContentKey.reveal(key), iv, aad).encrypt(plaintext);
    return { ciphertext: output.subarray(0, -TAG_BYTES), tag: output.subarray(-TAG_BYTES) };
  }

  open(key: ContentKey, iv: Bytes, aad: Bytes, ciphertext: Bytes, tag: Bytes): Bytes | undefined {
    const contentKey = NobleContentKey.reveal(key);
    if (iv.length !== IV_BYTES || tag.length !== TAG_BYTES) return undefined;
    const joined = new Uint8Array(ciphertext.length + TAG_BYTES);
    joined.set(ciphertext);
    joined.set(tag, ciphertext.length);
    try {
      return gcm(contentKey, iv, aad).decrypt(joined);
    } catch {
      return undefined;
    }
  }

  verify(jwk: SigningJwk, data: Bytes, signature: Bytes): boolean {
    if (signature.length !== SIGNATURE_BYTES) return false;
    try {
      if (jwk.kty === 'EC') return p256.verify(signature, data, pointOf(jwk), { lowS: false });
      // RFC 8032, and not the looser rules of ZIP 215.
      return ed25519.verify(signature, data, octets(jwk.x), { zip215: false });
    } catch {
      return false;
    }
  }
}

function privateKey(kind: KeyKind, scalar: Bytes, decapsulator?: Decapsulator): PrivateKey {
  return new NoblePrivateKey(kind, { scalar, ...(decapsulator && { decapsulator }) });
}

function pointOf({ x, y }: Pick<EcPublicJwk, 'x' | 'y'>): Bytes {
  const bytes = new Uint8Array(1 + 2 * KEY_BYTES);
  bytes[0] = UNCOMPRESSED;
  bytes.set(octets(x), 1);
  bytes.set(octets(y), 1 + KEY_BYTES);
  return bytes;
}

function pointJwk(point: Bytes): EcPublicJwk {
  const coordinate = (at: number): string => encodeBase64url(point.subarray(at, at + KEY_BYTES));
  return { kty: 'EC', crv: 'P-256', x: coordinate(1), y: coordinate(1 + KEY_BYTES) };
}

function octets(text: string | undefined): Bytes {
  const bytes = decodeBase64url(text ?? '');
  if (bytes?.length !== KEY_BYTES) throw new TypeError('a member of this key has 32 bytes');
  return bytes;
}

function noRsa(): UnsupportedByEngine {
  return new UnsupportedByEngine('the noble engine has no RSA: its channels are P-256, X25519 or MLKEM768-X25519');
}
