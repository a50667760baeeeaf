import type { NodeEngine } from '../../crypto/node.js';
import { utf8 } from '../../protocol/json.js';
import type { SigningJwk } from '../../protocol/keys.js';
import { nowInSeconds } from '../clock.js';
import type { Records } from './records.js';
import type { Vault } from './vault.js';

/**
 * A session as channels see it: its secret id, and the first second at which it can be gone. Without cookies there is
 * no session (`undefined`). A channel is then found only by its name, and no list has it.
 */
export interface SessionRef {
  readonly id: string;
  /** Seconds since 1970. */
  readonly expiresAt: number;
}

/**
 * What is stored about a session in addition to its channels: a separate record, which no save of the session
 * overwrites.
 */
export interface SessionRecord {
  /** The session's public name, which never changes. */
  readonly session: string;
  /** The device key it is bound to. */
  readonly device?: SigningJwk | undefined;
  /** Random. A channel is valid only under the epoch in which it was made; to end all channels, replace it. */
  readonly epoch: string;
  /** Whether it is stored under an old secret. */
  readonly isOutdated?: boolean;
}

/** In a store that cannot extend a record, the record must outlive a session that is extended again and again. */
const WITHOUT_EXTENSION_SECONDS = 30 * 86_400;

/**
 * The record of each session. A channel is valid only while its session's record has the epoch that the channel was
 * made in, so one write ends all of a session's channels on every server, including channels that other servers are
 * adding. No handshake overwrites an existing record.
 */
export class SessionRecords {
  constructor(
    private readonly engine: NodeEngine,
    private readonly records: Records,
    private readonly vault: Vault,
    private readonly onUnreadable: () => void,
  ) {}

  /** Not the session's id itself, so that names in the store reveal no cookie. */
  nameOf(id: string): string {
    return `session:${this.engine.encodeBase64url(this.engine.sha256(utf8(id)))}`;
  }

  async read(id: string): Promise<SessionRecord | undefined> {
    return this.unwrap(id, await this.records.get(this.nameOf(id)));
  }

  /** The content of a record. One that cannot be read counts as absent, so its session's channels are lost. */
  unwrap(id: string, wrapped: string | undefined): SessionRecord | undefined {
    if (wrapped === undefined) return undefined;
    const record = this.vault.unwrapJson(contextOf(id), wrapped) as SessionRecord | undefined;
    if (!record) this.onUnreadable();
    return record && this.vault.isOutdated(contextOf(id), wrapped) ? { ...record, isOutdated: true } : record;
  }

  /** The first record of a session. The handshake that creates a session may bind it to a device key. */
  async begin(
    session: SessionRef,
    { device, name }: { device?: SigningJwk; name?: string } = {},
  ): Promise<SessionRecord> {
    const record = { session: name ?? this.vault.name(session.id), device, epoch: this.#epoch() };
    await this.#write(session, record);
    return record;
  }

  /** The record for channels without a session. */
  cookieless(device?: SigningJwk): SessionRecord {
    return { session: this.#epoch(), device, epoch: '' };
  }

  /** Ends all channels of a session; its name and its device key stay. Returns the new epoch. */
  async replaceEpoch(session: SessionRef): Promise<string | undefined> {
    const record = await this.read(session.id);
    if (!record) return undefined;
    const epoch = this.#epoch();
    await this.#write(session, { ...record, epoch });
    return epoch;
  }

  /** Extends the record to the lifetime of a channel and of the session. It keeps a value that another server wrote. */
  async extend(session: SessionRef, record: SessionRecord, expiresAt: number): Promise<void> {
    // The session may be used until the channel's end, which extends it by its whole lifetime once more.
    const end = Math.max(session.expiresAt, expiresAt) + Math.max(0, session.expiresAt - nowInSeconds());
    if (record.isOutdated) await this.#write({ ...session, expiresAt: end }, record);
    else await this.records.extend(this.nameOf(session.id), end);
  }

  async delete(id: string): Promise<void> {
    await this.records.delete(this.nameOf(id));
  }

  async #write(session: SessionRef, { session: name, device, epoch }: SessionRecord): Promise<void> {
    const wrapped = this.vault.wrapJson(contextOf(session.id), { session: name, device, epoch });
    const end = session.expiresAt + (this.records.canExtend ? 0 : WITHOUT_EXTENSION_SECONDS);
    await this.records.set(this.nameOf(session.id), wrapped, end);
  }

  #epoch(): string {
    return this.engine.encodeBase64url(this.engine.randomBytes(16));
  }
}

function contextOf(id: string): string {
  return `session\n${id}`;
}
