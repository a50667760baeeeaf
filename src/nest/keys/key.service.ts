import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { nowInSeconds, type Binding, type Channels } from '../../channel/channels.js';
import type { Answer, OpenedMessage } from '../../channel/message.js';
import type { E2eEvents } from '../../channel/events.js';
import type { HandshakeAnswer } from '../../channel/handshake.js';
import { IdentityKeys, type IdentityKeyInput, type PublishedIdentityKey } from '../../channel/identity.js';
import { KeyPool } from '../../channel/key-pool.js';
import { Mutex } from '../../channel/store/mutex.js';
import { observed } from '../../channel/observed-replay-guard.js';
import { MemoryReplayGuard, type ReplayGuard } from '../../channel/replay.js';
import { thumbprint } from '../../channel/thumbprint.js';
import { Vault } from '../../channel/store/vault.js';
import { nodeEngine } from '../../crypto/node.js';
import { keyKind, parsePublicKey, parseSigningKey, type SigningJwk } from '../../protocol/keys.js';
import { E2eProblem } from '../../protocol/problem.js';
import { ChannelRegistry } from './channel-registry.js';
import { E2E_EVENTS, E2E_OPTIONS, resolveOptions, type E2eOptions, type ShownOptions } from '../options/e2e.options.js';
import { E2eException } from '../request/e2e.exception.js';
import { DefaultSession } from './default-session.js';
import { openedMessageOf } from '../request/exchange-state.js';
import { wrongIdentityKey } from '../options/option-check.js';
import { RateLimitedLogger } from '../request/rate-limited-logger.js';
import { sessionOf, type HttpSession } from './session.js';

/** What a message must say it belongs to; it stands in a body unless said otherwise. */
export type MessageBinding = Omit<Binding, 'place'> & Partial<Pick<Binding, 'place'>>;

/**
 * The server's keys: makes channels, opens and seals messages on them, ends them, and carries one over a login.
 * Requests are the platform's own (Express' or Fastify's), with their session.
 */
@Injectable()
export class KeyService implements OnApplicationShutdown {
  /** @internal What this was set up with, but for secrets and keys: whoever prints this object sees them. */
  readonly options: ShownOptions;
  readonly #logger = new Logger('E2eModule');
  readonly #log = new RateLimitedLogger(this.#logger);
  readonly #replay: ReplayGuard;
  readonly #identity: IdentityKeys;
  readonly #pool: KeyPool;
  readonly #vault: Vault;
  readonly #registry: ChannelRegistry;
  readonly #carrying = new Mutex();

  constructor(
    @Inject(E2E_OPTIONS) options: E2eOptions,
    @Inject(DefaultSession) private readonly defaultSession: DefaultSession,
    @Inject(E2E_EVENTS) private readonly events: E2eEvents,
  ) {
    const { secrets, identityKeys, replayGuard, ...shown } = resolveOptions(options);
    this.options = { ...shown, hasSecret: secrets.length > 0, hasReplayGuard: replayGuard !== undefined };
    const [first = nodeEngine.encodeBase64url(nodeEngine.randomBytes(32)), ...others] = secrets;
    this.#vault = new Vault(nodeEngine, [first, ...others]);
    this.#identity = readIdentityKeys(identityKeys);
    this.#pool = new KeyPool(nodeEngine, this.options.rsaModulusLength, this.options.keyPool, (state) =>
      events.emit({ type: 'key-pool', ...state }),
    );
    this.#replay = observed(replayGuard ?? new MemoryReplayGuard(), events);
    this.#registry = new ChannelRegistry({
      options: this.options,
      defaultSession,
      vault: this.#vault,
      replay: this.#replay,
      pool: this.#pool,
      identity: this.#identity,
      logger: this.#logger,
    });
  }

  /** @internal Makes the first key pairs, and checks where windows are kept: not in an application that answers no HTTP. */
  prepare(): void {
    if (this.options.keyKinds.includes('RSA')) this.#pool.fill();
    void this.#checkWindows();
  }

  async #checkWindows(): Promise<void> {
    try {
      for (const line of (await this.#replay.check?.()) ?? []) this.#logger.warn(line);
    } catch {
      // A store that does not answer yet: requests are busy until it does.
    }
  }

  /** Not before the last request was answered: a handshake under way still gets its pair. */
  onApplicationShutdown(): void {
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
    const from = performance.now();
    const clientKey = parsePublicKey(publicKey);
    // A flood of handshakes is turned away before it costs the session store anything.
    if (clientKey.kty === 'RSA' && this.#pool.isExhausted) throw new E2eProblem('busy');
    const { session, bind } = await this.#sessionFor(request, device);
    const answer = await this.channelsOf(session).handshake(session.ref, clientKey, bind);
    try {
      // Not left to the end of the response: an answer whose session was not saved is of no use to the client.
      await session.persist(this.options.storeTimeout);
    } catch {
      throw new E2eProblem('busy');
    }
    this.events.emit({ type: 'handshake', kind: keyKind(clientKey), ms: performance.now() - from });
    return answer;
  }

  /**
   * Opens a message on a channel of the request's session, with all checks of PROTOCOL §5. For transports of your own;
   * routes need nothing of this.
   *
   * @throws E2eProblem
   */
  async open(request: object, message: string, { place = 'body', ...binding }: MessageBinding): Promise<OpenedMessage> {
    const session = this.sessionOf(request);
    const channels = this.channelsOf(session);
    const opened = await channels.open(session.ref?.id, message, { place, ...binding });
    await channels.admit(session.ref?.id, opened, nowInSeconds());
    return opened;
  }

  /** Seals an answer to an opened message. */
  seal(opened: OpenedMessage, answer: Omit<Answer, 'iat'>): string {
    return opened.seal({ ...answer, iat: nowInSeconds() });
  }

  /**
   * Ends all channels of the request's session; without cookies, the one that the request came on. Clients shake hands
   * again with their next request.
   */
  async revoke(request: object): Promise<void> {
    const { ref, store } = this.sessionOf(request);
    const channels = this.#registry.of(store).store;
    const channel = openedMessageOf(request)?.channel;
    if (ref) await channels.endSession(ref.id);
    else if (channel) await channels.end(channel);
  }

  /**
   * Makes a new session in place of the request's, as a login should, and carries the request's own channel over to it;
   * every other channel of the old session ends. On a plain request it only makes the new session. Without cookies
   * there is nothing to carry: the channel itself is what the caller is known by.
   *
   * Of two at the same time on one channel the second is refused as `busy`.
   *
   * @param regenerate how the new session is made. Default: `session.regenerate()`. For passport:
   * `() => new Promise((resolve, reject) => req.logIn(user, (error) => (error ? reject(error) : resolve())))`.
   */
  async carryOver(request: object, regenerate?: () => Promise<void>): Promise<void> {
    const before = this.sessionOf(request);
    const { ref } = before;
    const channel = openedMessageOf(request)?.channel;
    const makeNew = regenerate ?? (() => before.regenerate());
    if (!channel || !ref) return makeNew();
    await this.#carrying.run(channel.kid, async () => {
      // Of two logins at once on one channel the first has ended the session that the second would carry over from.
      if (!(await before.exists(this.options.storeTimeout))) throw new E2eException(new E2eProblem('busy'));
      const { store } = this.#registry.of(before.store);
      const old = await store.release(ref.id, channel);
      let after = ref;
      try {
        await makeNew();
        after = this.sessionOf(request).ref ?? ref;
      } finally {
        await store.adopt(after, after.id === ref.id ? old : { ...old, channels: [] }, channel);
      }
      await this.sessionOf(request).persist(this.options.storeTimeout);
    });
  }

  /** The public identity keys, as `GET /e2e/identity` answers them; the first one signs. */
  identityKeys(): readonly PublishedIdentityKey[] {
    return this.#identity.published;
  }

  /** @internal The channels behind a session's store. */
  channelsOf({ store }: HttpSession): Channels {
    return this.#registry.of(store).channels;
  }

  /** @internal Why a message with this protected header would be refused, as far as that tells before the rest is read. */
  async precheck(request: object, protectedHeader: string): Promise<E2eProblem | undefined> {
    const session = this.defaultSession.cookieless ?? sessionOf(request);
    // Without a session, the opening of the message says what is missing.
    return session && this.channelsOf(session).precheck(session.ref?.id, protectedHeader);
  }

  /** @internal What stands in the URL for a sealed query: the same on every server, and nothing to a reader of logs. */
  queryTag(query: string): string {
    return this.#vault.name(`query ${query}`);
  }

  /**
   * @internal The session to look in for a request's channel.
   *
   * @throws E2eProblem `busy`: a sealed request, or a handshake, without a session is never let through.
   */
  sessionOf(request: object): HttpSession {
    const session = this.defaultSession.cookieless ?? sessionOf(request);
    if (!session) throw this.#withoutSession();
    return session;
  }

  #withoutSession(): E2eProblem {
    this.#log.say(
      'error',
      'A request has no session: its store does not answer, or with `session: false` the application has no session middleware before this route.',
    );
    return new E2eProblem('busy');
  }

  /** The session that a handshake is for, and the device key to bind it to where the handshake creates it. */
  async #sessionFor(
    request: object,
    device: unknown,
  ): Promise<{ session: HttpSession; bind?: SigningJwk | undefined }> {
    const session = this.sessionOf(request);
    if (this.options.deviceBinding === 'off') return { session };
    if (device === undefined) {
      throw new E2eProblem('key-rejected', { detail: 'this server takes handshakes with a device key only' });
    }
    const key = parseSigningKey(device);
    if (!(await session.exists(this.options.storeTimeout))) return { session, bind: key };
    const bound = await this.channelsOf(session).deviceOf(session.ref);
    if (bound === thumbprint(nodeEngine, key)) return { session };
    if (bound === undefined) this.#warnOfPlainSession();
    const fresh = session.createSibling?.();
    if (!fresh) throw this.#withoutSession();
    return { session: fresh, bind: key };
  }

  #warnOfPlainSession(): void {
    this.#log.say(
      'warn',
      'A handshake with a device key came on a session that began without one, and was answered on a new session: only ' +
        'the handshake that creates a session can bind it. Have clients shake hands (client.handshake()) before the ' +
        'first plain route that keeps a session, such as an OAuth redirect, and regenerate sessions with ' +
        'KeyService.carryOver(), which keeps the device key.',
    );
  }
}

function readIdentityKeys(keys: readonly IdentityKeyInput[]): IdentityKeys {
  try {
    return new IdentityKeys(nodeEngine, keys);
  } catch {
    // The cause may quote its input.
    throw wrongIdentityKey(keys);
  }
}
