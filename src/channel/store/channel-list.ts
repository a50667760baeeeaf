import type { NodeEngine } from '../../crypto/node.js';
import { utf8 } from '../../protocol/json.js';
import type { Mutex } from './mutex.js';
import type { Records } from './records.js';
import type { SessionRef } from './session-records.js';
import type { Vault } from './vault.js';

/** A channel in its session's list. */
export interface ChannelEntry {
  readonly kid: string;
  /** Seconds since 1970. */
  readonly expiresAt: number;
  /** Milliseconds since 1970. */
  readonly usedAt: number;
  /** Whether a message was opened on it. Stored only for sessions with a device key. */
  readonly isProven?: boolean | undefined;
}

/**
 * Which channels each session has, to limit them and to clean up after the session. Security does not depend on it: if
 * two servers change it at once, an entry can be lost, and the session has one channel too many until that expires.
 */
export class ChannelList {
  constructor(
    private readonly engine: NodeEngine,
    private readonly records: Records,
    private readonly vault: Vault,
    private readonly mutex: Mutex,
  ) {}

  /** Changes a session's list, one change at a time in this process. `change` returns the new list. */
  async change(
    session: SessionRef,
    change: (entries: readonly ChannelEntry[]) => Promise<readonly ChannelEntry[]> | readonly ChannelEntry[],
  ): Promise<void> {
    await this.mutex.run(session.id, async () => {
      const entries = await change(await this.#read(session.id));
      const end = Math.max(session.expiresAt, ...entries.map(({ expiresAt }) => expiresAt));
      await this.records.set(this.#nameOf(session.id), this.vault.wrapJson(contextOf(session.id), entries), end);
    });
  }

  /** Removes the list, and returns its content. */
  async take(id: string): Promise<readonly ChannelEntry[]> {
    return this.mutex.run(id, async () => {
      const entries = await this.#read(id);
      await this.records.delete(this.#nameOf(id));
      return entries;
    });
  }

  /** The channels that have not expired. A list that cannot be read is empty. */
  async #read(id: string): Promise<readonly ChannelEntry[]> {
    const wrapped = await this.records.get(this.#nameOf(id));
    const entries = wrapped === undefined ? undefined : this.vault.unwrapJson(contextOf(id), wrapped);
    const now = Date.now() / 1000;
    return ((entries ?? []) as ChannelEntry[]).filter(({ expiresAt }) => expiresAt > now);
  }

  #nameOf(id: string): string {
    return `channels:${this.engine.encodeBase64url(this.engine.sha256(utf8(id)))}`;
  }
}

/**
 * The channels to remove for a new one: the least recently used ones. In a session with a device key, first those on
 * which nothing was opened yet (PROTOCOL §2), because anyone who has the cookie can create those.
 */
export function crowdOf(entries: readonly ChannelEntry[], max: number): readonly ChannelEntry[] {
  const rank = ({ isProven }: ChannelEntry): number => (isProven === false ? 0 : 1);
  return [...entries]
    .sort((a, b) => rank(a) - rank(b) || a.usedAt - b.usedAt)
    .slice(0, Math.max(0, entries.length - max));
}

function contextOf(id: string): string {
  return `channels\n${id}`;
}
