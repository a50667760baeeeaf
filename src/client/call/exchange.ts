import { onOpenChannel } from '../channel/attempts.js';
import { need } from '../errors.js';
import type { ClientChannels } from '../channel/channels.js';
import type { Settings } from '../options.js';
import type { CallResult } from './answer.js';
import type { OutgoingRequest } from './outgoing.js';
import { isRepeatable } from './request.js';
import { readAnswer } from './response.js';
import { sealRequest } from './seal.js';
import type { Wire } from './wire.js';
import type * as DebugPart from '../debug/recorder.js';

const RESENDABLE_METHODS = ['GET', 'PUT', 'DELETE', 'OPTIONS'];

/** The parts of a client. */
export interface ClientParts {
  readonly settings: Settings;
  readonly wire: Wire;
  readonly channels: ClientChannels;
}

/** One request and its response. */
export async function exchange(
  request: OutgoingRequest,
  { settings, wire, channels }: ClientParts,
): Promise<CallResult> {
  const debug = settings.debug && (await need<typeof DebugPart>('debug'));
  if (debug) debug.checkDebug(settings);
  const mayRepeat = isResendable(request, settings) && isRepeatable(request);
  return onOpenChannel<CallResult>(
    { settings, channels },
    {
      signal: request.signal,
      async send(claim, first) {
        const { channel, seq } = claim;
        const sealed = await sealRequest(request, claim, first, settings).catch((error: unknown) => {
          channel.release(seq);
          throw error;
        });
        const recorder = debug && (await debug.CallRecorder.begin(request, sealed));
        const received = await wire.send(sealed);
        const copy = recorder && received.clone();
        const sent = { request, claim, isCopy: first !== undefined, ticket: sealed.ticket, cookies: wire };
        const answer = await readAnswer(received, sent, settings);
        if (copy) void recorder.end(copy, answer);
        sealed.upload?.stop();
        return answer;
      },
      mayRepeat: () => mayRepeat,
    },
  );
}

/** Whether it may be sent again on a new channel: the option of the call, of the client, or the protocol's rule. */
function isResendable({ method, url, headers, e2e: { resend } }: OutgoingRequest, settings: Settings): boolean {
  const { resend: rule } = settings;
  const answer = resend ?? (typeof rule === 'function' ? rule({ method, url: url.href, headers }) : rule);
  return answer ?? (RESENDABLE_METHODS.includes(method) || headers.has('idempotency-key'));
}
