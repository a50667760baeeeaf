import type { Channel, Claim } from './channel.js';
import { abort, reasonOf, throwIfAborted } from '../abort.js';
import { E2eClientError, failure } from '../errors.js';
import { Opener } from '../handshake/opener.js';
import type { Settings } from '../options.js';
import type { Wire } from '../call/wire.js';

/** How long a tab waits for another one's handshake before it makes its own, in milliseconds. */
const LOCK_WAIT = 10_000;
/** How often a call tries again if a new channel ended before it could be used. */
const MAX_TRIES = 3;

/** A channel that is being opened, or was. */
interface Opening {
  readonly channel: Promise<Channel>;
  readonly controller: AbortController;
  /** Callers that have not left. */
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
   *
   * @param isExplicit whether the caller asked for a handshake, and so accepts any session that it leads to.
   */
  async claim(signal: AbortSignal | undefined, isExplicit = false): Promise<Claim> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      throwIfAborted(signal);
      const opening = (this.#current ??= this.#open(isExplicit));
      opening.waiting++;
      const channel = await unlessAborted(opening.channel, signal, () => this.#leave(opening));
      const seq = channel.claim();
      if (seq !== undefined) return { channel, seq };
      this.drop(channel);
    }
    throw await failure('handshake-rejected', 'ended');
  }

  /** Use this channel for no new message. */
  drop(channel: Channel): void {
    if (this.#latest === channel) this.#current = this.#latest = undefined;
  }

  /** The next claim opens a new channel. All callers share one that is being opened. */
  renew(): void {
    if (this.#latest) this.drop(this.#latest);
  }

  close(): void {
    const closed = new E2eClientError('closed', 'The client was closed.');
    for (const controller of this.#controllers) abort(controller, closed);
    this.#current = this.#latest = undefined;
    this.#seen.clear();
  }

  #open(isExplicit: boolean): Opening {
    const controller = new AbortController();
    const channel = this.#shakeHands(controller.signal, isExplicit);
    const opening = { channel, controller, waiting: 0 };
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

  async #shakeHands(signal: AbortSignal, isExplicit: boolean): Promise<Channel> {
    const make = () => this.#opener.open(signal, isExplicit);
    // A handshake may create the session. If ten tabs do so at the same time, nine lose theirs.
    const making = this.#wire.sharesCookies ? oneAtATime(`e2e ${this.#settings.at('handshake')}`, make) : make();
    const channel = await making.catch((error: unknown) => {
      // Where signals have no reason, an aborted `fetch` does not say why.
      throwIfAborted(signal);
      throw error;
    });
    throwIfAborted(signal);
    return channel;
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

/** @param onLeft called if the signal aborts before the promise is settled. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined, onLeft: () => void): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const leave = () => {
      reject(reasonOf(signal));
      onLeft();
    };
    signal.addEventListener('abort', leave, { once: true });
    promise.finally(() => signal.removeEventListener('abort', leave)).then(resolve, reject);
  });
}
