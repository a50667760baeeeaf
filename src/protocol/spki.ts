import { encodeBase64url } from './base64url.js';
import type { JsonObject } from './json.js';

/**
 * SubjectPublicKeyInfo in PEM (RFC 7468 §13, RFC 5280 §4.1.2.7) → the members of a JWK. DER only, and only the three
 * algorithm identifiers that the protocol has: rsaEncryption, id-ecPublicKey on the named curve P-256 with an
 * uncompressed point, and X25519. The reader of the JWK checks the key itself.
 */
const MAX_PEM_LENGTH = 4096;

const PEM = /^\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/;

// The AlgorithmIdentifier of each, in DER: RFC 3279 §2.3.1, RFC 5480 §2.1.1, RFC 8410 §3.
const RSA_ENCRYPTION = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
const EC_P256 = [
  0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
  0x01, 0x07,
];
const X25519 = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e];

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const BIT_STRING = 0x03;

export function readSpki(pem: string, rejected: (detail: string) => Error): JsonObject {
  const malformed = () => rejected('the PEM text is not a SubjectPublicKeyInfo of a kind that is known here');
  if (pem.length > MAX_PEM_LENGTH) throw rejected('the PEM text is too long');
  const bytes = decodePem(pem);
  if (!bytes) throw malformed();

  const outer = new DerReader(bytes, malformed);
  const info = outer.read(SEQUENCE);
  outer.end();
  const algorithm = info.readWhole(SEQUENCE);
  const bits = info.read(BIT_STRING).rest();
  info.end();
  if (bits[0] !== 0) throw malformed(); // no unused bits
  const key = bits.subarray(1);

  if (equal(algorithm, RSA_ENCRYPTION)) {
    const holder = new DerReader(key, malformed);
    const sequence = holder.read(SEQUENCE);
    holder.end();
    const n = sequence.readUnsigned();
    const e = sequence.readUnsigned();
    sequence.end();
    return { kty: 'RSA', n: encodeBase64url(n), e: encodeBase64url(e) };
  }
  if (equal(algorithm, EC_P256) && key.length === 65 && key[0] === 4) {
    return { kty: 'EC', crv: 'P-256', x: encodeBase64url(key.subarray(1, 33)), y: encodeBase64url(key.subarray(33)) };
  }
  if (equal(algorithm, X25519) && key.length === 32) return { kty: 'OKP', crv: 'X25519', x: encodeBase64url(key) };
  throw malformed();
}

function decodePem(pem: string): Uint8Array | undefined {
  const base64 = PEM.exec(pem)?.[1]?.replace(/\s+/g, '');
  if (!base64) return undefined;
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** Reads definite-length DER values in order; whatever is not exactly that is malformed. */
class DerReader {
  #offset = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly malformed: () => Error,
  ) {}

  read(tag: number): DerReader {
    const { start, end } = this.next(tag);
    this.#offset = end;
    return new DerReader(this.bytes.subarray(start, end), this.malformed);
  }

  /** The value with its tag and length. */
  readWhole(tag: number): Uint8Array {
    const begin = this.#offset;
    this.#offset = this.next(tag).end;
    return this.bytes.subarray(begin, this.#offset);
  }

  /** A positive INTEGER without its sign byte. */
  readUnsigned(): Uint8Array {
    const value = this.read(INTEGER).rest();
    const [first, second] = value;
    if (first === undefined || first & 0x80) throw this.malformed();
    if (first !== 0) return value;
    if (second === undefined || !(second & 0x80)) throw this.malformed(); // a needless zero is not DER
    return value.subarray(1);
  }

  rest(): Uint8Array {
    const value = this.bytes.subarray(this.#offset);
    this.#offset = this.bytes.length;
    return value;
  }

  end(): void {
    if (this.#offset !== this.bytes.length) throw this.malformed();
  }

  private next(tag: number): { start: number; end: number } {
    if (this.bytes[this.#offset] !== tag) throw this.malformed();
    let length = this.bytes[this.#offset + 1];
    let start = this.#offset + 2;
    if (length === undefined) throw this.malformed();
    if (length > 0x7f) {
      const octets = length & 0x7f;
      if (octets === 0 || octets > 2) throw this.malformed();
      length = 0;
      for (let index = 0; index < octets; index++) length = length * 256 + (this.bytes[start + index] ?? Number.NaN);
      if (!(length >= (octets === 1 ? 0x80 : 0x100))) throw this.malformed(); // the shortest form only
      start += octets;
    }
    const end = start + length;
    if (end > this.bytes.length) throw this.malformed();
    return { start, end };
  }
}

function equal(bytes: Uint8Array, expected: readonly number[]): boolean {
  return bytes.length === expected.length && expected.every((byte, index) => bytes[index] === byte);
}
