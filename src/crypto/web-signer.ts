import type { Bytes } from '../protocol/crypto.js';
import { UnsupportedByEngine } from '../protocol/crypto.js';
import type { SigningJwk } from '../protocol/keys.js';

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Signs with a WebCrypto key pair that can be kept in IndexedDB: P-256, or Ed25519 where the runtime has it. */
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
    const { kty, x = '', y = '' } = await globalThis.crypto.subtle.exportKey('jwk', publicKey);
    const jwk: SigningJwk = kty === 'EC' ? { kty, crv: 'P-256', x, y } : { kty: 'OKP', crv: 'Ed25519', x };
    return new WebSigner(jwk, privateKey);
  }

  /** ES256 as r ‖ s (RFC 7518 §3.4) or Ed25519 (RFC 8037): 64 bytes. */
  async sign(data: Bytes): Promise<Bytes> {
    const algorithm = this.publicKey.kty === 'EC' ? ECDSA : { name: 'Ed25519' };
    const signature = await globalThis.crypto.subtle.sign(algorithm, this.#privateKey, data as Uint8Array<ArrayBuffer>);
    return new Uint8Array(signature);
  }
}
