import { LRUCache } from 'lru-cache';
import type { NodeEngine } from '../../crypto/node.js';
import { utf8 } from '../../protocol/json.js';
import type { SigningJwk } from '../../protocol/keys.js';
import { decodeChannel, encodeChannel } from './channel-record.js';
import type { Channel } from '../channel.js';
import { Mutex } from './mutex.js';
import type { Records } from './records.js';
import type { ReplayGuard } from '../replay.js';
import type { Vault } from './vault.js';

/**
 * A session as channels know it: its secret id, and the first second at which it can be gone. Where there are no
 * cookies there is none (`undefined`), and a channel stands alone: its name finds it, and nothing lists it.
 */
export interface SessionRef {
  readonly id: string;
  /** Seconds since 1970. */
  readonly expiresAt: number;
}

/** What is remembered of a session beside its channels: a record of its own, which no save of the session overwrites. */
export interface SessionRecord {
  /** The session's public name, fixed for it. */
  readonly session: string;
  /** The device key it is bound to. */
  readonly device?: SigningJwk | undefined;
  readonly channels: readonly ChannelEntry[];
}

interface ChannelEntry {
  readonly kid: string;
  /** Seconds since 1970. */
  readonly expiresAt: number;
  /** Milliseconds since 1970, when the entry was written. */
  readonly usedAt: number;
}

interface Unwrapped {
  readonly wrapped: string;
  readonly context: string;
  readonly channel: Channel;
  /** The name of its session's record. */
  readonly sessionName: string | undefined;
  usedAt: number;
}

/** What is asked of the channel that the first copy of a request came on (PROTOCOL §5 step 6). */
export type FirstChannel = Pick<Channel, 'provesAgain'>;

const KID = /^[A-Za-z0-9_-]{43}$/;

/**
 * The channels of all sessions (PROTOCOL §2): one record a channel, wrapped under the deployment's secret and bound to
 * the session that made it, and one record a session that lists them. Within this process a session's list changes one
 * step at a time; across servers the worst that two at once can do is a channel too many.
 */
export class ChannelStore {
  /** Channels already unwrapped. The record in the store decides whether one still exists. */
  readonly #unwrapped: LRUCache<string, Unwrapped>;
  readonly #mutex = new Mutex();

  constructor(
    private readonly engine: NodeEngine,
    private readonly records: Records,
    private readonly vault: Vault,
    private readonly replay: ReplayGuard,
    private readonly options: {
      readonly channelsPerSession: number;
      readonly cached: number;
      /** Told of a record that is there and cannot be read: damaged, another session's, or its secret is gone. */
      readonly onUnreadable: () => void;
    },
  ) {
    this.#unwrapped = new LRUCache({ max: options.cached });
  }

  /** The channel, where it is this session's and has not ended. What cannot be read counts as absent. */
  async find(session: string | undefined, kid: string, now: number): Promise<Channel | undefined> {
    if (!KID.test(kid)) return undefined;
    const wrapped = await this.records.get(channelName(kid));
    if (wrapped === undefined) return undefined;
    const context = channelContext(session, kid);
    let held = this.#unwrapped.get(kid);
    if (held?.wrapped !== wrapped || held.context !== context) {
      const channel = this.#unwrap(context, kid, wrapped);
      if (!channel) return undefined;
      held = this.#keep(session, wrapped, channel);
    }
    if (held.channel.expiresAt <= now) return undefined;
    held.usedAt = Date.now();
    if (held.sessionName !== undefined) void this.records.get(held.sessionName).catch(() => undefined);
    return held.channel;
  }

  /** The channel that the first copy of a request came on, as far as the copy could have used it, too. */
  async findFirst(session: string | undefined, kid: string, now: number): Promise<FirstChannel | undefined> {
    return this.find(session, kid, now);
  }

  /** The session's record, or what it begins with. */
  async session(id: string | undefined): Promise<SessionRecord> {
    if (id === undefined) return { session: this.engine.encodeBase64url(this.engine.randomBytes(16)), channels: [] };
    return (await this.#readSession(id)) ?? { session: this.vault.name(id), channels: [] };
  }

  /**
   * Adds a channel to its session, the least recently used ones making room. Its windows are there before it is. The
   * handshake that creates a session may bind it to a device key.
   */
  async add(session: SessionRef | undefined, channel: Channel, device?: SigningJwk): Promise<void> {
    await this.replay.open(channel.kid, channel.expiresAt);
    await this.#write(session?.id, channel);
    if (!session) return;
    await this.#mutex.run(session.id, async () => {
      const record = { ...(await this.session(session.id)), ...(device && { device }) };
      const entries = [...this.#alive(record.channels), entryOf(channel)];
      const crowd = entries.length - this.options.channelsPerSession;
      const evicted = crowd > 0 ? [...entries].sort((a, b) => this.#usedAt(a) - this.#usedAt(b)).slice(0, crowd) : [];
      await this.#writeSession(session, { ...record, channels: entries.filter((entry) => !evicted.includes(entry)) });
      await this.#end(evicted);
    });
  }

  /** Stores a channel anew, after it changed. */
  async update(session: string | undefined, channel: Channel): Promise<void> {
    await this.#write(session, channel);
  }

  /** Ends one channel. */
  async end(channel: Channel): Promise<void> {
    await this.#end([entryOf(channel)]);
  }

  /** Ends all channels of a session, and forgets it. */
  async endSession(id: string): Promise<void> {
    await this.#mutex.run(id, async () => {
      const record = await this.#readSession(id);
      if (!record) return;
      await this.records.delete(this.#sessionName(id));
      await this.#end(record.channels);
    });
  }

  /** Takes a channel out of its session's list, so that it outlives the session; `adopt` puts it into another's. */
  async release(id: string, channel: Channel): Promise<SessionRecord> {
    return this.#mutex.run(id, async () => {
      const record = await this.session(id);
      const kept = { ...record, channels: record.channels.filter(({ kid }) => kid !== channel.kid) };
      await this.records.set(this.#sessionName(id), this.#wrapSession(id, kept), channel.expiresAt);
      return kept;
    });
  }

  /** The other half of carrying a channel over: the new session keeps the old one's name and device key, and this channel. */
  async adopt(session: SessionRef, old: SessionRecord, channel: Channel): Promise<void> {
    await this.#write(session.id, channel);
    await this.#writeSession(session, { ...old, channels: [...old.channels, entryOf(channel)] });
  }

  async #write(session: string | undefined, channel: Channel): Promise<void> {
    const context = channelContext(session, channel.kid);
    const wrapped = this.vault.wrap(context, encodeChannel(this.engine, channel));
    await this.records.set(channelName(channel.kid), wrapped, channel.expiresAt);
    this.#keep(session, wrapped, channel);
  }

  #keep(session: string | undefined, wrapped: string, channel: Channel): Unwrapped {
    const held: Unwrapped = {
      wrapped,
      context: channelContext(session, channel.kid),
      channel,
      sessionName: session === undefined ? undefined : this.#sessionName(session),
      usedAt: Date.now(),
    };
    this.#unwrapped.set(channel.kid, held);
    return held;
  }

  #unwrap(context: string, kid: string, wrapped: string): Channel | undefined {
    const bytes = this.vault.unwrap(context, wrapped);
    try {
      if (bytes) return decodeChannel(this.engine, kid, bytes);
    } catch {
      // What another version of this package wrote, perhaps. The cause may quote keys.
    }
    this.options.onUnreadable();
    return undefined;
  }

  async #end(entries: readonly ChannelEntry[]): Promise<void> {
    for (const { kid } of entries) {
      this.#unwrapped.delete(kid);
      await this.replay.close(kid);
      await this.records.delete(channelName(kid));
    }
  }

  async #readSession(id: string): Promise<SessionRecord | undefined> {
    const wrapped = await this.records.get(this.#sessionName(id));
    if (wrapped === undefined) return undefined;
    const record = this.vault.unwrapJson(sessionContext(id), wrapped) as SessionRecord | undefined;
    if (!record) this.options.onUnreadable();
    return record;
  }

  /** The record stays while the session can, and while a channel of it lives. */
  async #writeSession(session: SessionRef, record: SessionRecord): Promise<void> {
    const end = Math.max(session.expiresAt, ...record.channels.map(({ expiresAt }) => expiresAt));
    await this.records.set(this.#sessionName(session.id), this.#wrapSession(session.id, record), end);
  }

  /** Not the session's id itself: whoever may list the store's names learns no cookie from it. */
  #sessionName(id: string): string {
    return `session:${this.engine.encodeBase64url(this.engine.sha256(utf8(id)))}`;
  }

  #wrapSession(id: string, record: SessionRecord): string {
    return this.vault.wrapJson(sessionContext(id), record);
  }

  #alive(entries: readonly ChannelEntry[]): ChannelEntry[] {
    const now = Date.now() / 1000;
    return entries.filter(({ expiresAt }) => expiresAt > now);
  }

  #usedAt({ kid, usedAt }: ChannelEntry): number {
    return Math.max(usedAt, this.#unwrapped.peek(kid)?.usedAt ?? 0);
  }
}

function entryOf({ kid, expiresAt }: Channel): ChannelEntry {
  return { kid, expiresAt, usedAt: Date.now() };
}

function channelName(kid: string): string {
  return `channel:${kid}`;
}

/** No session's id is empty. */
function channelContext(session: string | undefined, kid: string): string {
  return `channel\n${session ?? ''}\n${kid}`;
}

function sessionContext(id: string): string {
  return `session\n${id}`;
}
