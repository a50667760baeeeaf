import type { Channel } from '../../channel/channel.js';
import type { ChannelStore, SessionRecord, SessionRef } from '../../channel/store/channel-store.js';
import { Mutex } from '../../channel/store/mutex.js';
import type { SigningJwk } from '../../protocol/keys.js';
import { E2eProblem } from '../../protocol/problem.js';
import { E2eException } from '../request/e2e.exception.js';
import { openedMessageOf, rawRequest, stateOf } from '../request/exchange-state.js';
import type { HttpSession } from './session.js';

export interface CarrierParts {
  readonly sessionOf: (request: object) => HttpSession | undefined;
  readonly storeOf: (session: HttpSession) => ChannelStore;
  readonly storeTimeout: number;
  /** Called if a sealed request regenerated its session, and its channel could not be kept. */
  readonly onLeftBehind: () => void;
}

/**
 * What a replacement keeps of the old session (PROTOCOL §2): always its device key; for a login in a sealed request,
 * also its name and that request's channel.
 */
export class Carrier {
  readonly #mutex = new Mutex();

  constructor(private readonly parts: CarrierParts) {}

  /** The application declares that this request logs in. If two do so at once on one session, the second is `busy`. */
  carryOver(request: object, makeNew: () => Promise<void>): Promise<void> {
    return this.#around(request, makeNew, true);
  }

  /**
   * A session is regenerated for an unknown reason. Only a session that is empty, and was when the request arrived, has
   * belonged to nobody, and passes its channel on: messages sealed on it can do no more in the new session than in the
   * old one. Otherwise a delayed request of one user could run as the next user.
   */
  readonly regenerating = (request: object, makeNew: () => Promise<void>): Promise<void> =>
    this.#around(request, makeNew, false);

  async #around(request: object, makeNew: () => Promise<void>, isLogin: boolean): Promise<void> {
    const state = stateOf(rawRequest(request));
    const before = this.parts.sessionOf(request);
    if (!before?.ref) return makeNew();
    const { ref } = before;
    // If this request has replaced its session before, its channel is not one of the session that it has now.
    const isHome = state.home?.session === ref.id;
    if (state.isCarrying) {
      // The last moment at which the old session's record can be read: `carryOver` may have begun long ago.
      const now = isHome ? await this.parts.storeOf(before).session(ref.id) : undefined;
      if (isHome && now?.epoch !== state.home?.epoch) state.home = { session: ref.id, epoch: undefined };
      return makeNew();
    }
    const channel = isHome ? openedMessageOf(request)?.channel : undefined;
    // A logout has removed the user before it regenerates; what others have saved has no mark.
    const isNobodys = before.isBlank && state.owner?.isNobody === true;
    state.isCarrying = true;
    try {
      await this.#mutex.run(ref.id, () =>
        channel && (isLogin || isNobodys)
          ? this.#withChannel(request, before, ref, channel, makeNew)
          : this.#withDevice(request, before, ref, makeNew),
      );
    } finally {
      state.isCarrying = false;
    }
    if (channel && !isLogin && !isNobodys) this.parts.onLeftBehind();
  }

  async #withDevice(
    request: object,
    before: HttpSession,
    ref: SessionRef,
    makeNew: () => Promise<void>,
  ): Promise<void> {
    const store = this.parts.storeOf(before);
    // Read now, because the old session's end removes its record.
    const old = await store.session(ref.id);
    await makeNew();
    const after = this.parts.sessionOf(request);
    if (after && after.ref?.id !== ref.id) await this.#beginWithDevice(store, after, old?.device);
    const state = stateOf(rawRequest(request));
    // Revoked or ended before the replacement: then a stream of this request must not continue in the new session.
    if (state.home?.session === ref.id && state.home.epoch !== old?.epoch) {
      state.home = { session: after?.ref?.id, epoch: undefined };
    }
  }

  async #withChannel(
    request: object,
    before: HttpSession,
    ref: SessionRef,
    channel: Channel,
    makeNew: () => Promise<void>,
  ): Promise<void> {
    const store = this.parts.storeOf(before);
    // If two logins run at once on one session, the first has ended the channel that the second would carry over.
    const isThere = await before.exists(this.parts.storeTimeout);
    const old = isThere ? await store.release(ref, channel) : undefined;
    if (!old) throw new E2eException(new E2eProblem('busy'));
    // Revoked while this request ran.
    if (old.epoch !== stateOf(rawRequest(request)).home?.epoch) return this.#withDevice(request, before, ref, makeNew);
    let isHanded: boolean;
    try {
      await makeNew();
      isHanded = await this.#hand(request, store, before, old, channel);
    } catch (error) {
      // If the old session still exists, so does its channel.
      await store.adopt(ref, old, channel).catch(() => undefined);
      throw error;
    }
    if (!isHanded) await store.end(channel);
  }

  /** The new session keeps only the device key, if there is one. */
  async #beginWithDevice(store: ChannelStore, after: HttpSession, device: SigningJwk | undefined): Promise<void> {
    if (!device || !after.ref) return;
    await store.begin(after.ref, { device });
    // The application may copy what the old session held, with the mark: a marked session that is not stored has ended.
    await after.persist(this.parts.storeTimeout);
  }

  /** Whether the channel continues. */
  async #hand(
    request: object,
    store: ChannelStore,
    before: HttpSession,
    old: SessionRecord,
    channel: Channel,
  ): Promise<boolean> {
    const after = this.parts.sessionOf(request);
    if (!after?.ref) return false;
    const { device } = old;
    const state = stateOf(rawRequest(request));
    const user = state.owner?.user ?? before.user;
    if (after.ref.id === before.ref?.id) {
      await store.adopt(after.ref, old, channel);
      return true;
    }
    const isRevoked = state.home?.epoch !== old.epoch;
    if (isRevoked) state.home = { session: after.ref.id, epoch: undefined };
    if (isRevoked || (user !== undefined && user !== after.user)) {
      // One user logs in over another: the first one's messages must not run as the second one.
      await this.#beginWithDevice(store, after, device);
      return false;
    }
    const record = await store.begin(after.ref, { name: old.session, ...(device && { device }) });
    await store.adopt(after.ref, record, channel);
    await after.persist(this.parts.storeTimeout);
    state.home = { session: after.ref.id, epoch: record.epoch };
    return true;
  }
}

export const LOGIN_LEFT_CHANNEL =
  'A sealed request replaced its session (session.regenerate(), as passport’s logIn() and logOut() do). The old session ' +
  'had data and may have belonged to a user, so the channel ended with it. The next request of the client gets ' +
  'handshake-required, and the client sends again only what is safe. After a logout that is right. At a login, keep the ' +
  'channel with KeyService: await keys.carryOver(request), or keys.carryOver(request, () => logIn…).';
