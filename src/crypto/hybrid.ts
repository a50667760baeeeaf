import { decodeBase64url } from '../protocol/base64url.js';
import type { Bytes, KeyPair, PrivateKey, PublicKey } from '../protocol/crypto.js';
import { joinHybridKey, splitHybridKey } from '../protocol/hybrid-key.js';
import { HYBRID, type KeyKind, type PrivateJwk, type PublicJwk, type X25519PublicJwk } from '../protocol/jwk.js';
import { KEY_KINDS } from '../protocol/key-kind.js';
import { CIPHERTEXT_BYTES, DECAPSULATION_KEY_BYTES, type Decapsulator, type MlKem } from '../protocol/ml-kem.js';
import type { nobleMlKem } from './noble-ml-kem.js';
import { Opaque } from './opaque.js';
import { hasWebMlKem, webMlKem } from './web-ml-kem.js';
import { WebEngine } from './web.js';

class HybridPrivateKey extends Opaque<{ decapsulator: Decapsulator; x25519: PrivateKey }> implements PrivateKey {
  readonly kind = HYBRID;
}

/**
 * WebCrypto with the kind `MLKEM768-X25519`: ML-KEM-768 of the runtime if it has it, otherwise of @noble/post-quantum.
 * A separate file, which a page loads only for this kind.
 */
export class HybridEngine extends WebEngine {
  override readonly kinds = KEY_KINDS;
  readonly #loadNoble: () => Promise<{ readonly nobleMlKem: typeof nobleMlKem }>;
  #mlKem: Promise<MlKem> | undefined;

  /** @param loadNoble imports `noble-ml-kem.js`; called if the runtime has no ML-KEM-768. */
  constructor(
    loadNoble: () => Promise<{ readonly nobleMlKem: typeof nobleMlKem }>,
    ...more: ConstructorParameters<typeof WebEngine>
  ) {
    super(...more);
    this.#loadNoble = loadNoble;
  }

  override async generateKeyPair(kind: KeyKind, modulusLength?: number): Promise<KeyPair> {
    if (kind !== HYBRID) return super.generateKeyPair(kind, modulusLength);
    const { publicKey, privateKey: x25519 } = await super.generateKeyPair('X25519');
    const { encapsulationKey, decapsulator } = await (await this.#implementation()).generateKeyPair();
    return {
      publicKey: joinHybridKey({ encapsulationKey, x25519: publicKey as X25519PublicJwk }),
      privateKey: new HybridPrivateKey({ decapsulator, x25519 }),
    };
  }

  /** The X25519 half of a hybrid key, which is used for ECDH. */
  override async importPublicKey(jwk: PublicJwk): Promise<PublicKey> {
    return super.importPublicKey(jwk.kty === 'AKP' ? splitHybridKey(jwk).x25519 : jwk);
  }

  override async importPrivateKey(jwk: PrivateJwk): Promise<PrivateKey> {
    if (jwk.kty !== 'AKP') return super.importPrivateKey(jwk);
    const bytes = decodeBase64url(jwk.priv ?? '') ?? new Uint8Array(0);
    const { nobleMlKem } = await this.#loadNoble();
    const decapsulator = nobleMlKem.importDecapsulationKey(bytes.subarray(0, DECAPSULATION_KEY_BYTES));
    const d = this.encodeBase64url(bytes.subarray(DECAPSULATION_KEY_BYTES));
    const x25519 = await super.importPrivateKey({ ...splitHybridKey(jwk).x25519, d });
    return new HybridPrivateKey({ decapsulator, x25519 });
  }

  override async agree(privateKey: PrivateKey, publicKey: PublicKey): Promise<Bytes | undefined> {
    const own = privateKey.kind === HYBRID ? HybridPrivateKey.reveal(privateKey).x25519 : privateKey;
    return super.agree(own, publicKey);
  }

  async decapsulate(privateKey: PrivateKey, ciphertext: Bytes): Promise<Bytes | undefined> {
    const { decapsulator } = HybridPrivateKey.reveal(privateKey);
    return ciphertext.length === CIPHERTEXT_BYTES ? decapsulator.decapsulate(ciphertext) : undefined;
  }

  #implementation(): Promise<MlKem> {
    this.#mlKem ??= hasWebMlKem().then(async (hasIt) => (hasIt ? webMlKem : (await this.#loadNoble()).nobleMlKem));
    // A file that could not be loaded may be available next time.
    this.#mlKem.catch(() => (this.#mlKem = undefined));
    return this.#mlKem;
  }
}
