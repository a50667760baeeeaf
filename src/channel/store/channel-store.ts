import { LRUCache } from 'lru-cache';
import type { NodeEngine } from '../../crypto/node.js';
import type { Awaitable } from '../../protocol/crypto.js';
import type { SigningJwk } from '../../protocol/keys.js';
import { E2eProblem } from '../../protocol/problem.js';
import { Channel } from '../channel.js';
import type { ReplayGuard } from '../replay.js';
import { AgainRecords, type FirstChannel } from './again-records.js';
import { ChannelList, crowdOf, type ChannelEntry } from './channel-list.js';
import { channelName, contextOf, encodeChannel, readChannel } from './channel-record.js';
import { joinEpoch, splitEpoch } from './epoch.js';
import { Mutex } from './mutex.js';
import type { Records } from './records.js';
import type { ChannelStoreOptions } from './options.js';
import { SessionRecords, type SessionRecord, type SessionRef } from './session-records.js';
import type { Vault } from './vault.js';

export type { SessionRecord, SessionRef } from './session-records.js';

/** An unwrapped channel, and the records by which it was found valid. */
interface Held {
  readonly session: string | undefined;
  readonly sessionName: string | undefined;
  readonly stored: string;
  readonly storedSession: string | undefined;
  readonly channel: Channel;
  usedAt: number;
}
type Found = Omit<Held, 'channel' | 'usedAt'> & { readonly kid: string };

const KID = /^[A-Za-z0-9_-]{43}$/;

/**
 * The channels of all sessions (PROTOCOL §2): one record a channel, wrapped under the deployment's secret, bound to the
 * session that made it and to that session's epoch. Both are read for each request, so an end on one server applies to all.
 */
export class ChannelStore {
  /** Channels already unwrapped. The records in the store decide whether one is still valid. */
  readonly #held: LRUCache<string, Held>;
  readonly #sessions: SessionRecords;
  readonly #list: ChannelList;
  readonly #again: AgainRecords;

  constructor(
    private readonly engine: NodeEngine,
    private readonly records: Records,
    private readonly vault: Vault,
    private readonly replay: ReplayGuard,
    private readonly options: ChannelStoreOptions,
  ) {
    this.#held = new LRUCache({ max: options.cached });
    this.#sessions = new SessionRecords(engine, records, vault, options.onUnreadable);
    this.#list = new ChannelList(engine, records, vault, new Mutex());
    this.#again = new AgainRecords(engine, records, vault, options.againSeconds);
  }

  /** The channel, if it belongs to this session and has not ended: one round trip, or at once from memory. */
  find(session: string | undefined, kid: string, now: number): Awaitable<Channel | undefined> {
    if (!KID.test(kid)) return undefined;
    const known = this.#held.get(kid);
    const sessionName = known?.session === session ? known?.sessionName : session && this.#sessions.nameOf(session);
    const one = this.records.get(channelName(kid));
    const other = sessionName === undefined ? undefined : this.records.get(sessionName);
    const judge = (stored: string | undefined, storedSession: string | undefined): Channel | undefined =>
      stored === undefined ? undefined : this.#valid({ kid, session, sessionName, stored, storedSession }, known, now);
    const isHere = typeof one !== 'object' && typeof other !== 'object';
    return isHere ? judge(one, other) : Promise.all([one, other]).then((both) => judge(...both));
  }

  /** A record that cannot be read counts as absent. */
  #valid(found: Found, before: Held | undefined, now: number): Channel | undefined {
    const { kid, session, stored, storedSession } = found;
    // Requests that waited for the store together share one object, or only the state of the last could be stored.
    const latest = this.#held.peek(kid);
    const known = latest?.stored === stored ? latest : before;
    const isKnown = known?.stored === stored && known.storedSession === storedSession && known.session === session;
    const held = isKnown ? known : this.#unwrap(found, known);
    if (!held || held.channel.expiresAt <= now) return undefined;
    if (this.options.requiresDevice && !Channel.stateOf(held.channel).device) return undefined;
    held.usedAt = Date.now();
    return held.channel;
  }

  /**
   * What remains of the channel on which the first copy of a request arrived, if the second copy could have used it,
   * too. For an expired channel, this is `a_req`, for as long as the first copy could still arrive.
   */
  async findFirst(session: string | undefined, kid: string, now: number): Promise<FirstChannel | undefined> {
    const channel = await this.find(session, kid, now);
    if (channel || !KID.test(kid)) return channel;
    const epoch = session === undefined ? '' : (await this.#sessions.read(session))?.epoch;
    return epoch === undefined ? undefined : this.#again.find(session, epoch, kid);
  }

  session(id: string): Promise<SessionRecord | undefined> {
    return this.#sessions.read(id);
  }

  /** Creates the first record of a session, or a substitute without cookies. */
  async begin(
    session: SessionRef | undefined,
    given: { device?: SigningJwk; name?: string } = {},
  ): Promise<SessionRecord> {
    return session ? this.#sessions.begin(session, given) : this.#sessions.cookieless(given.device);
  }

  /** Adds a channel to its session, and removes others if necessary. Its windows are created first. */
  async add(session: SessionRef | undefined, record: SessionRecord, channel: Channel): Promise<void> {
    await this.replay.open(channel.kid, channel.expiresAt + this.options.againSeconds);
    await this.#write(session?.id, record.epoch, channel);
    if (session) await this.#enlist(session, record, channel);
  }

  /**
   * Completes a handshake on a session that other requests use too. If two first handshakes create its record at the
   * same time, one record remains, and the channel gets the epoch of that one.
   *
   * @throws E2eProblem `busy` if the session has ended or was replaced.
   */
  async confirm(session: SessionRef, record: SessionRecord, channel: Channel): Promise<void> {
    const now = await this.#sessions.read(session.id);
    if (now?.epoch === record.epoch) return;
    if (now?.session !== record.session || JSON.stringify(now.device) !== JSON.stringify(record.device)) {
      throw new E2eProblem('busy');
    }
    await this.#write(session.id, now.epoch, channel);
  }

  /** Stores a channel again, after a message on it has proven the device key, or contained the secret of its keys. */
  async update(session: string | undefined, channel: Channel): Promise<void> {
    const held = this.#held.get(channel.kid);
    // Its records were valid a moment ago. If they no longer are, what is written here is not valid either.
    if (held?.channel !== channel) throw new E2eProblem('busy');
    // On failure the next request reads the record, because state that is only in memory must not count as stored.
    await this.#write(session, splitEpoch(held.stored)!.epoch, channel).catch((error: unknown) => {
      this.#held.delete(channel.kid);
      throw error;
    });
    if (session === undefined || !Channel.stateOf(channel).isDeviceProven) return;
    await this.#list.change({ id: session, expiresAt: channel.expiresAt }, (entries) =>
      entries.map((entry) => (entry.kid === channel.kid ? { ...entry, isProven: true } : entry)),
    );
  }

  /** The epoch that a channel was last found valid in; `undefined` if this process did not find it. */
  epochOf({ kid }: Channel): string | undefined {
    const held = this.#held.peek(kid);
    return held && splitEpoch(held.stored)?.epoch;
  }

  /** Whether a session is still in this epoch: its channels were not revoked. Counts as use of this channel. */
  async isInEpoch(session: string, epoch: string, { kid }: Channel): Promise<boolean> {
    const held = this.#held.get(kid);
    if (held) held.usedAt = Date.now();
    return (await this.#sessions.read(session))?.epoch === epoch;
  }

  async end(channel: Channel): Promise<void> {
    await this.#remove([channel]);
    this.options.onEnded(channel);
  }

  /** Ends all channels of a session, on every server. Its name and its device key stay. */
  async revoke(session: SessionRef): Promise<void> {
    const epoch = await this.#sessions.replaceEpoch(session);
    await this.#remove(await this.#list.take(session.id));
    // A server that was rewriting the record under a new secret may have restored the old epoch.
    if (epoch !== undefined && (await this.#sessions.read(session.id))?.epoch !== epoch) {
      await this.#sessions.replaceEpoch(session);
    }
    this.options.onEnded({ session: session.id });
  }

  /** Ends all channels of a session, and removes its record. */
  async endSession(id: string): Promise<void> {
    await this.#sessions.delete(id);
    await this.#remove(await this.#list.take(id));
    this.options.onEnded({ session: id });
  }

  /** Removes a channel from its session's list, so that it outlives the session. `adopt` adds it to another session. */
  async release(session: SessionRef, channel: Channel): Promise<SessionRecord | undefined> {
    await this.#list.change(session, (entries) => entries.filter(({ kid }) => kid !== channel.kid));
    return this.#sessions.read(session.id);
  }

  /** The second half of carrying a channel over. The session's record already exists. */
  async adopt(session: SessionRef, record: SessionRecord, channel: Channel): Promise<void> {
    await this.#write(session.id, record.epoch, channel);
    await this.#enlist(session, record, channel);
  }

  async #enlist(session: SessionRef, record: SessionRecord, channel: Channel): Promise<void> {
    const { kid, expiresAt } = channel;
    const isProven = record.device && Channel.stateOf(channel).isDeviceProven === true;
    let evicted: readonly ChannelEntry[] = [];
    await this.#list.change(session, (entries) => {
      const known = entries.filter((entry) => entry.kid !== kid).map((entry) => this.#latest(entry));
      const all = [...known, { kid, expiresAt, usedAt: Date.now(), isProven }];
      // The new channel itself is never removed.
      evicted = crowdOf(known, this.options.channelsPerSession - 1);
      return all.filter((entry) => !evicted.includes(entry));
    });
    await this.#sessions.extend(session, record, expiresAt);
    await this.#remove(evicted);
  }

  async #write(session: string | undefined, epoch: string, channel: Channel): Promise<void> {
    const { kid, expiresAt } = channel;
    const state = Channel.stateOf(channel);
    const wrapped = this.vault.wrap(contextOf(session, epoch, kid), encodeChannel(this.engine, channel));
    const stored = joinEpoch(epoch, wrapped);
    await Promise.all([
      this.records.set(channelName(kid), stored, expiresAt),
      this.#again.write(session, epoch, channel),
    ]);
    channel.noteStored(state);
    const sessionName = session === undefined ? undefined : this.#sessions.nameOf(session);
    // Not yet checked: the next `find` compares its session's record.
    const storedSession = session === undefined ? undefined : '';
    this.#held.set(kid, { session, sessionName, stored, storedSession, channel, usedAt: Date.now() });
  }

  /** The channel in these records, if the session's epoch is still the channel's. */
  #unwrap(found: Found, known: Held | undefined): Held | undefined {
    const { kid, session, sessionName, stored, storedSession } = found;
    const parts = splitEpoch(stored);
    const epoch = session === undefined ? '' : this.#sessions.unwrap(session, storedSession)?.epoch;
    if (!parts) this.options.onUnreadable();
    // Revoked, or of another session: the record itself is not damaged.
    if (!parts || epoch === undefined || parts.epoch !== epoch) return undefined;
    const isSame = known?.stored === stored && known.session === session;
    const bytes = isSame ? undefined : this.vault.unwrap(contextOf(session, epoch, kid), parts.wrapped);
    const channel = isSame ? known.channel : bytes && readChannel(this.engine, kid, bytes);
    if (!channel) {
      this.options.onUnreadable();
      return undefined;
    }
    // Written out: V8 gives each object that a spread makes here a hidden class of its own, of 300 bytes.
    const held = { session, sessionName, stored, storedSession, channel, usedAt: Date.now() };
    this.#held.set(kid, held);
    return held;
  }

  async #remove(channels: readonly { readonly kid: string }[]): Promise<void> {
    for (const { kid } of channels) {
      this.#held.delete(kid);
      await this.replay.close(kid);
      await Promise.all([this.records.delete(channelName(kid)), this.#again.delete(kid)]);
    }
  }

  /** A list entry with newer values that this process knows. */
  #latest(entry: ChannelEntry): ChannelEntry {
    const held = this.#held.peek(entry.kid);
    if (!held) return entry;
    const isProven = entry.isProven === false ? Channel.stateOf(held.channel).isDeviceProven === true : entry.isProven;
    return { ...entry, isProven, usedAt: Math.max(entry.usedAt, held.usedAt) };
  }
}
