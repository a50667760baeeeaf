import type { Channel, Claim } from './channel.js';
import { abort, throwIfAborted, unlessAborted } from '../abort.js';
import { E2eClientError, failure, type E2eClientErrorCode } from '../errors.js';
import { Opener } from '../handshake/opener.js';
import type { Settings } from '../options.js';
import type { Wire } from '../call/wire.js';

/** How long a tab waits for another one's handshake before it makes its own, in milliseconds. */
const LOCK_WAIT = 10_000;
/** How often a call tries again if a new channel ended before it could be used. */
const MAX_TRIES = 3;

/** What a caller wants of the channel that it waits for. */
interface Wish {
  /** The caller asked for a handshake, and so accepts any session that it leads to. */
  readonly isExplicit?: boolean;
  /** The caller wants a channel that is opened from now on. All who do so at once share one. */
  readonly isRenewal?: boolean;
}

/** A channel that is being opened, or was. */
interface Opening {
  readonly channel: Promise<Channel>;
  readonly controller: AbortController;
  readonly isRenewal: boolean;
  readonly era: number;
  /** Callers that have joined, less those that have left before it was open. Above 0 it is not aborted. */
  waiting: number;
}

/** The client's one channel: opened on first use, shared by all calls, replaced before it ends. */
export class ClientChannels {
  readonly #settings: Settings;
  readonly #wire: Wire;
  /** The server's keys that were seen: none may come twice. */
  readonly #seen = new Set<string>();
  readonly #opener: Opener;
  #current: Opening | undefined;
  /** What `#current` resolved to last. */
  #latest: Channel | undefined;
  /** Counts `close()` and explicit renewals: a call from before one may have been another user's. */
  #era = 0;
  /** Of the handshakes under way. */
  readonly #controllers = new Set<AbortController>();

  constructor(settings: Settings, wire: Wire) {
    this.#settings = settings;
    this.#wire = wire;
    this.#opener = new Opener(settings, wire, this.#seen);
  }

  /**
   * An open channel, and a sequence number for the caller. If the caller is aborted, the handshake continues for the
   * others; without others, it is aborted too, so that the next call does not wait for it.
   */
  async claim(signal: AbortSignal | undefined, { isExplicit = false, isRenewal = false }: Wish = {}): Promise<Claim> {
    if (isRenewal) {
      this.#era++;
      await this.#dropOlder(signal);
    }
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      throwIfAborted(signal);
      const opening = (this.#current ??= this.#open(isExplicit, isRenewal));
      const channel = await this.#wait(opening, signal, isExplicit);
      const seq = channel?.claim();
      if (channel && seq !== undefined) return { channel, seq, era: opening.era };
      if (channel) this.drop(channel);
    }
    throw await failure('handshake-rejected', 'ended');
  }

  /** Use this channel for no new message. */
  drop(channel: Channel): void {
    if (this.#latest === channel) this.#current = this.#latest = undefined;
  }

  close(): void {
    this.#era++;
    const closed = new E2eClientError('closed', 'The client was closed.');
    for (const controller of this.#controllers) abort(controller, closed);
    this.#current = this.#latest = undefined;
    this.#seen.clear();
  }

  /** Waits for a handshake under way, since two at once could create two sessions, and drops the open channel. */
  async #dropOlder(signal: AbortSignal | undefined): Promise<void> {
    while (this.#current && !this.#latest && !this.#current.isRenewal) {
      await unlessAborted(this.#current.channel, signal).catch((error: unknown) => {
        throwIfAborted(signal);
        if (hasCode(error, 'closed')) throw error;
      });
    }
    if (this.#latest) this.drop(this.#latest);
  }

  #open(isExplicit: boolean, isRenewal: boolean): Opening {
    const controller = new AbortController();
    const channel = this.#shakeHands(controller.signal, isExplicit);
    const opening = { channel, controller, isRenewal, era: this.#era, waiting: 0 };
    this.#controllers.add(controller);
    const settle = (opened?: Channel) => {
      this.#controllers.delete(controller);
      if (this.#current === opening) [this.#current, this.#latest] = [opened && opening, opened];
    };
    channel.then(settle, () => settle());
    return opening;
  }

  #leave(opening: Opening): void {
    if (--opening.waiting > 0) return;
    if (this.#current === opening) this.#current = undefined;
    opening.controller.abort();
  }

  /** @returns `undefined` if the caller, unlike the call that began the handshake, accepts the new session that it led to. */
  #wait(opening: Opening, signal: AbortSignal | undefined, isExplicit: boolean): Promise<Channel | undefined> {
    opening.waiting++;
    return unlessAborted(opening.channel, signal, () => this.#leave(opening)).catch((error: unknown) => {
      if (!isExplicit || !hasCode(error, 'session-changed')) throw error;
      return undefined;
    });
  }

  /** Ends with its signal, whatever it waits for: a lock, a storage, a `fetch` that ignores signals. */
  #shakeHands(signal: AbortSignal, isExplicit: boolean): Promise<Channel> {
    const make = async () => {
      throwIfAborted(signal);
      return unlessAborted(this.#opener.open(signal, isExplicit), signal);
    };
    // A handshake may create the session. If ten tabs do so at the same time, nine lose theirs.
    const making = this.#wire.sharesCookies ? oneAtATime(`e2e ${this.#settings.at('handshake')}`, make) : make();
    return unlessAborted(making, signal);
  }
}

/** Runs it while no other tab or worker of this origin runs one, if Web Locks are available. */
async function oneAtATime<T>(name: string, run: () => Promise<T>): Promise<T> {
  let running: Promise<T> | undefined;
  const start = () => (running = run());
  const locks = (globalThis as { navigator?: Partial<Navigator> }).navigator?.locks;
  try {
    await locks?.request(name, { signal: AbortSignal.timeout(LOCK_WAIT) }, start);
  } catch {
    // Either `run` failed, which is handled below, or the lock was not available, which is not required.
  }
  return running ?? start();
}

function hasCode(error: unknown, code: E2eClientErrorCode): boolean {
  return error instanceof E2eClientError && error.code === code;
}
