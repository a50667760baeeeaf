import { Inject, Injectable, Logger } from '@nestjs/common';
import { Channels } from '../../channel/channels.js';
import { Clock } from '../../channel/clock.js';
import type { Encapsulator } from '../../channel/encapsulator.js';
import type { E2eEvents } from '../../channel/events.js';
import type { IdentityKeys, PublishedIdentityKey } from '../../channel/identity.js';
import { KeyPool } from '../../channel/key-pool.js';
import { observed } from '../../channel/observed-replay-guard.js';
import { MemoryReplayGuard, type ReplayGuard } from '../../channel/replay.js';
import { againSeconds } from '../../channel/store/again-records.js';
import { ChannelStore } from '../../channel/store/channel-store.js';
import type { Ended } from '../../channel/store/options.js';
import type { Records } from '../../channel/store/records.js';
import { Vault } from '../../channel/store/vault.js';
import { nodeEngine } from '../../crypto/node.js';
import {
  E2E_EVENTS,
  E2E_OPTIONS,
  E2E_SETTINGS,
  secretOptions,
  type E2eOptions,
  type ShownOptions,
} from '../options/e2e.options.js';
import { readIdentityKeys } from '../options/option-check.js';
import { RateLimitedLogger } from '../request/rate-limited-logger.js';
import { createEncapsulator } from './ml-kem.js';

/** How many decrypted channels one `ChannelStore` keeps in memory. */
const CACHED_CHANNELS = 10_000;

/** The channels in one session store. */
export interface StoreChannels {
  readonly store: ChannelStore;
  readonly channels: Channels;
}

/**
 * What the channels of all session stores have in common: the secrets, the identity keys, the key pairs for handshakes,
 * the windows and the clock. It makes the channels itself, so that no other provider holds a secret. All members with
 * secrets are `#private`, because anyone who prints this object sees the others.
 */
@Injectable()
export class ServerKeys {
  readonly #logger = new Logger('E2eModule');
  readonly #log = new RateLimitedLogger(this.#logger);
  readonly #vault: Vault;
  readonly #identity: IdentityKeys;
  readonly #pool: KeyPool;
  readonly #encapsulator: Encapsulator;
  readonly #replay: ReplayGuard;
  readonly #clock: Clock;

  constructor(
    @Inject(E2E_OPTIONS) options: E2eOptions,
    @Inject(E2E_SETTINGS) private readonly settings: ShownOptions,
    @Inject(E2E_EVENTS) events: E2eEvents,
  ) {
    const { secrets, identityKeys, replayGuard } = secretOptions(options);
    const [first = nodeEngine.encodeBase64url(nodeEngine.randomBytes(32)), ...others] = secrets;
    this.#vault = new Vault(nodeEngine, [first, ...others]);
    this.#identity = readIdentityKeys(identityKeys);
    this.#pool = new KeyPool(nodeEngine, settings.rsaModulusLength, settings.keyPool, (state) =>
      events.emit({ type: 'key-pool', ...state }),
    );
    this.#encapsulator = createEncapsulator(this.#log);
    const replay = observed(replayGuard ?? new MemoryReplayGuard(), events);
    this.#replay = replay;
    this.#clock = new Clock({
      source: replay.time && (() => replay.time!()),
      onOffset: (seconds) => this.#log.say('warn', clockOffset(seconds)),
      onAhead: () => this.#log.say('warn', CLOCKS_DIFFER),
    });
  }

  /** Makes the first key pairs and checks the store of windows. */
  prepare(): void {
    if (this.settings.keyKinds.includes('RSA')) this.#pool.fill();
    void this.#checkWindows();
  }

  async #checkWindows(): Promise<void> {
    try {
      for (const line of (await this.#replay.check?.()) ?? []) this.#logger.warn(line);
    } catch {
      // A store that does not answer yet: requests are busy until it does.
    }
  }

  /** Makes no more key pairs in advance. A handshake in progress still gets its own. */
  stop(): void {
    this.#pool.stop();
    this.#encapsulator.stop();
  }

  /** The public identity keys. The first one signs. */
  get published(): readonly PublishedIdentityKey[] {
    return this.#identity.published;
  }

  /** The tag in the URL for a sealed query. It is the same on every server, and reveals nothing in logs. */
  queryTag(query: string): string {
    return this.#vault.name(`query ${query}`);
  }

  /** Milliseconds until this second of the clock for channels. */
  timeUntil(seconds: number): number {
    return this.#clock.until(seconds);
  }

  /** @param onEnded called for channels that ended in this process. */
  channelsIn(records: Records, onEnded: (ended: Ended) => void): StoreChannels {
    const { settings } = this;
    const store = new ChannelStore(nodeEngine, records, this.#vault, this.#replay, {
      channelsPerSession: settings.channelsPerSession,
      cached: CACHED_CHANNELS,
      requiresDevice: settings.deviceBinding === 'required',
      againSeconds: againSeconds(settings.maxUploadTime),
      onUnreadable: () => this.#log.say('warn', UNREADABLE),
      onEnded,
    });
    const keys = [this.#pool, this.#encapsulator, this.#identity] as const;
    return { store, channels: new Channels(nodeEngine, store, ...keys, this.#replay, settings, this.#clock) };
  }
}

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
