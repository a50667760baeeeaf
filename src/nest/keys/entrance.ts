import type { ChannelStore, SessionRecord } from '../../channel/store/channel-store.js';
import { thumbprint } from '../../channel/thumbprint.js';
import { nodeEngine } from '../../crypto/node.js';
import { parseSigningKey, type SigningJwk } from '../../protocol/keys.js';
import { E2eProblem } from '../../protocol/problem.js';
import type { ShownOptions } from '../options/e2e.options.js';
import type { RateLimitedLogger } from '../request/rate-limited-logger.js';
import type { HttpSession } from './session.js';
import { withoutSession } from './session-locator.js';

/** Finds the session that a handshake is for (PROTOCOL §2, device keys). */
export class Entrance {
  constructor(
    private readonly options: Pick<ShownOptions, 'deviceBinding' | 'storeTimeout'>,
    private readonly storeOf: (session: HttpSession) => ChannelStore,
    private readonly log: RateLimitedLogger,
  ) {}

  deviceKeyOf(device: unknown): SigningJwk | undefined {
    if (this.options.deviceBinding === 'off') return undefined;
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
    const store = this.storeOf(session);
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
    if (!record && !(await session.exists(this.options.storeTimeout))) return begin(session, false);
    // The session of another device, or a session that was created without a device key.
    if (!record?.device) this.#warnOfPlainSession();
    const sibling = session.createSibling();
    if (!sibling) throw withoutSession(this.log);
    return begin(sibling, false);
  }

  #warnOfPlainSession(): void {
    this.log.say(
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
