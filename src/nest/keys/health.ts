import { Inject, Injectable } from '@nestjs/common';
import { nowInSeconds } from '../../channel/clock.js';
import type { E2eEvents } from '../../channel/events.js';
import { within } from '../../channel/expiry.js';
import type { KeyPoolState } from '../../channel/key-pool.js';
import { SessionStoreRecords, type SessionStore } from '../../channel/store/records.js';
import { KEY_KINDS } from '../../protocol/keys.js';
import { E2E_EVENTS, E2E_KEYS, E2E_OPTIONS, type E2eOptions } from '../options/e2e.options.js';
import type { KeyService } from './key.service.js';

/** What a health check shows. It has no secrets. */
export interface HealthReport {
  /** Whether sealed requests and handshakes are served. */
  readonly isUp: boolean;
  /**
   * The session store that keeps the channels: `up` if it took a record, `down` if not, `memory` if it is in this process.
   * `unknown`: the application has a session of its own, and its store was not passed.
   */
  readonly store: 'up' | 'down' | 'memory' | 'unknown';
  /** The sequence windows, by the same words. */
  readonly windows: 'up' | 'down' | 'memory';
  /** RSA key pairs that are ready, and handshakes that wait for one. */
  readonly keyPool: KeyPoolState;
  /** The thumbprint of the identity key that signs; `null` if there is none. */
  readonly identityKey: string | null;
}

/** The record that a check writes expires by itself. */
const RECORD_SECONDS = 10;
const RECORD = 'health';
const DEFAULT_WAITING = 32;

/** @internal Asks the stores as a handshake does: for a write. A Redis that only reads makes every request `busy`. */
@Injectable()
export class E2eHealth {
  /** Whether the application has a session of its own, whose store is not in the options. */
  hasOtherSession = false;
  // Private, because it contains secrets: whoever prints this object must not see them.
  readonly #options: E2eOptions;

  constructor(
    @Inject(E2E_OPTIONS) options: E2eOptions,
    @Inject(E2E_EVENTS) private readonly events: E2eEvents,
    @Inject(E2E_KEYS) private readonly keys: KeyService,
  ) {
    this.#options = options;
  }

  /** @param store the application's own session store, if it has one. */
  async report(store?: SessionStore): Promise<HealthReport> {
    const [records, windows] = await Promise.all([this.#checkStore(store), this.#checkWindows()]);
    const { keyPool } = this.events.counters;
    const { keyKinds = KEY_KINDS, keyPool: { waiting = DEFAULT_WAITING } = {} } = this.#options;
    const isExhausted = keyKinds.includes('RSA') && keyPool.ready === 0 && keyPool.waiting >= waiting;
    const identityKey = this.keys.identityKeys()[0]?.kid ?? null;
    const isUp = records !== 'down' && windows !== 'down' && !isExhausted;
    return { isUp, store: records, windows, keyPool, identityKey };
  }

  async #checkStore(given: SessionStore | undefined): Promise<HealthReport['store']> {
    const { session, channelStore } = this.#options;
    const own = typeof session === 'object' ? session.store : channelStore;
    const store = given ?? own;
    if (!store) return this.hasOtherSession ? 'unknown' : 'memory';
    const records = new SessionStoreRecords(store, this.keys.options.storeTimeout);
    return succeeds(records.set(RECORD, '', nowInSeconds() + RECORD_SECONDS));
  }

  async #checkWindows(): Promise<HealthReport['windows']> {
    const { replayGuard } = this.#options;
    if (!replayGuard) return 'memory';
    const asked = (async () => {
      await replayGuard.open(RECORD, nowInSeconds() + RECORD_SECONDS);
      await replayGuard.close(RECORD);
    })();
    return succeeds(within(this.keys.options.storeTimeout, asked));
  }
}

/** The reason is not passed on: a store's error may name hosts and users. */
function succeeds(attempt: Promise<void>): Promise<'up' | 'down'> {
  return attempt.then(
    () => 'up',
    () => 'down',
  );
}
