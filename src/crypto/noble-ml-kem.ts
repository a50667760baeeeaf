import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import type { Bytes } from '../protocol/crypto.js';
import { DECAPSULATION_KEY_BYTES, type Decapsulator, type MlKem } from '../protocol/ml-kem.js';
import { Opaque } from './opaque.js';

class NobleDecapsulator extends Opaque<Bytes> implements Decapsulator {
  decapsulate(ciphertext: Bytes): Bytes {
    // It hashes the key again each time (FIPS 203 §7.3), and throws for a ciphertext of another length.
    return ml_kem768.decapsulate(ciphertext, NobleDecapsulator.reveal(this));
  }
}

/**
 * ML-KEM-768 of @noble/post-quantum, for runtimes without it. Synchronous; half a millisecond for each operation. This
 * file is loaded only then: it is a separate chunk for bundlers.
 */
export const nobleMlKem = {
  name: 'noble',

  /** @param seed 64 random bytes; without it, of `crypto.getRandomValues`. */
  generateKeyPair(seed?: Bytes) {
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    return { encapsulationKey: publicKey, decapsulator: new NobleDecapsulator(secretKey) };
  },

  /** Opens ciphertexts with this decapsulation key. TypeError if it has another length. */
  importDecapsulationKey(bytes: Bytes): Decapsulator {
    if (bytes.length !== DECAPSULATION_KEY_BYTES) throw new TypeError(`a decapsulation key has 2400 bytes`);
    return new NobleDecapsulator(bytes);
  },

  encapsulate(encapsulationKey) {
    const { sharedSecret, cipherText } = ml_kem768.encapsulate(encapsulationKey);
    return { secret: sharedSecret, ciphertext: cipherText };
  },
} satisfies MlKem & { importDecapsulationKey(bytes: Bytes): Decapsulator };
