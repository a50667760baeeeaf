import type { Bytes, PrivateKey } from '../protocol/crypto.js';
import type { KeyKind, PublicJwk, SigningJwk } from '../protocol/keys.js';

/**
 * The complete state of a channel: the record in the store contains this. No member is optional: if one were added later,
 * V8 would give each state a hidden class of its own, of 370 bytes.
 */
export interface ChannelState {
  /** Thumbprint of the server's key. It is the channel's name. */
  readonly kid: string;
  readonly kind: KeyKind;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** The client's key; of a hybrid key only the X25519 half, because the other half is no longer needed. */
  readonly clientKey: PublicJwk;
  /** The transcript hash in base64url: it is no secret, and an array costs 150 bytes more. */
  readonly th: string;
  /** RSA and hybrid channels: what `secret` carried, 32 bytes. */
  readonly ss: Bytes | undefined;
  readonly privateKey: PrivateKey;
  /** RSA channels: `cs`, 32 bytes, once a message under it has opened. */
  readonly cs: Bytes | undefined;
  /** The device key that the session is bound to. */
  readonly device: SigningJwk | undefined;
  /** Whether a message on this channel has proven possession of the device key. */
  readonly isDeviceProven: boolean | undefined;
}

/** The transcript hash, 32 bytes. */
export function transcriptHash({ th }: ChannelState): Bytes {
  return Buffer.from(th, 'base64url');
}
