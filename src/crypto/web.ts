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
import { IV_BYTES, TAG_BYTES } from '../protocol/jwe.js';
import {
  publicMembers,
  signatureAlgorithm,
  type ClassicKeyKind,
  type KeyKind,
  type PrivateJwk,
  type PublicJwk,
  type SignatureAlgorithm,
  type SigningJwk,
} from '../protocol/jwk.js';
import { isZero } from './bytes.js';
import { classic, classicKind } from './classic.js';
import { Opaque } from './opaque.js';
import type { verifySignature } from './web-verifier.js';

const CONTENT_KEY_BYTES = 32;

const RSA = { name: 'RSA-OAEP', hash: 'SHA-256' };
const AGREEMENT = { 'P-256': { name: 'ECDH', namedCurve: 'P-256' }, X25519: { name: 'X25519' } };

class WebChannelKey extends Opaque<CryptoKey> implements PrivateKey, PublicKey {
  constructor(
    readonly kind: KeyKind,
    key: CryptoKey,
  ) {
    super(key);
  }
}
class WebPrivateKey extends WebChannelKey {}
class WebPublicKey extends WebChannelKey {}
class WebContentKey extends Opaque<CryptoKey> implements ContentKey {
  readonly enc = 'A256GCM';
}

export type LoadSignatures = () => Promise<{ readonly verifySignature: typeof verifySignature }>;

/**
 * WebCrypto: browsers, workers, Deno, Bun, Node. Private and content keys cannot be read out, by script neither.
 *
 * `kinds` and `signatures` say what WebCrypto knows. X25519 and Ed25519 came to runtimes late, and no runtime tells
 * without being tried: where one is missing, the first use of it throws `UnsupportedByEngine`. The hybrid kind stands in
 * hybrid.ts.
 */
export class WebEngine implements CryptoEngine {
  readonly name = 'web';
  readonly kinds: readonly KeyKind[] = ['RSA', 'P-256', 'X25519'];
  readonly signatures = ['Ed25519', 'ES256'] as const;

  readonly #loadSignatures: LoadSignatures;

  readonly encodeBase64url = encodeBase64url;
  readonly decodeBase64url = decodeBase64url;

  /** @param loadSignatures imports `web-verifier.js`, which only pinned identity keys need. */
  constructor(loadSignatures: LoadSignatures = () => import('./web-verifier.js')) {
    this.#loadSignatures = loadSignatures;
  }

  /** Whether this runtime has WebCrypto: pages on plain-HTTP origins do not. */
  static isAvailable(): boolean {
    const { crypto } = globalThis as { crypto?: Partial<Crypto> };
    return typeof crypto?.subtle?.importKey === 'function';
  }

  randomBytes(length: number): Bytes {
    return globalThis.crypto.getRandomValues(new Uint8Array(length));
  }

  async sha256(data: Bytes): Promise<Bytes> {
    return new Uint8Array(await subtle().digest('SHA-256', own(data)));
  }

  async hkdf(ikm: Bytes, salt: Bytes, info: Bytes): Promise<Bytes> {
    const key = await subtle().importKey('raw', own(ikm), 'HKDF', false, ['deriveBits']);
    const algorithm = { name: 'HKDF', hash: 'SHA-256', salt: own(salt), info: own(info) };
    return new Uint8Array(await subtle().deriveBits(algorithm, key, CONTENT_KEY_BYTES * 8));
  }

  async hmac(key: Bytes, data: Bytes): Promise<Bytes> {
    const imported = await subtle().importKey('raw', own(key), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    return new Uint8Array(await subtle().sign('HMAC', imported, own(data)));
  }

  async generateKeyPair(kind: KeyKind, modulusLength = 2048): Promise<KeyPair> {
    const own = classic(kind);
    const algorithm =
      own === 'RSA' ? { ...RSA, modulusLength, publicExponent: new Uint8Array([1, 0, 1]) } : AGREEMENT[own];
    const usages = [...usagesOf(kind, 'private'), ...usagesOf(kind, 'public')];
    // Not extractable. For a pair, this applies only to the private half.
    const pair = (await supported(kind, subtle().generateKey(algorithm, false, usages))) as CryptoKeyPair;
    const publicKey = publicMembers(await subtle().exportKey('jwk', pair.publicKey)) as PublicJwk;
    return { publicKey, privateKey: new WebPrivateKey(kind, pair.privateKey) };
  }

  async importPublicKey(jwk: PublicJwk): Promise<PublicKey> {
    const kind = classicKind(jwk);
    return new WebPublicKey(kind, await importChannelKey(kind, jwk, 'public'));
  }

  async importPrivateKey(jwk: PrivateJwk): Promise<PrivateKey> {
    const kind = classicKind(jwk);
    return new WebPrivateKey(kind, await importChannelKey(kind, jwk, 'private'));
  }

  async rsaEncrypt(key: PublicKey, plaintext: Bytes): Promise<Bytes> {
    return new Uint8Array(await subtle().encrypt(RSA, WebPublicKey.reveal(key), own(plaintext)));
  }

  async rsaDecrypt(key: PrivateKey, ciphertext: Bytes): Promise<Bytes | undefined> {
    const privateKey = WebPrivateKey.reveal(key);
    if (key.kind !== 'RSA') throw new TypeError('an RSA key decrypts');
    const { modulusLength } = privateKey.algorithm as RsaHashedKeyAlgorithm;
    if (ciphertext.length * 8 !== modulusLength) return undefined;
    return subtle()
      .decrypt(RSA, privateKey, own(ciphertext))
      .then(
        (plaintext) => new Uint8Array(plaintext),
        () => undefined,
      );
  }

  async agree(privateKey: PrivateKey, publicKey: PublicKey): Promise<Bytes | undefined> {
    const own = WebPrivateKey.reveal(privateKey);
    const other = WebPublicKey.reveal(publicKey);
    const kind = classic(privateKey.kind);
    if (kind !== publicKey.kind || kind === 'RSA') throw new TypeError('two ECDH keys of one kind');
    const algorithm = { name: AGREEMENT[kind].name, public: other };
    try {
      const secret = new Uint8Array(await subtle().deriveBits(algorithm, own, 256));
      return kind === 'X25519' && isZero(secret) ? undefined : secret;
    } catch {
      return undefined; // newer runtimes refuse an all-zero X25519 secret themselves (RFC 7748 §6.1), older ones do not
    }
  }

  async importContentKey(bytes: Bytes): Promise<ContentKey> {
    if (bytes.length !== CONTENT_KEY_BYTES) throw new TypeError('an A256GCM key has 32 bytes');
    return new WebContentKey(await subtle().importKey('raw', own(bytes), 'AES-GCM', false, ['encrypt', 'decrypt']));
  }

  async seal(key: ContentKey, iv: Bytes, aad: Bytes, plaintext: Bytes): Promise<Sealed> {
    if (iv.length !== IV_BYTES) throw new TypeError('an IV has 12 bytes');
    const output = new Uint8Array(await subtle().encrypt(gcm(iv, aad), WebContentKey.reveal(key), own(plaintext)));
    return { ciphertext: output.subarray(0, -TAG_BYTES), tag: output.subarray(-TAG_BYTES) };
  }

  async open(key: ContentKey, iv: Bytes, aad: Bytes, ciphertext: Bytes, tag: Bytes): Promise<Bytes | undefined> {
    const contentKey = WebContentKey.reveal(key);
    if (iv.length !== IV_BYTES || tag.length !== TAG_BYTES) return undefined;
    return subtle()
      .decrypt(gcm(iv, aad), contentKey, join(ciphertext, tag))
      .then(
        (plaintext) => new Uint8Array(plaintext),
        () => undefined,
      );
  }

  async verify(jwk: SigningJwk, data: Bytes, signature: Bytes): Promise<boolean> {
    const { verifySignature } = await this.#loadSignatures();
    return supported(signatureAlgorithm(jwk), verifySignature(subtle(), jwk, data, signature));
  }
}

function subtle(): SubtleCrypto {
  if (!WebEngine.isAvailable()) throw new UnsupportedByEngine('WebCrypto is missing here: the origin is plain HTTP');
  return globalThis.crypto.subtle;
}

/** WebCrypto does not accept memory that another thread may change. Nothing here passes such memory. */
function own(bytes: Bytes): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}

/** One after the other; of a frame, which they already are in memory, without a copy. */
function join(ciphertext: Bytes, tag: Bytes): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset } = ciphertext as Uint8Array<ArrayBuffer>;
  const length = ciphertext.length + tag.length;
  if (tag.buffer === buffer && tag.byteOffset === byteOffset + ciphertext.length) {
    return new Uint8Array(buffer, byteOffset, length);
  }
  const joined = new Uint8Array(length);
  joined.set(ciphertext);
  joined.set(tag, ciphertext.length);
  return joined;
}

function gcm(iv: Bytes, aad: Bytes): AesGcmParams {
  return { name: 'AES-GCM', iv: own(iv), additionalData: own(aad), tagLength: TAG_BYTES * 8 };
}

function importChannelKey(kind: ClassicKeyKind, jwk: PublicJwk, half: 'public' | 'private'): Promise<CryptoKey> {
  const algorithm = kind === 'RSA' ? RSA : AGREEMENT[kind];
  return supported(kind, subtle().importKey('jwk', { ...jwk }, algorithm, half === 'public', usagesOf(kind, half)));
}

function usagesOf(kind: KeyKind, half: 'public' | 'private'): KeyUsage[] {
  if (kind === 'RSA') return half === 'public' ? ['encrypt'] : ['decrypt'];
  return half === 'public' ? [] : ['deriveBits'];
}

async function supported<T>(what: KeyKind | SignatureAlgorithm, operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    if ((error as { name?: unknown }).name !== 'NotSupportedError') throw error;
    throw new UnsupportedByEngine(`the WebCrypto of this runtime has no ${what}`, { cause: error });
  }
}
