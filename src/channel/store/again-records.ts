import type { NodeEngine } from '../../crypto/node.js';
import { MAX_AGE_SECONDS, MAX_AHEAD_SECONDS } from '../../protocol/message.js';
import { isAgainTag } from '../again.js';
import type { Channel } from '../channel.js';
import type { Records } from './records.js';
import type { Vault } from './vault.js';

/** What is asked of the channel that the first copy of a request came on (PROTOCOL §5 step 6). */
export type FirstChannel = Pick<Channel, 'provesAgain'>;

/**
 * How long a first copy that was sealed before its channel expired can come in: 30 s ahead, 300 s old, 300 s under way; one
 * in frames, which a proxy may have buffered, for as long as an upload may take.
 */
export function againSeconds(maxUploadTime: number): number {
  return MAX_AHEAD_SECONDS + Math.max(MAX_AGE_SECONDS + 300, maxUploadTime);
}

/** Of each channel `a_req` alone, which outlives it: with it nothing opens. */
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
    await this.records.set(nameOf(channel.kid), `${epoch}.${wrapped}`, channel.expiresAt + this.seconds);
  }

  /** Only under the session's epoch of now: of a channel that was revoked nothing is left. */
  async find(session: string | undefined, epoch: string, kid: string): Promise<FirstChannel | undefined> {
    const stored = await this.records.get(nameOf(kid));
    if (!stored?.startsWith(`${epoch}.`)) return undefined;
    const key = this.vault.unwrap(contextOf(session, epoch, kid), stored.slice(epoch.length + 1));
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
