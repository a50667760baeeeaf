import { utf8 } from './json.js';

/** What a handshake agreed on: the eight lines of the transcript (PROTOCOL §2) are made from this. */
export interface Transcript {
  /** Thumbprint of the client's key. */
  readonly jkt: string;
  /** Thumbprint of the server's key, and so the channel's name. */
  readonly kid: string;
  /** RSA channels: the compact JWE to the client's key. */
  readonly secret?: string | undefined;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly session: string;
  /** Thumbprint of the device key that the session is bound to. */
  readonly device?: string | undefined;
}

export const PROTOCOL_VERSION = 'e2e/1';

/** The bytes whose SHA-256 is the transcript hash `th`. */
export function transcriptInput(transcript: Transcript): Uint8Array<ArrayBuffer> {
  const { jkt, kid, secret = '', issuedAt, expiresAt, session, device = '' } = transcript;
  return utf8([PROTOCOL_VERSION, jkt, kid, secret, String(issuedAt), String(expiresAt), session, device].join('\n'));
}

/** The `info` of HKDF for either direction's key (PROTOCOL §3); the salt of both is `th`. */
export const REQUEST_KEY_INFO = utf8('e2e/1 request');
export const RESPONSE_KEY_INFO = utf8('e2e/1 response');

/** `ss` and `cs`, the two halves of an RSA channel's secret, are each this long. */
export const SECRET_BYTES = 32;

/** IKM of an RSA channel: `ss` ‖ `cs`. */
export function rsaKeyMaterial(ss: Uint8Array, cs: Uint8Array): Uint8Array<ArrayBuffer> {
  const ikm = new Uint8Array(2 * SECRET_BYTES);
  ikm.set(ss, 0);
  ikm.set(cs, SECRET_BYTES);
  return ikm;
}
