import type { Awaitable, Bytes } from './crypto.js';

/** Sizes of ML-KEM-768 in bytes (FIPS 203 §8, table 3). */
export const ENCAPSULATION_KEY_BYTES = 1184;
export const DECAPSULATION_KEY_BYTES = 2400;
export const CIPHERTEXT_BYTES = 1088;

/** The modulus of a coefficient, and how many bytes of an encapsulation key hold coefficients: 3 times 256 of 12 bits. */
const Q = 3329;
const COEFFICIENT_BYTES = 1152;

/** Opens ciphertexts for one encapsulation key. Its decapsulation key cannot be read. */
export interface Decapsulator {
  /**
   * The shared secret of 32 bytes. A changed ciphertext gives another secret, which looks the same (FIPS 203 §6.3). The
   * ciphertext must have `CIPHERTEXT_BYTES` bytes.
   */
  decapsulate(ciphertext: Bytes): Awaitable<Bytes>;
}

export interface MlKemKeyPair {
  readonly encapsulationKey: Bytes;
  readonly decapsulator: Decapsulator;
}

export interface Encapsulation {
  /** The shared secret, 32 bytes. */
  readonly secret: Bytes;
  readonly ciphertext: Bytes;
}

/** An implementation of ML-KEM-768. */
export interface MlKem {
  readonly name: 'web' | 'node' | 'noble';
  generateKeyPair(): Awaitable<MlKemKeyPair>;
  /** @throws Error if the key fails the checks of FIPS 203 §7.2. */
  encapsulate(encapsulationKey: Bytes): Awaitable<Encapsulation>;
}

/**
 * The modulus check of FIPS 203 §7.2, on a key of the right length: every coefficient, 12 bits in little-endian order,
 * is below q. The key is public, so timing reveals nothing.
 */
export function hasReducedCoefficients(encapsulationKey: Bytes): boolean {
  for (let at = 0; at < COEFFICIENT_BYTES; at += 3) {
    const [a, b, c] = [encapsulationKey[at]!, encapsulationKey[at + 1]!, encapsulationKey[at + 2]!];
    if (a + ((b & 15) << 8) >= Q || (b >> 4) + (c << 4) >= Q) return false;
  }
  return true;
}
