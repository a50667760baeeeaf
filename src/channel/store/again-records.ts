import type { NodeEngine } from '../../crypto/node.js';
import { MAX_AGE_SECONDS, MAX_AHEAD_SECONDS, MAX_TRANSIT_SECONDS } from '../../protocol/message.js';
import { isAgainTag } from '../again.js';
import type { Channel } from '../channel.js';
import { joinEpoch, splitEpoch } from './epoch.js';
import type { Records } from './records.js';
import type { Vault } from './vault.js';

/** What is needed of the channel on which the first copy of a request arrived (PROTOCOL §5, step 6). */
export type FirstChannel = Pick<Channel, 'provesAgain'>;

/**
 * How long after its channel expired a first copy can still arrive: 30 s ahead, 300 s old, 300 s in transit. A copy in
 * frames, which a proxy may buffer, can take as long as an upload.
 */
export function againSeconds(maxUploadTime: number): number {
  return MAX_AHEAD_SECONDS + Math.max(MAX_AGE_SECONDS + MAX_TRANSIT_SECONDS, maxUploadTime);
}

/** Only `a_req` of each channel, which outlives the channel. It cannot open anything. */
export class AgainRecords {
  constructor(
    private readonly engine: NodeEngine,
    private readonly records: Records,
    private readonly vault: Vault,
    private readonly seconds: number,
  ) {}

  async write(session: string | undefined, epoch: string, channel: Channel): Promise<void> {
    const key = channel.againKey();
    if (!key) return;
    const wrapped = this.vault.wrap(contextOf(session, epoch, channel.kid), key);
    await this.records.set(nameOf(channel.kid), joinEpoch(epoch, wrapped), channel.expiresAt + this.seconds);
  }

  /** Only under the session's current epoch: nothing remains of a revoked channel. */
  async find(session: string | undefined, epoch: string, kid: string): Promise<FirstChannel | undefined> {
    const stored = await this.records.get(nameOf(kid));
    const parts = stored === undefined ? undefined : splitEpoch(stored);
    if (parts?.epoch !== epoch) return undefined;
    const key = this.vault.unwrap(contextOf(session, epoch, kid), parts.wrapped);
    return key && { provesAgain: (input, tag) => isAgainTag(this.engine, key, input, tag) };
  }

  async delete(kid: string): Promise<void> {
    await this.records.delete(nameOf(kid));
  }
}

function nameOf(kid: string): string {
  return `again:${kid}`;
}

/** No session's id is empty. */
function contextOf(session: string | undefined, epoch: string, kid: string): string {
  return `again\n${session ?? ''}\n${epoch}\n${kid}`;
}
