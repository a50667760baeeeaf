import { base64urlByteLength } from './base64url.js';
import type { JsonObject } from './json.js';
import { memberFlaw, octets, RSA_MODULUS_BITS, toBigInt, type KeyFlaw } from './jwk.js';

const { min, max } = RSA_MODULUS_BITS;
const E_65537 = 'AQAB';

/**
 * What is wrong with a JWK of the type RSA, or `undefined` if nothing is. All of it is public, so timing reveals
 * nothing.
 */
export function rsaKeyFlaw(jwk: JsonObject): KeyFlaw | undefined {
  const flaw = memberFlaw(jwk, ['n', 'e']);
  if (flaw) return flaw;
  if (jwk.e !== E_65537) return 'exponent';
  if (typeof jwk.n !== 'string') return 'n missing';
  const length = base64urlByteLength(jwk.n);
  if (length < min / 8 || length > max / 8) return 'size';
  const n = octets(jwk, 'n', length);
  if (!n) return 'n';
  if (n[0] === 0) return 'leading zeros';
  return modulusFlaw(toBigInt(n));
}

/** Small primes that no modulus may be divisible by: all below 4,096 (NIST SP 800-89 §5.3.3 asks for those below 752). */
const SMALL_PRIMES: number[] = [];
for (let candidate = 2; candidate < 4096; candidate++) {
  if (SMALL_PRIMES.every((prime) => candidate % prime)) SMALL_PRIMES.push(candidate);
}

/**
 * The primes below this show a modulus made by the flawed library of CVE-2017-15361 (ROCA): its primes are
 * 65537^a mod M plus a multiple of M, so n mod each of these lies in the group that 65537 generates.
 */
const ROCA_LIMIT = 168;

function modulusFlaw(modulus: bigint): KeyFlaw | undefined {
  if (modulus >> BigInt(min - 1) === 0n) return 'size';
  if (modulus % 2n === 0n) return 'even';
  let looksLikeRoca = true;
  for (let index = 0; index < SMALL_PRIMES.length;) {
    // Several primes at a time, their product below 2³¹: one long division for all of them.
    let product = 1;
    const first = index;
    while (product * SMALL_PRIMES[index]! < 2 ** 31) product *= SMALL_PRIMES[index++]!;
    const rest = Number(modulus % BigInt(product));
    for (const prime of SMALL_PRIMES.slice(first, index)) {
      if (rest % prime === 0) return 'small factor';
      if (prime < ROCA_LIMIT && !isPowerOf65537(rest % prime, prime)) looksLikeRoca = false;
    }
  }
  return looksLikeRoca ? 'roca' : undefined;
}

function isPowerOf65537(residue: number, prime: number): boolean {
  let power = 1;
  do {
    if (power === residue) return true;
    power = (power * 65537) % prime;
  } while (power !== 1);
  return false;
}
