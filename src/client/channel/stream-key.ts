import type { ContentKey, CryptoEngine } from '../../protocol/crypto.js';

/** The key of the frames of one stream, or of one direction of a socket. */
export interface StreamKey {
  readonly engine: CryptoEngine;
  readonly key: ContentKey;
}

/** The head of a request in frames, and the key of the frames. */
export interface SealedHead {
  readonly head: string;
  readonly streamKey: StreamKey;
}
