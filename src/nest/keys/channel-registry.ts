import { Inject, Injectable, Logger } from '@nestjs/common';
import { RECORDS_PER_CHANNEL } from '../../channel/store/channel-record.js';
import type { Ended } from '../../channel/store/options.js';
import { MemoryRecords, SessionStoreRecords, type Records, type SessionStore } from '../../channel/store/records.js';
import { E2eProblem } from '../../protocol/problem.js';
import { E2E_SETTINGS, MAKE_SECRET, type ShownOptions } from '../options/e2e.options.js';
import { RateLimitedLogger } from '../request/rate-limited-logger.js';
import { Carrier, LOGIN_LEFT_CHANNEL } from './carrier.js';
import { DefaultSession } from './default-session.js';
import { ServerKeys, type StoreChannels } from './server-keys.js';
import { SessionLocator } from './session-locator.js';
import { watchStore } from './session-watch.js';

/** The channels in each session store. Most applications have one store. */
@Injectable()
export class ChannelRegistry {
  /** Keeps channels when their session is replaced. */
  readonly carrier: Carrier;
  readonly #known = new WeakMap<SessionStore, StoreChannels>();
  readonly #log = new RateLimitedLogger(new Logger('E2eModule'));
  readonly #listeners: ((ended: Ended) => void)[] = [];

  constructor(
    @Inject(E2E_SETTINGS) private readonly settings: ShownOptions,
    @Inject(DefaultSession) private readonly defaultSession: DefaultSession,
    @Inject(SessionLocator) sessions: SessionLocator,
    @Inject(ServerKeys) private readonly keys: ServerKeys,
  ) {
    this.carrier = new Carrier({
      sessionOf: (request) => sessions.find(request),
      storeOf: ({ store }) => this.of(store).store,
      storeTimeout: settings.storeTimeout,
      onLeftBehind: () => this.#log.say('warn', LOGIN_LEFT_CHANNEL),
    });
  }

  of(store: SessionStore): StoreChannels {
    const known = this.#known.get(store);
    if (known) return known;
    const made = this.keys.channelsIn(this.#recordsOf(store), (ended) => this.#tell(ended));
    watchStore(store, made.store, this.settings.storeTimeout, this.carrier.regenerating);
    this.#known.set(store, made);
    return made;
  }

  /** Calls the listener for channels that ended in this process. */
  onEnded(listener: (ended: Ended) => void): void {
    this.#listeners.push(listener);
  }

  #tell(ended: Ended): void {
    for (const listener of this.#listeners) listener(ended);
  }

  /** Whether channels can be kept in this store: the application's own store needs a secret. */
  isReady(store: SessionStore): boolean {
    return this.settings.hasSecret || this.defaultSession.owns(store);
  }

  /** The default session store counts and evicts sessions, so channels are stored separately. */
  #recordsOf(store: SessionStore): Records {
    const { settings } = this;
    if (this.defaultSession.owns(store)) return new MemoryRecords(RECORDS_PER_CHANNEL * settings.maxChannels);
    if (!settings.hasSecret) {
      this.#log.say('error', missingSecret());
      throw new E2eProblem('busy');
    }
    if (!settings.hasReplayGuard && !isInMemory(store)) this.#log.say('warn', UNSHARED_WINDOWS);
    return new SessionStoreRecords(store, settings.storeTimeout);
  }
}

/** Recognized by name: the stores of express-session and @fastify/session, and the package memorystore. */
function isInMemory(store: SessionStore): boolean {
  return ['MemoryStore', 'Store'].includes(store.constructor.name);
}

/** Why a session store of the application needs a secret, and how to make one. */
export function missingSecret(): string {
  return (
    'E2eModule: a session or a session store of your own needs E2eModule.forRoot({ secret }). It encrypts channels in ' +
    `the store, is the same on every server, and is not the secret of the session itself. Make one with: ${MAKE_SECRET}`
  );
}

/** The warning if several servers may share sessions but not windows. */
export const UNSHARED_WINDOWS =
  'SEVERAL SERVERS WILL NOT SHARE CHANNELS: sessions are in your own store, but the windows that reject repeated ' +
  'messages are in the memory of this process. Every other server, and this one after a restart, responds with ' +
  'handshake-required. Share the windows: E2eModule.forRoot({ replayGuard: redisReplayGuard(client) }), from ' +
  "'nestjs-e2e-encryption/redis'. If one process serves everything, set replayGuard: new MemoryReplayGuard().";
