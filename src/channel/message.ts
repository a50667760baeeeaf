import type { Opened } from './answer.js';
import type { Channel } from './channel.js';

export type { AcceptedSocket, Answer, AnswerHead, SealedHead } from './answer.js';

/** A request's message, opened: the channel it came on, what it says, and the way back. */
export interface OpenedMessage extends Opened {
  readonly channel: Channel;
}
