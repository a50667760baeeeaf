import type { ContentKey, CryptoEngine } from '../../protocol/crypto.js';

/** What the frames of one stream, or of one direction of a socket, are sealed or opened under. */
export interface StreamKey {
  readonly engine: CryptoEngine;
  readonly key: ContentKey;
}

/** What begins a request that frames follow, and what these are sealed under. */
export interface SealedHead {
  readonly head: string;
  readonly streamKey: StreamKey;
}
