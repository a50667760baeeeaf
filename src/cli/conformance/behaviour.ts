import type { Bytes } from '../../protocol/crypto.js';
import type { PublicJwk } from '../../protocol/jwk.js';
import type { RawAnswer } from './answers.js';
import type { Exchange } from './exchange.js';
import type { Identity, Json } from './secrets.js';

/** What a case may use that changes a handshake's response. */
export interface HandshakeContext {
  readonly clientKey: PublicJwk;
  readonly ss: Bytes | undefined;
  readonly now: number;
}

/** How the runner's server differs from an honest one; `{}` is honest. */
export interface Behaviour {
  readonly identity?: Identity;
  /** Seconds that a channel lives. */
  readonly ttl?: number;
  /** Seconds that the server's clock is ahead. */
  readonly clockOffset?: number;
  /** Whether every handshake of the case answers with the same key. */
  readonly reusesKey?: boolean;
  /** Members of the handshake's response in place of honest ones; `undefined` leaves one out. */
  readonly terms?: (context: HandshakeContext) => Json;
  /** Replaces the proof. */
  readonly proof?: (th: Bytes, identity: Identity) => unknown;
  /** Members that are changed after the proof was made over the others. */
  readonly late?: Json;
  /** The handshake's JSON in another spelling, or broken. */
  readonly text?: (json: string) => string | Bytes;
  /** A response in place of the handshake's. */
  readonly handshake?: RawAnswer;
  /** Answers a sealed request; `undefined` leaves it to the honest server. */
  readonly answer?: (exchange: Exchange) => RawAnswer | undefined;
}
