import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationShutdown } from '@nestjs/common';
import { nowInSeconds } from '../../channel/clock.js';
import type { Binding, Channels, Entered } from '../../channel/channels.js';
import type { OpenedMessage, PlainResponse } from '../../channel/message.js';
import type { E2eEvents } from '../../channel/events.js';
import type { HandshakeResponse } from '../../channel/handshake.js';
import type { PublishedIdentityKey } from '../../channel/identity.js';
import type { SessionStore } from '../../channel/store/records.js';
import { readPublicKey } from '../../crypto/spki.js';
import { keyKind } from '../../protocol/keys.js';
import { E2eProblem } from '../../protocol/problem.js';
import { ChannelRegistry } from './channel-registry.js';
import { Entrance } from './entrance.js';
import { E2E_EVENTS, E2E_SETTINGS, type ShownOptions } from '../options/e2e.options.js';
import { whileConnected } from '../request/connection.js';
import { DefaultSession } from './default-session.js';
import { openedMessageOf } from '../request/exchange-state.js';
import { RunningStreams } from './running-streams.js';
import { ServerKeys } from './server-keys.js';
import type { HttpSession } from './session.js';
import { SessionLocator } from './session-locator.js';
import { watchSession } from './session-watch.js';

/** What a message must belong to. The default place is a body. */
export type MessageBinding = Omit<Binding, 'place'> & Partial<Pick<Binding, 'place'>>;

/**
 * The server's keys: creates channels, opens and seals messages on them, ends them, and keeps one over a login.
 * Requests are those of the platform (Express or Fastify), with their session. Instead of a request you can pass a
 * sealed socket.
 *
 * @example
 * ```ts
 * @Controller('account')
 * @Encrypted()
 * export class AccountController {
 *   constructor(private readonly keys: KeyService) {}
 *
 *   // Ends all channels of the caller's session.
 *   @Post('lock')
 *   async lock(@Req() request: object) {
 *     await this.keys.revoke(request);
 *   }
 * }
 * ```
 */
@Injectable()
export class KeyService implements BeforeApplicationShutdown, OnApplicationShutdown {
  /** @internal The options without secrets and keys, because anyone who prints this object sees them. */
  readonly options: ShownOptions;
  /** @internal The running uploads and responses in frames. */
  readonly streams: RunningStreams;
  /** @internal Whose channels a request may use. */
  readonly sessions: SessionLocator;
  readonly #keys: ServerKeys;
  readonly #registry: ChannelRegistry;
  readonly #entrance: Entrance;

  constructor(
    @Inject(E2E_SETTINGS) options: ShownOptions,
    @Inject(DefaultSession) private readonly defaultSession: DefaultSession,
    @Inject(SessionLocator) sessions: SessionLocator,
    @Inject(ServerKeys) keys: ServerKeys,
    @Inject(ChannelRegistry) registry: ChannelRegistry,
    @Inject(RunningStreams) streams: RunningStreams,
    @Inject(Entrance) entrance: Entrance,
    @Inject(E2E_EVENTS) private readonly events: E2eEvents,
  ) {
    this.options = options;
    this.sessions = sessions;
    this.streams = streams;
    this.#keys = keys;
    this.#registry = registry;
    this.#entrance = entrance;
  }

  /** @internal Makes the first key pairs and checks the store of windows, unless the application has no HTTP server. */
  prepare(): void {
    this.#keys.prepare();
  }

  /** Runs before the server is closed, which may cut all connections at once. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.streams.close(this.options.shutdownTimeout);
  }

  /** Runs after the last response: a handshake in progress still gets its key pair. */
  onApplicationShutdown(): void {
    this.#keys.stop();
  }

  /**
   * Makes a handshake: creates a channel for the request's session from the client's public key (a JWK, or SPKI in
   * PEM), and saves the session. If the session is not bound to the given device key, the request gets a new session.
   *
   * @param device the client's device key, a JWK. It is ignored unless `deviceBinding` is on.
   * @throws E2eProblem `key-rejected`, or `busy` if no key pair, session or store is available.
   */
  async createChannel(request: object, publicKey: unknown, device?: unknown): Promise<HandshakeResponse> {
    const from = performance.now();
    const clientKey = readPublicKey(publicKey);
    const deviceKey = this.#entrance.deviceKeyOf(device);
    let session = this.sessions.of(request);
    const enter = async (): Promise<Entered> => {
      const entered = await this.#entrance.enter(session, deviceKey);
      ({ session } = entered);
      return { ...entered, session: session.ref };
    };
    const answer = await whileConnected(request, (gone) =>
      this.channelsOf(session).handshake(session.ref, clientKey, { enter, gone }),
    );
    try {
      // Not left to the end of the response: a response whose session was not saved is of no use to the client.
      await session.persist(this.options.storeTimeout);
    } catch {
      throw new E2eProblem('busy');
    }
    this.events.emit({ type: 'handshake', kind: keyKind(clientKey), ms: performance.now() - from });
    return answer;
  }

  /**
   * Opens a message on a channel of the request's session, with all checks of PROTOCOL §5. Use it for your own
   * transports; routes do not need it.
   *
   * @throws E2eProblem
   */
  async open(request: object, message: string, { place = 'body', ...binding }: MessageBinding): Promise<OpenedMessage> {
    const session = this.sessions.of(request);
    const channels = this.channelsOf(session);
    const opened = await channels.open(session.ref?.id, message, { place, ...binding });
    await channels.admit(session.ref?.id, opened, nowInSeconds());
    return opened;
  }

  /** Seals a response to an opened message. */
  seal(opened: OpenedMessage, answer: Omit<PlainResponse, 'iat'>): string {
    return opened.seal({ ...answer, iat: nowInSeconds() });
  }

  /**
   * Ends all channels of the request's session, on every server. Without cookies, it ends the channel of the request.
   * The session and its device key stay. Clients open a new channel with their next request.
   */
  async revoke(request: object): Promise<void> {
    const { ref, store } = this.sessions.of(request);
    const channels = this.#registry.of(store).store;
    const channel = openedMessageOf(request)?.channel;
    if (ref) await channels.revoke(ref);
    else if (channel) await channels.end(channel);
  }

  /**
   * Replaces the request's session by a new one, as a login should, and moves the request's channel to it. All other
   * channels of the old session end. On a plain request the new session keeps the device key but no channel: the page
   * after such a login calls `client.handshake({ renew: true })`. Without cookies it does nothing, because the caller
   * is identified by the channel itself.
   *
   * If another user is already logged in, call `session.regenerate()` instead: then no channel is kept. With passport,
   * this is detected automatically. If two logins run on one session at the same time, the second is rejected as
   * `busy`.
   *
   * @example
   * await app.get(KeyService).carryOver(request);
   *
   * @param regenerate creates the new session. Default: `session.regenerate()`. For passport:
   * `() => new Promise((resolve, reject) => req.logIn(user, (error) => (error ? reject(error) : resolve())))`.
   */
  async carryOver(request: object, regenerate?: () => Promise<void>): Promise<void> {
    const before = this.sessions.of(request);
    await this.#registry.carrier.carryOver(request, regenerate ?? (() => before.regenerate()));
  }

  /** The public identity keys, as in the response of `GET /e2e/identity`. The first one signs. */
  identityKeys(): readonly PublishedIdentityKey[] {
    return this.#keys.published;
  }

  /** @internal The channels in a session's store. */
  channelsOf({ store }: HttpSession): Channels {
    return this.#registry.of(store).channels;
  }

  /** @internal Why a message with this protected header would be rejected, before the rest of it is read. */
  async precheck(request: object, protectedHeader: string): Promise<E2eProblem | undefined> {
    const session = this.sessions.find(request);
    // Without a session, the opening of the message says what is missing.
    return session && this.channelsOf(session).precheck(session.ref?.id, protectedHeader);
  }

  /** @internal How many milliseconds an upload may still take (PROTOCOL §5, step 5). */
  uploadTimeLeft({ header }: OpenedMessage): number {
    return this.#keys.timeUntil(header.iat + this.options.maxUploadTime);
  }

  /** @internal The tag in the URL for a sealed query. It is the same on every server, and reveals nothing in logs. */
  queryTag(query: string): string {
    return this.#keys.queryTag(query);
  }

  /**
   * @internal Ends channels with their session, whoever ends it. It is called for every request, sealed or not: this
   * process may see the session for the first time in a logout.
   */
  watch(request: object): void {
    const { sessionStore } = request as { sessionStore?: SessionStore };
    if (sessionStore && this.#registry.isReady(sessionStore)) this.#registry.of(sessionStore);
  }

  /** @internal The same for an accepted sealed request: a login may replace its session. */
  watchLogin(request: object): void {
    if (!this.defaultSession.isCookieless) watchSession(request, this.#registry.carrier.regenerating);
  }
}
