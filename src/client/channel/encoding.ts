import type { Bytes, CryptoEngine } from '../../protocol/crypto.js';
import { fromUtf8, utf8 } from '../../protocol/json.js';
import { IV_BYTES, MAX_HEADER_BYTES, TAG_BYTES } from '../../protocol/jwe.js';
import { thumbprintInput, type PublicJwk, type SigningJwk } from '../../protocol/jwk.js';
import type { StreamKey } from './stream-key.js';

/** A compact JWE with its parts decoded; nothing of it is checked yet. */
export interface DecodedJwe {
  /** The protected header's JSON. */
  readonly header: string;
  /** The additional authenticated data (RFC 7516 §5.1, step 14). */
  readonly aad: Bytes;
  readonly encryptedKey: Bytes;
  readonly iv: Bytes;
  readonly ciphertext: Bytes;
  readonly tag: Bytes;
}

/** `undefined` unless the string is five parts in canonical base64url, of the right lengths, with a header in UTF-8. */
export function decodeJwe(engine: CryptoEngine, text: string): DecodedJwe | undefined {
  const parts = text.split('.', 6);
  const [encoded = ''] = parts;
  const header = decodeText(engine, encoded);
  const [bytes, encryptedKey, iv, ciphertext, tag] = parts.map((part) => engine.decodeBase64url(part));
  const isWhole = parts.length === 5 && header && bytes && encryptedKey && ciphertext;
  if (!isWhole || bytes.length > MAX_HEADER_BYTES || iv?.length !== IV_BYTES || tag?.length !== TAG_BYTES) {
    return undefined;
  }
  return { header, aad: utf8(encoded), encryptedKey, iv, ciphertext, tag };
}

/**
 * A compact JWE with `dir`, or `undefined` if its header is too long.
 *
 * @param header the protected header's JSON.
 */
export async function sealJwe(
  { engine, key }: StreamKey,
  header: string,
  plaintext: Bytes,
): Promise<string | undefined> {
  const json = utf8(header);
  if (json.length > MAX_HEADER_BYTES) return undefined;
  const encoded = engine.encodeBase64url(json);
  const iv = engine.randomBytes(IV_BYTES);
  const { ciphertext, tag } = await engine.seal(key, iv, utf8(encoded), plaintext);
  return [encoded, '', ...[iv, ciphertext, tag].map((part) => engine.encodeBase64url(part))].join('.');
}

/** Base64url of UTF-8 → string, or `undefined` if it is invalid. */
export function decodeText(engine: CryptoEngine, encoded: string): string | undefined {
  try {
    const bytes = engine.decodeBase64url(encoded);
    return bytes && fromUtf8(bytes);
  } catch {
    return undefined;
  }
}

/** A key's SHA-256 thumbprint in base64url (RFC 7638). */
export async function thumbprint(engine: CryptoEngine, jwk: PublicJwk | SigningJwk): Promise<string> {
  return engine.encodeBase64url(await engine.sha256(thumbprintInput(jwk)));
}
