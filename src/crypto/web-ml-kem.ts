import type { Bytes } from '../protocol/crypto.js';
import type { Decapsulator, MlKem } from '../protocol/ml-kem.js';
import { Opaque } from './opaque.js';

const ML_KEM = { name: 'ML-KEM-768' };

/** What WebCrypto has of key encapsulation (WICG, Modern Algorithms in the Web Cryptography API), not yet in TypeScript. */
interface KeyEncapsulation {
  generateKey(algorithm: object, extractable: boolean, usages: readonly string[]): Promise<CryptoKeyPair>;
  exportKey(format: 'raw-public', key: CryptoKey): Promise<ArrayBuffer>;
  importKey(
    format: 'raw-public',
    key: Bytes,
    algorithm: object,
    extractable: boolean,
    usages: readonly string[],
  ): Promise<CryptoKey>;
  encapsulateBits(algorithm: object, key: CryptoKey): Promise<{ sharedKey: ArrayBuffer; ciphertext: ArrayBuffer }>;
  decapsulateBits(algorithm: object, key: CryptoKey, ciphertext: Bytes): Promise<ArrayBuffer>;
}

class WebDecapsulator extends Opaque<CryptoKey> implements Decapsulator {
  async decapsulate(ciphertext: Bytes): Promise<Bytes> {
    return new Uint8Array(await subtle().decapsulateBits(ML_KEM, WebDecapsulator.reveal(this), ciphertext));
  }
}

/** ML-KEM-768 of WebCrypto: Chromium, Node 24.7 and later. */
export const webMlKem = {
  name: 'web',

  async generateKeyPair() {
    const { publicKey, privateKey } = await subtle().generateKey(ML_KEM, false, ['encapsulateBits', 'decapsulateBits']);
    const encapsulationKey = new Uint8Array(await subtle().exportKey('raw-public', publicKey));
    return { encapsulationKey, decapsulator: new WebDecapsulator(privateKey) };
  },

  async encapsulate(encapsulationKey) {
    const key = await subtle().importKey('raw-public', encapsulationKey, ML_KEM, true, ['encapsulateBits']);
    const { sharedKey, ciphertext } = await subtle().encapsulateBits(ML_KEM, key);
    return { secret: new Uint8Array(sharedKey), ciphertext: new Uint8Array(ciphertext) };
  },
} satisfies MlKem;

/** Whether this runtime's WebCrypto has it. Runtimes with key encapsulation may lack this algorithm. */
export async function hasWebMlKem(): Promise<boolean> {
  try {
    await webMlKem.generateKeyPair();
    return true;
  } catch {
    return false;
  }
}

function subtle(): KeyEncapsulation {
  return globalThis.crypto.subtle as unknown as KeyEncapsulation;
}
