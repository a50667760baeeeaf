import type { Logger } from '@nestjs/common';
import { againSeconds } from '../../channel/store/again-records.js';
import { RECORDS_PER_CHANNEL } from '../../channel/store/channel-record.js';
import { ChannelStore } from '../../channel/store/channel-store.js';
import type { Ended } from '../../channel/store/options.js';
import { Clock } from '../../channel/clock.js';
import { Channels } from '../../channel/channels.js';
import type { IdentityKeys } from '../../channel/identity.js';
import type { Encapsulator } from '../../channel/encapsulator.js';
import type { KeyPool } from '../../channel/key-pool.js';
import { MemoryRecords, SessionStoreRecords, type Records, type SessionStore } from '../../channel/store/records.js';
import type { ReplayGuard } from '../../channel/replay.js';
import type { Vault } from '../../channel/store/vault.js';
import { nodeEngine } from '../../crypto/node.js';
import { E2eProblem } from '../../protocol/problem.js';
import { MAKE_SECRET, type ShownOptions } from '../options/e2e.options.js';
import type { DefaultSession } from './default-session.js';
import { watchStore, type Regenerating } from './session-watch.js';
import { SessionCookie } from './session-cookie.js';
import { RateLimitedLogger } from '../request/rate-limited-logger.js';

/** How many decrypted channels one `ChannelStore` keeps in memory. */
const CACHED_CHANNELS = 10_000;

/** What the channels of every store have in common. */
export interface ChannelParts {
  readonly options: ShownOptions;
  readonly defaultSession: DefaultSession;
  readonly vault: Vault;
  readonly replay: ReplayGuard;
  readonly pool: KeyPool;
  readonly encapsulator: Encapsulator;
  readonly identity: IdentityKeys;
  readonly logger: Logger;
  /** Called around each replacement of a session by a new one. */
  readonly regenerating: Regenerating;
  /** Called for channels that ended in this process. */
  readonly onEnded: (ended: Ended) => void;
}

interface StoreChannels {
  readonly store: ChannelStore;
  readonly channels: Channels;
  readonly sessionCookie: SessionCookie;
}

/** The channels in each session store. Most applications have one store. */
export class ChannelRegistry {
  readonly #known = new WeakMap<SessionStore, StoreChannels>();
  readonly #log: RateLimitedLogger;
  readonly #clock: Clock;

  constructor(private readonly parts: ChannelParts) {
    this.#log = new RateLimitedLogger(parts.logger);
    const { replay } = parts;
    this.#clock = new Clock({
      source: replay.time && (() => replay.time!()),
      onOffset: (seconds) => this.#log.say('warn', clockOffset(seconds)),
      onAhead: () => this.#log.say('warn', CLOCKS_DIFFER),
    });
  }

  of(store: SessionStore): StoreChannels {
    const known = this.#known.get(store);
    if (known) return known;
    const { options, vault, replay, pool, encapsulator, identity } = this.parts;
    const channelStore = new ChannelStore(nodeEngine, this.#recordsOf(store), vault, replay, {
      channelsPerSession: options.channelsPerSession,
      cached: CACHED_CHANNELS,
      requiresDevice: options.deviceBinding === 'required',
      againSeconds: againSeconds(options.maxUploadTime),
      onUnreadable: () => this.#log.say('warn', UNREADABLE),
      onEnded: this.parts.onEnded,
    });
    const made = {
      store: channelStore,
      channels: new Channels(nodeEngine, channelStore, pool, encapsulator, identity, replay, options, this.#clock),
      sessionCookie: new SessionCookie(this.parts.defaultSession.cookieNameFor(store)),
    };
    watchStore(store, channelStore, options.storeTimeout, this.parts.regenerating);
    this.#known.set(store, made);
    return made;
  }

  /** Whether channels can be kept in this store: the application's own store needs a secret. */
  isReady(store: SessionStore): boolean {
    return this.parts.options.hasSecret || this.parts.defaultSession.owns(store);
  }

  /** The default session store counts and evicts sessions, so channels are stored separately. */
  #recordsOf(store: SessionStore): Records {
    const { options, defaultSession } = this.parts;
    if (defaultSession.owns(store)) return new MemoryRecords(RECORDS_PER_CHANNEL * options.maxChannels);
    if (!options.hasSecret) {
      this.#log.say('error', missingSecret());
      throw new E2eProblem('busy');
    }
    if (!options.hasReplayGuard && !isInMemory(store)) this.#log.say('warn', UNSHARED_WINDOWS);
    return new SessionStoreRecords(store, options.storeTimeout);
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

const UNREADABLE =
  'A record in the session store could not be read and is ignored: it belongs to another session (is the session cookie ' +
  'sent?), or is not encrypted under one of the secrets in the option "secret". Its client makes a new handshake.';

const CLOCKS_DIFFER =
  'A message is more than 30 seconds ahead of the clock for channels, and was rejected (message-stale): the clocks of the ' +
  'servers that share channels differ. Synchronize them (NTP), or share windows by a ReplayGuard that has time(), such as ' +
  'redisReplayGuard: channels then use its clock.';

function clockOffset(seconds: number): string {
  const side = seconds > 0 ? 'behind' : 'ahead of';
  return (
    `The clock of this server is ${Math.abs(seconds)} seconds ${side} the clock that the servers share (the store's). ` +
    'Channels use the shared clock; everything else on this server uses the wrong one. Synchronize it (NTP).'
  );
}
