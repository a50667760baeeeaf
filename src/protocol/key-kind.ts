/** Hybrid, post-quantum: ML-KEM-768 (FIPS 203) beside X25519. */
export const HYBRID = 'MLKEM768-X25519';

/** The kinds of key pair, and so of channel (PROTOCOL §1). */
export const KEY_KINDS = ['RSA', 'P-256', 'X25519', HYBRID] as const;
export type KeyKind = (typeof KEY_KINDS)[number];

/** The kinds of which a server makes key pairs. */
export type ClassicKeyKind = Exclude<KeyKind, typeof HYBRID>;

/** The kind of the server's key on a channel of that kind (PROTOCOL §1). */
export function serverKeyKind(kind: KeyKind): ClassicKeyKind {
  return kind === HYBRID ? 'X25519' : kind;
}

/** Whether the answer to a handshake of that kind carries `secret` (PROTOCOL §2). */
export function hasSecret(kind: KeyKind): boolean {
  return kind === 'RSA' || kind === HYBRID;
}
