import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ChannelStore } from '../channel/channel-store.js';
import { Channels, nowInSeconds, type Binding } from '../channel/channels.js';
import type { Answer, OpenedMessage } from '../channel/channel.js';
import type { HandshakeAnswer } from '../channel/handshake.js';
import { IdentityKeys, type IdentityKeyInput, type PublishedIdentityKey } from '../channel/identity.js';
import { KeyPool } from '../channel/key-pool.js';
import { Mutex } from '../channel/mutex.js';
import { MemoryRecords, SessionStoreRecords, type Records, type SessionStore } from '../channel/records.js';
import { MemoryReplayGuard, type ReplayGuard } from '../channel/replay.js';
import { thumbprint } from '../channel/thumbprint.js';
import { Vault } from '../channel/vault.js';
import { nodeEngine } from '../crypto/node.js';
import { parsePublicKey, parseSigningKey, type SigningJwk } from '../protocol/keys.js';
import { E2eProblem } from '../protocol/problem.js';
import { E2E_OPTIONS, MAKE_SECRET, resolveOptions, wrong, type E2eOptions, type ShownOptions } from './e2e.options.js';
import { E2eException } from './e2e.exception.js';
import { EmbeddedSession } from './embedded-session.js';
import { openedMessageOf } from './exchange-state.js';
import { sessionOf, type HttpSession } from './session.js';

/** Channels already unwrapped that one store's `ChannelStore` keeps at hand. */
const CACHED_CHANNELS = 10_000;

/**
 * The server's keys: makes channels, opens and seals messages on them, ends them, and carries one over a login.
 * Requests are the platform's own (Express' or Fastify's), with their session.
 */
@Injectable()
export class KeyService implements OnApplicationBootstrap, OnModuleDestroy {
  /** @internal What this was set up with, but for secrets and keys: whoever prints this object sees them. */
  readonly options: ShownOptions;
  readonly #logger = new Logger('E2eModule');
  readonly #identity: IdentityKeys;
  readonly #pool: KeyPool;
  readonly #replay: ReplayGuard;
  readonly #vault: Vault;
  readonly #channels = new WeakMap<SessionStore, { readonly store: ChannelStore; readonly channels: Channels }>();

  readonly #carrying = new Mutex();
  #hasWarnedOfPlainSession = false;

  constructor(
    @Inject(E2E_OPTIONS) options: E2eOptions,
    @Inject(EmbeddedSession) private readonly embedded: EmbeddedSession,
  ) {
    const { secrets, identityKeys, replayGuard, ...shown } = resolveOptions(options);
    this.options = { ...shown, hasSecret: secrets.length > 0 };
    const [first = nodeEngine.encodeBase64url(nodeEngine.randomBytes(32)), ...others] = secrets;
    this.#vault = new Vault(nodeEngine, [first, ...others]);
    this.#identity = readIdentityKeys(identityKeys);
    this.#replay = replayGuard ?? new MemoryReplayGuard();
    this.#pool = new KeyPool(nodeEngine, this.options.rsaModulusLength, this.options.keyPool);
  }

  onApplicationBootstrap(): void {
    if (this.options.keyKinds.includes('RSA')) this.#pool.fill();
  }

  onModuleDestroy(): void {
    this.#pool.stop();
  }

  /**
   * Shakes hands: makes a channel for the request's session from the client's public key (a JWK or SPKI in PEM), and
   * saves the session. With a device key that the session is not bound to, the request gets a new session.
   *
   * @param device the client's device key, a JWK; not looked at unless `deviceBinding` is on.
   * @throws E2eProblem `key-rejected`, or `busy` where no key pair, session or store is at hand.
   */
  async createChannel(request: object, publicKey: unknown, device?: unknown): Promise<HandshakeAnswer> {
    const clientKey = parsePublicKey(publicKey);
    // A flood of handshakes is turned away before it costs the session store anything.
    if (clientKey.kty === 'RSA' && this.#pool.isExhausted) throw new E2eProblem('busy');
    const { session, bind } = await this.#sessionFor(request, device);
    const answer = await this.channelsOf(session).handshake(session.ref, clientKey, bind);
    try {
      // Not left to the end of the response: an answer whose session was not saved is of no use to the client.
      await session.keep(this.options.storeTimeout);
    } catch {
      throw new E2eProblem('busy');
    }
    return answer;
  }

  /**
   * Opens a message on a channel of the request's session, with all checks of PROTOCOL §5. For transports of your own;
   * routes need nothing of this.
   *
   * @throws E2eProblem
   */
  async open(request: object, message: string, binding: Binding): Promise<OpenedMessage> {
    const session = this.#sessionOf(request);
    const channels = this.channelsOf(session);
    const opened = await channels.open(session.ref.id, message, binding);
    await channels.admit(opened, nowInSeconds());
    return opened;
  }

  /** Seals an answer to an opened message. */
  seal(opened: OpenedMessage, answer: Omit<Answer, 'iat'>): string {
    return opened.seal({ ...answer, iat: nowInSeconds() });
  }

  /** Ends all channels of the request's session. Its clients shake hands again with their next request. */
  async revoke(request: object): Promise<void> {
    const session = this.#sessionOf(request);
    await this.#of(session.store).store.endSession(session.ref.id);
  }

  /**
   * Makes a new session in place of the request's, as a login should, and carries the request's own channel over to it;
   * every other channel of the old session ends. On a plain request it only makes the new session.
   *
   * Of two at the same time on one channel the second is refused as `busy`.
   *
   * @param regenerate how the new session is made. Default: `session.regenerate()`. For passport:
   * `() => new Promise((resolve, reject) => req.logIn(user, (error) => (error ? reject(error) : resolve())))`.
   */
  async carryOver(request: object, regenerate?: () => Promise<void>): Promise<void> {
    const before = this.#sessionOf(request);
    const channel = openedMessageOf(request)?.channel;
    const makeNew = regenerate ?? (() => before.regenerate());
    if (!channel) return makeNew();
    await this.#carrying.run(channel.kid, async () => {
      // Of two logins at once on one channel the first has ended the session that the second would carry over from.
      if (!(await before.exists(this.options.storeTimeout))) throw new E2eException(new E2eProblem('busy'));
      const { store } = this.#of(before.store);
      const old = await store.release(before.ref.id, channel);
      let after = before;
      try {
        await makeNew();
        after = this.#sessionOf(request);
      } finally {
        await store.adopt(after.ref, after.ref.id === before.ref.id ? old : { ...old, channels: [] }, channel);
      }
      await after.keep(this.options.storeTimeout);
    });
  }

  /** The public identity keys, as `GET /e2e/identity` answers them; the first one signs. */
  identityKeys(): readonly PublishedIdentityKey[] {
    return this.#identity.published;
  }

  /** @internal The channels behind a session's store. */
  channelsOf({ store }: HttpSession): Channels {
    return this.#of(store).channels;
  }

  /** @internal What stands in the URL for a sealed query: the same on every server, and nothing to a reader of logs. */
  queryTag(query: string): string {
    return this.#vault.name(`query ${query}`);
  }

  /** @internal A sealed request, or a handshake, without a session to look in: never let through. */
  withoutSession(): E2eProblem {
    this.#logger.error(
      'A request has no session: its store does not answer, or with `session: false` the application has no session middleware before this route.',
    );
    return new E2eProblem('busy');
  }

  /** The session that a handshake is for, and the device key to bind it to where the handshake creates it. */
  async #sessionFor(
    request: object,
    device: unknown,
  ): Promise<{ session: HttpSession; bind?: SigningJwk | undefined }> {
    const session = this.#sessionOf(request);
    if (this.options.deviceBinding === 'off') return { session };
    if (device === undefined) {
      throw new E2eProblem('key-rejected', { detail: 'this server takes handshakes with a device key only' });
    }
    const key = parseSigningKey(device);
    if (!(await session.exists(this.options.storeTimeout))) return { session, bind: key };
    const bound = await this.channelsOf(session).deviceOf(session.ref);
    if (bound === thumbprint(nodeEngine, key)) return { session };
    if (bound === undefined) this.#warnOfPlainSession();
    const fresh = session.beside?.();
    if (!fresh) throw this.withoutSession();
    return { session: fresh, bind: key };
  }

  /** Said once: it is a matter of the application, not of a request. */
  #warnOfPlainSession(): void {
    if (this.#hasWarnedOfPlainSession) return;
    this.#hasWarnedOfPlainSession = true;
    this.#logger.warn(
      'A handshake with a device key came on a session that began without one, and was answered on a new session: only ' +
        'the handshake that creates a session can bind it. Have clients shake hands (client.handshake()) before the ' +
        'first plain route that keeps a session, such as an OAuth redirect, and regenerate sessions with ' +
        'KeyService.carryOver(), which keeps the device key.',
    );
  }

  #sessionOf(request: object): HttpSession {
    const session = sessionOf(request);
    if (!session) throw this.withoutSession();
    return session;
  }

  #of(store: SessionStore): { readonly store: ChannelStore; readonly channels: Channels } {
    const known = this.#channels.get(store);
    if (known) return known;
    const channelStore = new ChannelStore(nodeEngine, this.#recordsOf(store), this.#vault, this.#replay, {
      channelsPerSession: this.options.channelsPerSession,
      cached: CACHED_CHANNELS,
    });
    const channels = new Channels(nodeEngine, channelStore, this.#pool, this.#identity, this.#replay, this.options);
    endChannelsWithSessions(store, channelStore);
    const made = { store: channelStore, channels };
    this.#channels.set(store, made);
    return made;
  }

  /** The embedded session store counts and evicts sessions; channels get a place of their own beside it. */
  #recordsOf(store: SessionStore): Records {
    if (this.embedded.owns(store)) return new MemoryRecords(2 * this.options.maxChannels); // one for the channel, one for its session
    if (!this.options.hasSecret) {
      this.#logger.error(missingSecret());
      throw new E2eProblem('busy');
    }
    return new SessionStoreRecords(store, this.options.storeTimeout);
  }
}

function readIdentityKeys(keys: readonly IdentityKeyInput[]): IdentityKeys {
  try {
    return new IdentityKeys(nodeEngine, keys);
  } catch {
    // The cause may quote its input.
    throw wrong('identityKey', 'Ed25519 or P-256 private keys, as PEM (PKCS#8, not encrypted) or KeyObject');
  }
}

/** Why a session store that is not the embedded one needs a secret, and how to make one. */
export function missingSecret(): string {
  return (
    'E2eModule: with a session or a session store of your own, E2eModule.forRoot({ secret }) is needed (not the secret ' +
    `of the session itself): what channels are encrypted under in the store, the same on every server. Make one with: ${MAKE_SECRET}`
  );
}

/** A session that is destroyed or regenerated takes its channels with it, even if a late save of it brings it back. */
function endChannelsWithSessions(store: SessionStore, channels: ChannelStore): void {
  const destroy = store.destroy.bind(store);
  store.destroy = (id, callback) => {
    if (!id.startsWith('e2e:')) void channels.endSession(id).catch(() => undefined);
    return destroy(id, callback);
  };
}
