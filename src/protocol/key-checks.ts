/** The arithmetic behind PROTOCOL §1: what a public key must not be. All values are public, so timing tells nothing. */

/** Small primes that no RSA modulus may be divisible by: all below 4,096 (NIST SP 800-89 §5.3.3 asks for those below 752). */
const SMALL_PRIMES = primesBelow(4096);

/** The same, several to a product below 2³¹: one long division for each product, and the rest is integer arithmetic. */
const PRIME_PRODUCTS = productsOf(SMALL_PRIMES);

/**
 * The primes whose residues show a modulus made by the flawed library of CVE-2017-15361 (ROCA): its primes are
 * 65537^a mod M plus a multiple of M, so n mod each of these lies in the group that 65537 generates.
 */
const ROCA_LIMIT = 168;
const ROCA_GROUPS = new Map(
  primesBelow(ROCA_LIMIT)
    .filter((prime) => prime > 2)
    .map((prime) => [prime, powersOf(65537 % prime, prime)]),
);

/** What is wrong with an RSA modulus (big-endian bytes), or `undefined` where nothing is. */
export function rsaModulusFlaw(n: Uint8Array): string | undefined {
  if ((n[n.length - 1]! & 1) === 0) return 'the RSA modulus is even';
  const modulus = toBigInt(n);
  let looksLikeRoca = true;
  for (const { product, primes } of PRIME_PRODUCTS) {
    const rest = Number(modulus % product);
    for (const prime of primes) {
      const residue = rest % prime;
      if (residue === 0) return 'the RSA modulus has a small factor';
      if (prime < ROCA_LIMIT && ROCA_GROUPS.get(prime)?.has(residue) === false) looksLikeRoca = false;
    }
  }
  return looksLikeRoca ? 'the RSA modulus has the ROCA fingerprint' : undefined;
}

const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/** Whether (x, y) lies on P-256: y² = x³ − 3x + b (SEC 1 §3.2.2.1). The point at infinity has no such coordinates. */
export function isOnP256(xBytes: Uint8Array, yBytes: Uint8Array): boolean {
  const x = toBigInt(xBytes);
  const y = toBigInt(yBytes);
  return x < P && y < P && (y * y - (x * x * x - 3n * x + B)) % P === 0n;
}

function toBigInt(bytes: Uint8Array): bigint {
  let hex = '0x';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return BigInt(hex);
}

function primesBelow(limit: number): number[] {
  const primes: number[] = [];
  for (let candidate = 2; candidate < limit; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return primes;
}

function productsOf(primes: readonly number[]): { product: bigint; primes: number[] }[] {
  const products: { product: bigint; primes: number[] }[] = [];
  for (const prime of primes) {
    const last = products.at(-1);
    if (last && last.product * BigInt(prime) < 2n ** 31n) {
      last.product *= BigInt(prime);
      last.primes.push(prime);
    } else {
      products.push({ product: BigInt(prime), primes: [prime] });
    }
  }
  return products;
}

function powersOf(base: number, modulus: number): ReadonlySet<number> {
  const members = new Set<number>();
  for (let power = 1 % modulus; !members.has(power); power = (power * base) % modulus) members.add(power);
  return members;
}
