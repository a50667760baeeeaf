import type { Bytes, CryptoEngine } from '../protocol/crypto.js';
import { fromUtf8, utf8 } from '../protocol/json.js';
import { splitJwe } from '../protocol/jwe.js';
import { thumbprintInput, type PublicJwk, type SigningJwk } from '../protocol/keys.js';

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

/** `undefined` where the text is not five parts in canonical base64url with a header in UTF-8. */
export function decodeJwe(engine: CryptoEngine, text: string): DecodedJwe | undefined {
  const jwe = splitJwe(text);
  const header = jwe && decodeText(engine, jwe.protected);
  const encryptedKey = jwe && engine.decodeBase64url(jwe.encryptedKey);
  const iv = jwe && engine.decodeBase64url(jwe.iv);
  const ciphertext = jwe && engine.decodeBase64url(jwe.ciphertext);
  const tag = jwe && engine.decodeBase64url(jwe.tag);
  if (!header || !encryptedKey || !iv || !ciphertext || !tag) return undefined;
  return { header, aad: utf8(jwe.protected), encryptedKey, iv, ciphertext, tag };
}

/** Base64url of UTF-8 → text, or `undefined` where it is not that. */
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
