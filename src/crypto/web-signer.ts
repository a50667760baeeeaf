import type { Bytes } from '../protocol/crypto.js';
import { UnsupportedByEngine } from '../protocol/crypto.js';
import { publicMembers, type SigningJwk } from '../protocol/jwk.js';
import { ECDSA, ED25519 } from './web-verifier.js';

/** Signs with a WebCrypto key pair that can be kept in IndexedDB: P-256, or Ed25519 if the runtime has it. */
export class WebSigner {
  readonly #privateKey: CryptoKey;

  private constructor(
    readonly publicKey: SigningJwk,
    privateKey: CryptoKey,
  ) {
    this.#privateKey = privateKey;
  }

  /** A P-256 key pair whose private half cannot be read out. */
  static async generate(): Promise<CryptoKeyPair> {
    const { subtle } = (globalThis as { crypto?: { subtle?: SubtleCrypto } }).crypto ?? {};
    if (!subtle) throw new UnsupportedByEngine('Device keys need WebCrypto, which browsers hide on plain HTTP');
    return subtle.generateKey(ECDSA, false, ['sign', 'verify']);
  }

  static async of({ publicKey, privateKey }: CryptoKeyPair): Promise<WebSigner> {
    const jwk = await globalThis.crypto.subtle.exportKey('jwk', publicKey);
    return new WebSigner(publicMembers(jwk) as SigningJwk, privateKey);
  }

  /** ES256 as r ‖ s (RFC 7518 §3.4) or Ed25519 (RFC 8037): 64 bytes. */
  async sign(data: Bytes): Promise<Bytes> {
    const algorithm = this.publicKey.kty === 'EC' ? ECDSA : ED25519;
    const signature = await globalThis.crypto.subtle.sign(algorithm, this.#privateKey, data as Uint8Array<ArrayBuffer>);
    return new Uint8Array(signature);
  }
}
