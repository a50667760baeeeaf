// What a call and a socket have in common: a message that may have to be sent again on a new channel.
import type { ProblemName } from '../../protocol/problem-name.js';
import { failure } from '../errors.js';
import type { Settings } from '../options.js';
import type { Claim } from './channel.js';
import type { ClientChannels } from './channels.js';

/** The outcome of a message, as far as another attempt depends on it. */
export interface Outcome {
  /** The protocol's problem in the response, sealed or plain. */
  readonly problem?: ProblemName | undefined;
  /** Whether the response was sealed, and so is from the server. */
  readonly sealed?: boolean;
}

interface Attempts<Result extends Outcome> {
  readonly signal?: AbortSignal | undefined;
  /**
   * Sends the message on this channel with this number. Release the number if its message was not sent.
   *
   * @param first for the second copy: the channel and number of the first one.
   */
  readonly send: (claim: Claim, first: Claim | undefined) => Promise<Result>;
  /** Whether a second copy may be sent after this outcome and the end of the first copy's channel. */
  readonly mayRepeat: (result: Result) => boolean;
}

/** Sends a message on the open channel, and again on a new one if that is allowed and helps (PROTOCOL §8). */
export async function onOpenChannel<Result extends Outcome>(
  { settings, channels }: { readonly settings: Settings; readonly channels: ClientChannels },
  { signal, send, mayRepeat }: Attempts<Result>,
): Promise<Result> {
  let first: { readonly claim: Claim; readonly result: Result } | undefined;
  for (;;) {
    const claim = await channels.claim(signal);
    const { channel, seq } = claim;
    if (first) {
      const { channel: firstChannel } = first.claim;
      const isOther = channel.terms.session !== firstChannel.terms.session;
      if (settings.deviceKey && isOther) {
        channel.release(seq);
        throw await failure('session-changed', 'changed');
      }
      // The caller has ended the first copy's session: the second one would be the next user's.
      const isPast = isOther && claim.era !== first.claim.era;
      // After the first copy's channel has ended, the server may no longer know whether that copy ran. Checked here
      // too, because the handshake took time.
      if (isPast || firstChannel.isExpired) {
        channel.release(seq);
        return first.result;
      }
    }
    const result = await send(claim, first?.claim);
    if (isOver(result, settings)) channels.drop(channel);
    // One of several servers may have a version that keeps no keys.
    if (result.problem === 'message-rejected') channel.isKept = false;
    if (first || !isWorthRepeating(result) || !mayRepeat(result) || channel.isExpired) return result;
    first = { claim, result };
  }
}

/** Whether a new channel would help. A plain `message-stale` may be from anyone. */
function isWorthRepeating({ problem, sealed }: Outcome): boolean {
  return problem === 'handshake-required' || (problem === 'message-stale' && sealed === true);
}

/** Whether the next message goes on a new channel; with a device key, also if its proof may have been rejected. */
function isOver(outcome: Outcome, { deviceKey }: Settings): boolean {
  return isWorthRepeating(outcome) || (deviceKey !== false && outcome.problem === 'message-rejected');
}
