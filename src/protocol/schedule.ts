import { utf8 } from './json.js';

/** The result of a handshake, from which the nine lines of the transcript (PROTOCOL §2) are made. */
export interface Transcript {
  /** Thumbprint of the client's key. */
  readonly jkt: string;
  /** Thumbprint of the server's key. It is the channel's name. */
  readonly kid: string;
  /** As in the response. Only RSA and hybrid channels have one. */
  readonly secret?: string | undefined;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly session: string;
  /** Thumbprint of the device key that the session is bound to. */
  readonly device?: string | undefined;
  /** Thumbprint of the identity key that signs the transcript: the `kid` of the proof's header. */
  readonly identity?: string | undefined;
}

export const PROTOCOL_VERSION = 'e2e/1';

/** The bytes whose SHA-256 is the transcript hash `th`. */
export function transcriptInput(transcript: Transcript): Uint8Array<ArrayBuffer> {
  const { jkt, kid, secret = '', issuedAt, expiresAt, session, device = '', identity = '' } = transcript;
  return utf8([PROTOCOL_VERSION, jkt, kid, secret, issuedAt, expiresAt, session, device, identity].join('\n'));
}

/** The `info` of HKDF for a channel's keys (PROTOCOL §3); the salt of all is `th`. */
export const REQUEST_KEY_INFO = utf8('e2e/1 request');
export const RESPONSE_KEY_INFO = utf8('e2e/1 response');
export const REQUEST_FRAMES_INFO = utf8('e2e/1 request frames');
export const RESPONSE_FRAMES_INFO = utf8('e2e/1 response frames');
export const AGAIN_KEY_INFO = utf8('e2e/1 again');
/** The `info` for one stream's key (PROTOCOL §6); the salt is the SHA-256 of its head. */
export const FRAMES_INFO = utf8('e2e/1 frames');

/** `ss`, which `secret` carries, and `cs`, the client's half of an RSA channel's secret, are each this long. */
export const SECRET_BYTES = 32;

/** IKM of a channel with `secret`: `ss` ‖ `cs` on an RSA channel, `ss` ‖ the X25519 shared secret on a hybrid one. */
export function joinSecrets(ss: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const ikm = new Uint8Array(2 * SECRET_BYTES);
  ikm.set(ss, 0);
  ikm.set(other, SECRET_BYTES);
  return ikm;
}

/** How many bytes of the HMAC are in `again.tag`. */
export const AGAIN_TAG_BYTES = 16;

/** What the tag of `again` authenticates (PROTOCOL §4): the first copy's number, and the copy's own channel and number. */
export function againInput(firstSeq: number, kid: string, seq: number): Uint8Array<ArrayBuffer> {
  return utf8(`${firstSeq} ${kid} ${seq}`);
}
