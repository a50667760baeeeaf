import type { Opened } from './answer.js';
import type { Channel } from './channel.js';

export type { AcceptedSocket, PlainResponse, StreamHead, SealedHead } from './answer.js';

/** A request's opened message: its channel, its content, and functions that seal the response. */
export interface OpenedMessage extends Opened {
  readonly channel: Channel;
}

/** The same with the epoch of the session in which its channel was valid. */
export interface ValidMessage extends OpenedMessage {
  /** Empty if the channel has no session. `undefined` if this process does not hold the channel any more. */
  readonly epoch: string | undefined;
}
