import type { NodeEngine } from '../crypto/node.js';
import type { Awaitable } from '../protocol/crypto.js';
import { keyKind, serverKeyKind, type KeyKind, type PublicJwk } from '../protocol/keys.js';
import {
  MAX_AGE_SECONDS,
  MAX_AHEAD_SECONDS,
  MAX_TRANSIT_SECONDS,
  type Again,
  type RequestHeader,
} from '../protocol/message.js';
import { E2eProblem } from '../protocol/problem.js';
import { againInput } from '../protocol/schedule.js';
import type { Channel } from './channel.js';
import type { ChannelStore, SessionRecord, SessionRef } from './store/channel-store.js';
import type { Opened } from './answer.js';
import type { OpenedMessage, ValidMessage } from './message.js';
import { MessageReader, type Place } from './message-reader.js';
import { Clock } from './clock.js';
import { shakeHands, type HandshakeResponse } from './handshake.js';
import type { IdentityKeys } from './identity.js';
import type { Encapsulator } from './encapsulator.js';
import type { KeyPool } from './key-pool.js';
import type { ReplayGuard } from './replay.js';

export interface ChannelsOptions {
  readonly keyKinds: readonly KeyKind[];
  /** Seconds. */
  readonly channelTtl: number;
  readonly allowPlainJwe: boolean;
  /** Bytes of plaintext. */
  readonly maxBodySize: number;
  /** Seconds that a request in frames may take. */
  readonly maxUploadTime: number;
}

/** The session that a handshake is for, and its record. */
export interface Entered {
  readonly session: SessionRef | undefined;
  readonly record: SessionRecord;
  /** Whether other requests use the session too: one may have created its record at the same time, or revoked it. */
  readonly mayRace?: boolean;
}

/** The request that a message must belong to (PROTOCOL §5, steps 1 and 4). */
export interface Binding {
  readonly place: Place;
  readonly method: string;
  /** Path and query as the client sent them. */
  readonly target: string;
  readonly idem: string | undefined;
}

/** Makes channels, and lets messages in: the checks of PROTOCOL §5 in their order. Knows nothing of HTTP. */
export class Channels {
  readonly #reader: MessageReader;

  constructor(
    private readonly engine: NodeEngine,
    private readonly store: ChannelStore,
    private readonly pool: KeyPool,
    private readonly encapsulator: Encapsulator,
    private readonly identity: IdentityKeys,
    private readonly replay: ReplayGuard,
    private readonly options: ChannelsOptions,
    private readonly clock = new Clock(),
  ) {
    this.#reader = new MessageReader(engine, options);
  }

  /**
   * The server's side of a handshake (PROTOCOL §2). When it returns, the channel is stored and has its windows.
   *
   * @param how `enter` finds the session and reads its record, once. It is called when a key pair is available, so that
   * a rejected handshake does not use the store. `gone` is aborted when the client's connection ends.
   * @throws E2eProblem `key-rejected`, or `busy` if no key pair or store is available.
   */
  async handshake(
    ref: SessionRef | undefined,
    clientKey: PublicJwk,
    { enter = () => this.#enter(ref), gone }: { enter?: () => Promise<Entered>; gone?: AbortSignal } = {},
  ): Promise<HandshakeResponse> {
    const kind = keyKind(clientKey);
    if (!this.options.keyKinds.includes(kind)) {
      throw new E2eProblem('key-rejected', {
        detail: `this server takes keys of kind ${this.options.keyKinds.join(', ')}`,
      });
    }
    const encapsulation = clientKey.kty === 'AKP' ? await this.encapsulator.encapsulate(clientKey) : undefined;
    const keyPair = kind === 'RSA' ? await this.pool.take(gone) : this.engine.generateKeyPair(serverKeyKind(kind));
    const { session, record, mayRace } = await enter().catch((error: unknown) => {
      if (kind === 'RSA') this.pool.giveBack(keyPair);
      throw error;
    });
    await this.clock.sync();
    const issuedAt = this.clock.now();
    const expiresAt = issuedAt + this.options.channelTtl;
    const { channel, answer } = shakeHands(this.engine, this.identity, {
      clientKey,
      keyPair,
      encapsulation,
      session: record.session,
      device: record.device,
      issuedAt,
      expiresAt,
    });
    await this.store.add(session, record, channel);
    if (session && mayRace) await this.store.confirm(session, record, channel);
    return answer;
  }

  async #enter(session: SessionRef | undefined): Promise<Entered> {
    const record = session && (await this.store.session(session.id));
    return { session, record: record ?? (await this.store.begin(session)) };
  }

  /**
   * Steps 1 to 4: the message opens on a channel of this session, and belongs to this request.
   *
   * @param session `undefined` if there are no cookies: the channel is found only by its name.
   * @throws E2eProblem `message-rejected`, `handshake-required`, `too-large` or `busy`: all in the clear.
   */
  async open(session: string | undefined, message: string, binding: Binding): Promise<ValidMessage> {
    const { jwe, header } = this.#reader.read(message, binding.place);
    // Most of what is awaited here is in memory, and each turn of the queue costs a request.
    const syncing = this.clock.sync();
    if (syncing) await syncing;
    const finding = this.#find(session, header);
    const channel = finding instanceof Promise ? await finding : finding;
    // Read now: if what the message has proven cannot be stored, this process forgets where it found the channel.
    const epoch = this.store.epochOf(channel);
    const opened = channel.open(jwe, header);
    if (!opened) throw new E2eProblem('message-rejected', { step: 'decryption' });
    if (!hasRightBody(opened, binding.place)) throw new E2eProblem('message-rejected', { step: 'placement' });
    if (opened.isDeviceProof || opened.hasNewSecret) await this.#store(session, channel, opened);
    if (!isBoundTo(opened, binding)) throw new E2eProblem('message-rejected', { step: 'binding' });
    return { channel, epoch, ...opened };
  }

  /** For an incomplete message: the error that `open` would throw, as far as the protected header shows it. */
  async precheck(session: string | undefined, protectedHeader: string): Promise<E2eProblem | undefined> {
    const header = this.#reader.readHeader(protectedHeader);
    if (!header) return new E2eProblem('message-rejected', { step: 'format' });
    const channel = await this.store.find(session, header.kid, this.clock.now());
    return channel?.hasKeysFor(header) ? undefined : new E2eProblem('handshake-required', { step: 'channel' });
  }

  /**
   * Steps 5 and 6: the message is fresh, and no other copy of it was accepted. From here on every response is sealed.
   *
   * @param session as for `open`.
   * @param arrivedAt when the request's head arrived, in seconds since 1970 by this server's own clock.
   * @param wholeAt when the message was whole, by the same clock.
   * @throws E2eProblem `message-stale`, `message-replayed`, `handshake-required` for a lost window, or `busy`.
   */
  async admit(
    session: string | undefined,
    { header, channel }: OpenedMessage,
    arrivedAt: number,
    wholeAt = arrivedAt,
  ): Promise<void> {
    const age = this.clock.at(arrivedAt) - header.iat;
    if (-age > MAX_AHEAD_SECONDS) this.clock.noteAhead(-age);
    const isLate = this.#isLate(header, age, wholeAt - arrivedAt);
    if (isLate || -age > MAX_AHEAD_SECONDS) throw new E2eProblem('message-stale', { step: 'time' });
    // The channel's own string: the windows keep it, and the one in the header is a copy.
    const claiming = this.replay.claim(channel.kid, header.alg, header.seq);
    switch (typeof claiming === 'string' ? claiming : await claiming) {
      case 'new':
        if (header.again) await this.#claimFirst(session, header, header.again);
        return;
      case 'replayed':
        throw new E2eProblem('message-replayed', { step: 'window' });
      case 'stale':
        throw new E2eProblem('message-stale', { step: 'window' });
      case 'lost':
        throw new E2eProblem('handshake-required', { step: 'window' });
    }
  }

  /** @param transit how long the message took to arrive. */
  #isLate({ frames }: RequestHeader, age: number, transit: number): boolean {
    if (transit > MAX_TRANSIT_SECONDS) return true;
    // A proxy that buffers requests passes the head of an upload on only when all of it has come.
    if (frames === 'body') return age + transit > Math.max(MAX_AGE_SECONDS, this.options.maxUploadTime);
    return age > MAX_AGE_SECONDS;
  }

  /**
   * For a resent request, claims the first copy's number, so that at most one of the two runs. If the channel is gone,
   * or its client did not make the tag, the claim is ignored. If only the window is gone, the copy is accepted.
   */
  async #claimFirst(session: string | undefined, { kid, seq }: RequestHeader, again: Again): Promise<void> {
    const first = await this.store.findFirst(session, again.kid, this.clock.now());
    if (!first?.provesAgain(againInput(again.seq, kid, seq), again.tag)) return;
    const claim = await this.replay.claim(again.kid, 'dir', again.seq);
    if (claim === 'replayed' || claim === 'stale') throw new E2eProblem('message-replayed', { step: 'again' });
  }

  /** The channel of this session, if it can open this message. */
  #find(session: string | undefined, header: RequestHeader): Awaitable<Channel> {
    const finding = this.store.find(session, header.kid, this.clock.now());
    const judge = (channel: Channel | undefined): Awaitable<Channel> =>
      channel && !channel.isSpent && channel.hasKeysFor(header) ? channel : this.#refuse(channel);
    return finding instanceof Promise ? finding.then(judge) : judge(finding);
  }

  /** A channel ends if no further response may be sealed on it (PROTOCOL §3). */
  async #refuse(channel: Channel | undefined): Promise<never> {
    if (channel?.isSpent) await this.store.end(channel);
    throw new E2eProblem('handshake-required', { step: 'channel' });
  }

  /** Stores what a message has proven. If an RSA channel's secret is not stored, the client keeps sending it. */
  async #store(session: string | undefined, channel: Channel, opened: Opened): Promise<void> {
    await this.store.update(session, channel).catch((error: unknown) => {
      if (opened.isDeviceProof || !(error instanceof E2eProblem)) throw error;
    });
  }
}

/** Only a message in a body has a body. It has a media type, and no frames. */
function hasRightBody({ header, plaintext }: Opened, place: Place): boolean {
  return plaintext.length === 0 || (place === 'body' && header.cty !== undefined);
}

function isBoundTo({ header, meta }: Opened, { method, target, idem }: Binding): boolean {
  const isRequest = header.method === method && header.target === target && header.idem === idem;
  return isRequest && !(meta.query !== undefined && target.includes('?'));
}
