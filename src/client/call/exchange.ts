// One call: what turns a request into its message and a message into its answer. Loaded with the first.
import type { Claim } from '../channel/channel.js';
import type { Channels } from '../channel/channels.js';
import { failure } from '../errors.js';
import type { Settings } from '../options.js';
import type { Answer } from './answer.js';
import type { OutgoingRequest } from './request.js';
import { readAnswer } from './response.js';
import { sealRequest } from './seal.js';
import type { Wire } from './wire.js';

const RESENDABLE_METHODS = ['GET', 'PUT', 'DELETE', 'OPTIONS'];

/** What a client is made of. */
export interface ExchangeParts {
  readonly settings: Settings;
  readonly wire: Wire;
  readonly channels: Channels;
}

/** One request and its answer; once more on a new channel where that is allowed and of use (PROTOCOL §8). */
export async function exchange(request: OutgoingRequest, { settings, wire, channels }: ExchangeParts): Promise<Answer> {
  let first: Claim | undefined;
  let answer: Answer | undefined;
  for (let mayResend = isResendable(request, settings); ; mayResend = false) {
    const claim = await channels.claim(request.signal);
    const { channel, seq } = claim;
    if (first && settings.deviceKey && channel.terms.session !== first.channel.terms.session) {
      throw await failure('session-changed', 'changed');
    }
    // After the first copy's channel has ended, the server may no longer know whether that copy ran. Asked here too: the
    // handshake took time.
    if (answer && first?.channel.isExpired) {
      channel.release(seq);
      return answer;
    }
    const sealed = await sealRequest(request, claim, first, settings).catch((error: unknown) => {
      channel.release(seq);
      throw error;
    });
    answer = await readAnswer(await wire.send(sealed), channel, seq, request, settings, {
      isCopy: first !== undefined,
      isChannelProven: channel.isProven,
      cookies: wire.cookieFacts(sealed),
      isRepeatable: isRepeatable(request),
    });
    sealed.upload?.stop();
    if (isOver(answer, settings)) channels.drop(channel);
    if (!mayResend || !isRepeatable(request) || !isWorthResending(answer) || channel.isExpired) return answer;
    first = claim;
  }
}

/** Whether its body, where it has one, can be read again from the start. */
export function isRepeatable({ body }: OutgoingRequest): boolean {
  return !body || !('read' in body) || body.isRepeatable;
}

/** Whether it may be sent again on a new channel: the call's word, the client's, the protocol's (PROTOCOL §8). */
function isResendable({ method, url, headers, resend }: OutgoingRequest, settings: Settings): boolean {
  const { resend: rule } = settings;
  const answer = resend ?? (typeof rule === 'function' ? rule({ method, url: url.href, headers }) : rule);
  return answer ?? (RESENDABLE_METHODS.includes(method) || headers.has('idempotency-key'));
}

/** Whether a new channel would do what this one did not. Of a plain `message-stale` anybody may be the author. */
function isWorthResending({ problem, sealed }: Answer): boolean {
  return problem === 'handshake-required' || (problem === 'message-stale' && sealed === true);
}

/** Whether the next request goes on a new channel; with a device key also where its proof may have been rejected. */
function isOver(answer: Answer, { deviceKey }: Settings): boolean {
  return isWorthResending(answer) || (deviceKey !== false && answer.problem === 'message-rejected');
}
