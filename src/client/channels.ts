import { UnsupportedByEngine, type CryptoEngine } from '../protocol/crypto.js';
import type { Channel } from './channel.js';
import type { Device, DeviceKeyOption } from './device.js';
import { loadEngine } from './engine.js';
import { E2eClientError } from './errors.js';
import { shakeHands } from './handshake.js';
import { PinnedIdentity } from './identity.js';
import type { Settings } from './options.js';
import type { Wire } from './wire.js';

/** How long a tab waits for another one's handshake before it makes its own beside it, in milliseconds. */
const LOCK_WAIT = 10_000;
/** How often a call takes a new channel that has ended before it could be used. */
const MAX_TRIES = 3;

/** The client's one channel: opened on first use, shared by all calls, replaced before it ends. */
export class Channels {
  readonly #settings: Settings;
  readonly #wire: Wire;
  readonly #identity: PinnedIdentity;
  /** The server's keys that there were: none comes twice. */
  readonly #seen = new Set<string>();
  #engine: Promise<CryptoEngine> | undefined;
  #device: Device | undefined;
  #current: Promise<Channel> | undefined;
  /** What `#current` resolved to last. */
  #latest: Channel | undefined;
  #closing = new AbortController();

  constructor(settings: Settings, wire: Wire) {
    this.#settings = settings;
    this.#wire = wire;
    this.#identity = new PinnedIdentity(settings.identityKeys, () =>
      wire.exchange(settings.identityUrl, undefined, this.#closing.signal),
    );
  }

  /**
   * An open channel, and a sequence number on it that is the caller's own. A caller that is aborted leaves; the handshake
   * goes on for the others.
   */
  async claim(signal: AbortSignal | undefined): Promise<{ channel: Channel; seq: number }> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      signal?.throwIfAborted();
      const current = (this.#current ??= this.#open());
      const channel = await unlessAborted(current, signal);
      const seq = channel.claim();
      if (seq !== undefined) return { channel, seq };
      this.drop(channel);
    }
    throw new E2eClientError('handshake-rejected', 'The channels that the server gives end before they can be used.');
  }

  /** No new message on this channel. */
  drop(channel: Channel): void {
    if (this.#latest === channel) this.#current = this.#latest = undefined;
  }

  close(): void {
    this.#closing.abort(new E2eClientError('closed', 'The client was closed.'));
    this.#closing = new AbortController();
    this.#current = this.#latest = undefined;
    this.#seen.clear();
  }

  #open(): Promise<Channel> {
    const opening = this.#shakeHands(this.#closing.signal);
    const isCurrent = () => this.#current === opening;
    opening.then(
      (channel) => isCurrent() && (this.#latest = channel),
      () => isCurrent() && (this.#current = undefined),
    );
    return opening;
  }

  async #shakeHands(signal: AbortSignal): Promise<Channel> {
    const settings = this.#settings;
    const make = async () => {
      this.#engine ??= loadEngine(settings);
      const post = (body: string) => this.#wire.exchange(settings.handshakeUrl, body, signal);
      const { deviceKey, handshakeUrl } = settings;
      const device = deviceKey ? (this.#device ??= await loadDevice(deviceKey, handshakeUrl)) : undefined;
      return shakeHands(await this.#engine, settings, this.#identity, this.#seen, device, post);
    };
    try {
      // The first handshake may be the one that makes the session: of ten tabs that each make one, nine lose theirs.
      const first = this.#seen.size === 0 && this.#wire.sharesCookies;
      const channel = await (first ? oneAtATime(`e2e ${settings.handshakeUrl}`, make) : make());
      signal.throwIfAborted();
      return channel;
    } catch (error) {
      if (!(error instanceof UnsupportedByEngine)) throw error;
      throw new E2eClientError('engine-unsupported', `${error.message}. Choose another keyKind or engine.`);
    }
  }
}

/** Runs it while no other tab or worker of this origin runs one (Web Locks), where there are locks to be had. */
async function oneAtATime<T>(name: string, run: () => Promise<T>): Promise<T> {
  let running: Promise<T> | undefined;
  const start = () => (running = run());
  const locks = (globalThis as { navigator?: Partial<Navigator> }).navigator?.locks;
  try {
    await locks?.request(name, { signal: AbortSignal.timeout(LOCK_WAIT) }, start);
  } catch {
    // Either `run` failed, which is told below, or the lock was not to be had: it is a courtesy, not a condition.
  }
  return running ?? start();
}

/** Imported only where one is used, so that bundlers can leave it out of what every page loads. */
async function loadDevice(key: Exclude<DeviceKeyOption, false>, scope: string): Promise<Device> {
  const { Device } = await import('./device.js');
  return Device.load(key, scope);
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
