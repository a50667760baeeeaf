import { Inject, Injectable, Logger } from '@nestjs/common';
import type { SessionRecord } from '../../channel/store/channel-store.js';
import { thumbprint } from '../../channel/thumbprint.js';
import { nodeEngine } from '../../crypto/node.js';
import { parseSigningKey, type SigningJwk } from '../../protocol/keys.js';
import { E2eProblem } from '../../protocol/problem.js';
import { E2E_SETTINGS, type ShownOptions } from '../options/e2e.options.js';
import { RateLimitedLogger } from '../request/rate-limited-logger.js';
import { ChannelRegistry } from './channel-registry.js';
import type { HttpSession } from './session.js';
import { SessionLocator } from './session-locator.js';

/** Finds the session that a handshake is for (PROTOCOL §2, device keys). */
@Injectable()
export class Entrance {
  readonly #log = new RateLimitedLogger(new Logger('E2eModule'));

  constructor(
    @Inject(E2E_SETTINGS) private readonly settings: ShownOptions,
    @Inject(SessionLocator) private readonly sessions: SessionLocator,
    @Inject(ChannelRegistry) private readonly registry: ChannelRegistry,
  ) {}

  deviceKeyOf(device: unknown): SigningJwk | undefined {
    if (this.settings.deviceBinding === 'off') return undefined;
    if (device === undefined) {
      throw new E2eProblem('key-rejected', { detail: 'this server accepts only handshakes with a device key' });
    }
    return parseSigningKey(device);
  }

  /** The session that a handshake is for, and its record. The record is read once, so that all decisions use the same one. */
  async enter(
    session: HttpSession,
    device: SigningJwk | undefined,
  ): Promise<{ session: HttpSession; record: SessionRecord; mayRace?: boolean }> {
    const { store } = this.registry.of(session.store);
    const begin = async (from: HttpSession, mayRace: boolean) => ({
      session: from,
      record: await store.begin(from.ref, device && { device }),
      mayRace,
    });
    if (!session.ref) return begin(session, false);
    const record = await store.session(session.ref.id);
    const mayRace = session.isKnown;
    if (!device) return record ? { session, record, mayRace } : begin(session, mayRace);
    if (record?.device && isSameKey(record.device, device)) return { session, record, mayRace };
    if (!record && !(await session.exists(this.settings.storeTimeout))) return begin(session, false);
    // The session of another device, or a session that was created without a device key.
    if (!record?.device) this.#warnOfPlainSession();
    const sibling = session.createSibling();
    if (!sibling) throw this.sessions.missing();
    return begin(sibling, false);
  }

  #warnOfPlainSession(): void {
    this.#log.say(
      'warn',
      'A handshake with a device key arrived on a session that was created without one, and got a new session: only the ' +
        'handshake that creates a session can bind it. Clients must call client.handshake() before the first plain route ' +
        'that creates a session, such as an OAuth redirect. Regenerate sessions with KeyService.carryOver(), which keeps ' +
        'the device key.',
    );
  }
}

function isSameKey(one: SigningJwk, other: SigningJwk): boolean {
  return thumbprint(nodeEngine, one) === thumbprint(nodeEngine, other);
}
