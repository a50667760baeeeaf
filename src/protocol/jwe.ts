/** A compact JWE (RFC 7516 §7.1): five parts of base64url, joined by dots. */
export interface CompactJwe {
  /** The protected header as in the message. Its ASCII bytes are the additional authenticated data. */
  readonly protected: string;
  readonly encryptedKey: string;
  readonly iv: string;
  readonly ciphertext: string;
  readonly tag: string;
}

export const IV_BYTES = 12;
export const TAG_BYTES = 16;
/** The longest protected header, in bytes of JSON. */
export const MAX_HEADER_BYTES = 4096;

/** The same in base64url. */
export const MAX_HEADER_CHARACTERS = Math.ceil((MAX_HEADER_BYTES * 4) / 3);
const IV_CHARACTERS = (IV_BYTES * 4) / 3;
const TAG_CHARACTERS = Math.ceil((TAG_BYTES * 4) / 3);

/**
 * The five parts of a compact JWE, or `undefined` if there are not five, or if the header, the IV or the tag has
 * not the right length. Decoders check the alphabet of each part.
 */
export function splitJwe(jwe: string): CompactJwe | undefined {
  const first = jwe.indexOf('.');
  const second = jwe.indexOf('.', first + 1);
  const third = jwe.indexOf('.', second + 1);
  const fourth = jwe.lastIndexOf('.');
  // Searched from both ends. A further dot in the ciphertext is found when it is decoded.
  if (first < 1 || second <= first || third <= second || fourth <= third) return undefined;
  if (first > MAX_HEADER_CHARACTERS) return undefined;
  if (third - second - 1 !== IV_CHARACTERS || jwe.length - fourth - 1 !== TAG_CHARACTERS) return undefined;
  return {
    protected: jwe.slice(0, first),
    encryptedKey: jwe.slice(first + 1, second),
    iv: jwe.slice(second + 1, third),
    ciphertext: jwe.slice(third + 1, fourth),
    tag: jwe.slice(fourth + 1),
  };
}

export function joinJwe(parts: CompactJwe): string {
  return `${parts.protected}.${parts.encryptedKey}.${parts.iv}.${parts.ciphertext}.${parts.tag}`;
}
