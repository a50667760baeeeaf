/// <reference path="./node-forge.d.ts" />
import forge, { type RsaPrivateKey, type RsaPublicKey } from 'node-forge';
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
import { keyKind, type KeyKind, type PrivateJwk, type PublicJwk, type SigningJwk } from '../protocol/jwk.js';
import { equal } from './bytes.js';
import { Opaque } from './opaque.js';

const CONTENT_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const PUBLIC_EXPONENT = 65537;
/** How long key generation may block the page at a time, in milliseconds. */
const STEP = 20;

class ForgePrivateKey extends Opaque<RsaPrivateKey> implements PrivateKey {
  readonly kind = 'RSA';
}
class ForgePublicKey extends Opaque<RsaPublicKey> implements PublicKey {
  readonly kind = 'RSA';
}
class ForgeContentKey extends Opaque<string> implements ContentKey {
  readonly enc = 'A256GCM';
}

/**
 * node-forge, for pages on plain-HTTP origins and old runtimes, where `crypto.subtle` is missing: RSA channels and
 * Ed25519 signatures. It has no other curve, so the rest throws `UnsupportedByEngine`. All secret randomness comes from
 * `crypto.getRandomValues`, which such origins have.
 */
export class ForgeEngine implements CryptoEngine {
  readonly name = 'forge';
  readonly kinds = ['RSA'] as const;
  readonly signatures = ['Ed25519'] as const;

  randomBytes(length: number): Bytes {
    return globalThis.crypto.getRandomValues(new Uint8Array(length));
  }

  encodeBase64url(bytes: Bytes): string {
    return encodeBase64url(bytes);
  }

  decodeBase64url(text: string): Bytes | undefined {
    return decodeBase64url(text);
  }

  sha256(data: Bytes): Bytes {
    return toBytes(forge.md.sha256.create().update(toBinary(data), 'raw').digest().getBytes());
  }

  hkdf(ikm: Bytes, salt: Bytes, info: Bytes): Bytes {
    // RFC 5869 §2: extract, then the first block of expand, which is all of 32 bytes.
    const prk = hmac(toBinary(salt), toBinary(ikm));
    return toBytes(hmac(prk, toBinary(info) + '\x01'));
  }

  hmac(key: Bytes, data: Bytes): Bytes {
    return toBytes(hmac(toBinary(key), toBinary(data)));
  }

  /** Supports only RSA. It takes about a second, in steps that do not block the page. */
  async generateKeyPair(kind: KeyKind, modulusLength = 2048): Promise<KeyPair> {
    requireRsa(kind);
    const prng = { getBytesSync: (length: number) => toBinary(this.randomBytes(length)) };
    // Not forge's asynchronous function, which needs a worker script at a fixed URL and hangs without one.
    const state = forge.pki.rsa.createKeyPairGenerationState(modulusLength, PUBLIC_EXPONENT, { prng });
    while (!forge.pki.rsa.stepKeyPairGenerationState(state, STEP)) {
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const { publicKey, privateKey } = state.keys!;
    const n = publicKey.n.toString(16);
    return {
      publicKey: { kty: 'RSA', n: encodeBase64url(fromHex(n)), e: 'AQAB' },
      privateKey: new ForgePrivateKey(privateKey),
    };
  }

  importPublicKey(jwk: PublicJwk): PublicKey {
    const { n, e } = rsaMembers(jwk);
    return new ForgePublicKey(forge.pki.rsa.setPublicKey(integer(n), integer(e)));
  }

  importPrivateKey(jwk: PrivateJwk): PrivateKey {
    const { n, e, d, p, q, dp, dq, qi } = rsaMembers(jwk);
    const parts = [n, e, d, p, q, dp, dq, qi].map(integer) as Parameters<typeof forge.pki.rsa.setPrivateKey>;
    return new ForgePrivateKey(forge.pki.rsa.setPrivateKey(...parts));
  }

  rsaEncrypt(key: PublicKey, plaintext: Bytes): Bytes {
    return toBytes(ForgePublicKey.reveal(key).encrypt(toBinary(plaintext), 'RSA-OAEP', oaep()));
  }

  rsaDecrypt(key: PrivateKey, ciphertext: Bytes): Bytes | undefined {
    const privateKey = ForgePrivateKey.reveal(key);
    try {
      return toBytes(privateKey.decrypt(toBinary(ciphertext), 'RSA-OAEP', oaep()));
    } catch {
      return undefined;
    }
  }

  agree(): never {
    throw new UnsupportedByEngine('node-forge has no ECDH: its channels are RSA');
  }

  importContentKey(bytes: Bytes): ContentKey {
    if (bytes.length !== CONTENT_KEY_BYTES) throw new TypeError('an A256GCM key has 32 bytes');
    return new ForgeContentKey(toBinary(bytes));
  }

  seal(key: ContentKey, iv: Bytes, aad: Bytes, plaintext: Bytes): Sealed {
    if (iv.length !== IV_BYTES) throw new TypeError('an IV has 12 bytes');
    const cipher = forge.cipher.createCipher('AES-GCM', ForgeContentKey.reveal(key));
    cipher.start({ iv: toBinary(iv), additionalData: toBinary(aad), tagLength: TAG_BYTES * 8 });
    cipher.update(forge.util.createBuffer(toBinary(plaintext)));
    cipher.finish();
    return { ciphertext: toBytes(cipher.output.getBytes()), tag: toBytes(cipher.mode.tag.getBytes()) };
  }

  open(key: ContentKey, iv: Bytes, aad: Bytes, ciphertext: Bytes, tag: Bytes): Bytes | undefined {
    const contentKey = ForgeContentKey.reveal(key);
    if (iv.length !== IV_BYTES || tag.length !== TAG_BYTES) return undefined;
    const decipher = forge.cipher.createDecipher('AES-GCM', contentKey);
    // forge compares tags with ===, so its result is ignored. The tag is compared below.
    const tagOptions = { tagLength: TAG_BYTES * 8, tag: '\0'.repeat(TAG_BYTES) };
    decipher.start({ iv: toBinary(iv), additionalData: toBinary(aad), ...tagOptions });
    decipher.update(forge.util.createBuffer(toBinary(ciphertext)));
    decipher.finish();
    if (!equal(toBytes(decipher.mode.tag.getBytes()), tag)) return undefined;
    return toBytes(decipher.output.getBytes());
  }

  verify(jwk: SigningJwk, data: Bytes, signature: Bytes): boolean {
    if (jwk.kty !== 'OKP') throw new UnsupportedByEngine('node-forge has no ECDSA: it verifies Ed25519 alone');
    const publicKey = decodeBase64url(jwk.x);
    if (publicKey?.length !== 32 || signature.length !== SIGNATURE_BYTES) return false;
    return forge.ed25519.verify({ message: data, signature, publicKey });
  }
}

function requireRsa(kind: KeyKind): void {
  if (kind !== 'RSA') throw new UnsupportedByEngine(`node-forge has no ${kind}: its channels are RSA`);
}

function rsaMembers(jwk: PublicJwk): Partial<Record<string, string>> {
  requireRsa(keyKind(jwk));
  return { ...jwk };
}

/** RSA-OAEP-256 (RFC 7518 §4.3): SHA-256 for MGF1 too. forge reuses the digests it is given, so each call has its own. */
function oaep() {
  return { md: forge.md.sha256.create(), mgf1: { md: forge.md.sha256.create() } };
}

function hmac(key: string, data: string): string {
  const mac = forge.hmac.create();
  mac.start('sha256', key);
  mac.update(data);
  return mac.digest().getBytes();
}

/** forge takes bytes as characters. In slices, because one argument for each byte would overflow the stack. */
function toBinary(bytes: Bytes): string {
  let binary = '';
  for (let index = 0; index < bytes.length; index += 8192) {
    binary += String.fromCharCode(...bytes.subarray(index, index + 8192));
  }
  return binary;
}

function toBytes(binary: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < bytes.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

function integer(text: string | undefined) {
  const bytes = decodeBase64url(text ?? '');
  if (!bytes?.length) throw new TypeError('an RSA key lacks a member');
  return new forge.jsbn.BigInteger(Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''), 16);
}

function fromHex(hex: string): Bytes {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
