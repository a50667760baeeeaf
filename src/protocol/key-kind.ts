/** The kinds of key pair, and so of channel (PROTOCOL §1). It has its own file because every page loads it at once. */
export const KEY_KINDS = ['RSA', 'P-256', 'X25519', 'MLKEM768-X25519'] as const;
export type KeyKind = (typeof KEY_KINDS)[number];
