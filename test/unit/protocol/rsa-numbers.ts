import { checkPrimeSync, generatePrimeSync, randomInt } from 'node:crypto';

/** Numbers that an RSA key must not be made of. */

function primesBelow(limit: number): number[] {
  const primes: number[] = [];
  for (let candidate = 2; candidate < limit; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return primes;
}

export function bytesOf(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex');
}

/** A prime with exactly so many bits, the two highest of them set (OpenSSL sees to that), so that a product is as long as it should. */
export function prime(bits: number): bigint {
  return generatePrimeSync(bits, { bigint: true });
}

/**
 * A prime as the flawed library made them (Nemec et al., "The Return of Coppersmith's Attack", 2017, §2.2):
 * k · M + (65537^a mod M), where M is the product of the first 126 primes for keys of 2048 bits.
 */
export function rocaPrime(bits: number): bigint {
  const m = primesBelow(702).reduce((product, small) => product * BigInt(small), 1n);
  const remainder = power(65537n, BigInt(randomInt(2 ** 32)), m);
  let k = (3n << BigInt(bits - 2)) / m + BigInt(randomInt(2 ** 32));
  while (!checkPrimeSync(k * m + remainder)) k++;
  return k * m + remainder;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % modulus;
    base = (base * base) % modulus;
  }
  return result;
}
