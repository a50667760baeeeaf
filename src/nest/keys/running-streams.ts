import { Inject, Injectable, Logger } from '@nestjs/common';
import type { Channel } from '../../channel/channel.js';
import type { E2eEvents, StreamDirection, StreamFacts } from '../../channel/events.js';
import { nowInSeconds } from '../../channel/clock.js';
import type { ChannelStore } from '../../channel/store/channel-store.js';
import type { Ended } from '../../channel/store/options.js';
import { E2E_EVENTS, E2E_SETTINGS, type ShownOptions } from '../options/e2e.options.js';
import { rawRequest, stateOf, type ChannelHome } from '../request/exchange-state.js';
import { RateLimitedLogger } from '../request/rate-limited-logger.js';
import { ChannelRegistry } from './channel-registry.js';
import type { HttpSession } from './session.js';
import { SessionLocator } from './session-locator.js';

/** Why a stream ends early: its session or channel has ended, or the application closes. */
export type EndCause = 'session' | 'closing';

/** A running stream: a request's body or a response in frames, or a socket. */
export interface RunningStream {
  /** The platform's request. */
  readonly request: object;
  readonly channel: Channel;
  /** Ends it at once, as incomplete. */
  readonly fail: (cause: EndCause) => void;
  /** Whether it never ends by itself: when the application closes, it is ended first. */
  readonly isEndless?: true;
}

interface Running extends RunningStream {
  /** Whether its store did not respond the last time. */
  isDoubtful: boolean;
  /** The session that its own request has put in place of its home, and the epoch there, once it has a record. */
  moved?: ChannelHome;
}

type Progress = Omit<StreamFacts, 'ms'>;

const THROWN =
  'Something that listens for the end of a stream or of a socket threw when its session ended, or when the application ' +
  'closed. Have the listener catch what it throws.';

/**
 * The streams that are open. A stream may outlive its channel, but not its session: it ends when that ends, when the
 * session's id is replaced by another request, and when the channel is revoked (PROTOCOL §6). Changes in this process
 * apply at once. Changes by another server are read from the store, with one timer for all streams.
 */
@Injectable()
export class RunningStreams {
  readonly #running = new Set<Running>();
  readonly #log = new RateLimitedLogger(new Logger('E2eModule'));
  #timer: NodeJS.Timeout | undefined;
  #isChecking = false;
  #deadline: number | undefined;
  #tellEmpty: () => void = () => undefined;

  constructor(
    @Inject(E2E_SETTINGS) private readonly settings: ShownOptions,
    @Inject(SessionLocator) private readonly sessions: SessionLocator,
    @Inject(ChannelRegistry) private readonly registry: ChannelRegistry,
    @Inject(E2E_EVENTS) private readonly events: E2eEvents,
  ) {
    registry.onEnded((ended) => this.#endWith(ended));
  }

  /** Whether the application is closing, and with it each connection whose stream ends. */
  get isClosing(): boolean {
    return this.#deadline !== undefined;
  }

  /** @returns a function to call when the stream has ended, with its outcome. */
  add(direction: StreamDirection, stream: RunningStream): (hasEnded: boolean, progress: Progress) => void {
    const from = performance.now();
    const running: Running = { ...stream, isDoubtful: false };
    this.#running.add(running);
    this.#timer ??= setInterval(() => void this.#check(), this.settings.streamCheckInterval).unref();
    if (this.#deadline !== undefined) this.#failBy(this.#deadline, [running]);
    this.events.emit({ type: 'stream-opened', direction });
    return (hasEnded, progress) => {
      this.#running.delete(running);
      const type = hasEnded ? 'stream-ended' : 'stream-broken';
      this.events.emit({ type, direction, ...progress, ms: performance.now() - from });
      if (this.#running.size > 0) return;
      this.#tellEmpty();
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** Channels were ended in this process. */
  #endWith(ended: Ended): void {
    for (const stream of this.#running) {
      const isIts = 'kid' in ended ? stream.channel.kid === ended.kid : this.#isOf(stream, ended.session);
      if (isIts && !isMoving(stream)) this.#fail(stream, 'session');
    }
  }

  /** Also of the session that its own request has put in its place, without its channel. */
  #isOf(stream: Running, session: string): boolean {
    return homeOf(stream)?.session === session || this.#sessionOf(stream)?.ref?.id === session;
  }

  /** `undefined` also if it cannot be read: its stream then ends. */
  #sessionOf({ request }: Running): HttpSession | undefined {
    try {
      return this.sessions.find(request);
    } catch {
      return undefined;
    }
  }

  /** The application closes: streams get this long to finish. Resolves when they have ended, or after that time. */
  async close(milliseconds: number): Promise<void> {
    this.#deadline ??= Date.now() + milliseconds;
    this.#failBy(this.#deadline, [...this.#running]);
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#tellEmpty = resolve;
      setTimeout(resolve, milliseconds + this.settings.storeTimeout).unref();
    });
  }

  #failBy(time: number, streams: readonly Running[]): void {
    for (const each of streams) if (each.isEndless) this.#fail(each, 'closing');
    const late = (): void =>
      streams.filter((each) => this.#running.has(each)).forEach((each) => this.#fail(each, 'closing'));
    setTimeout(late, Math.max(0, time - Date.now())).unref();
  }

  /** One that throws does not affect the others. */
  #fail(stream: Running, cause: EndCause): void {
    try {
      stream.fail(cause);
    } catch {
      // An error of the application's listener may contain plaintext.
      this.#log.say('error', THROWN);
    }
  }

  #storeOf({ store }: HttpSession): ChannelStore {
    return this.registry.of(store).store;
  }

  async #check(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    try {
      await Promise.all([...this.#running].map((stream) => this.#checkOne(stream)));
    } finally {
      this.#isChecking = false;
    }
  }

  /** A store that does not respond is asked once more. */
  async #checkOne(stream: Running): Promise<void> {
    const session = this.#sessionOf(stream);
    const mayGoOn = await this.#mayGoOn(stream, session).catch(() => undefined);
    // The store may have answered for the session before: the next check asks for the one that replaces it.
    if (isMoving(stream) || this.#sessionOf(stream)?.ref?.id !== session?.ref?.id) return;
    if (mayGoOn === false || (mayGoOn === undefined && stream.isDoubtful)) this.#fail(stream, 'session');
    stream.isDoubtful = mayGoOn === undefined;
  }

  async #mayGoOn(stream: Running, session: HttpSession | undefined): Promise<boolean> {
    const { channel } = stream;
    if (!session) return false;
    const store = this.#storeOf(session);
    const id = session.ref?.id;
    if (id === undefined) return (await store.find(undefined, channel.kid, nowInSeconds())) !== undefined;
    if (!(await session.exists(this.settings.storeTimeout))) return false;
    const home = homeOf(stream);
    // The request has replaced its own session, without its channel.
    if (home && id !== home.session) {
      const { moved } = stream;
      const epoch = (await store.session(id))?.epoch;
      stream.moved = { session: id, epoch };
      return moved?.session !== id || moved.epoch === undefined || moved.epoch === epoch;
    }
    return home?.epoch !== undefined && store.isInEpoch(id, home.epoch, channel);
  }
}

/** Whether its own request is replacing the session, which does not affect it. */
function isMoving({ request }: Running): boolean {
  return stateOf(rawRequest(request)).isCarrying === true;
}

function homeOf({ request }: Running): ChannelHome | undefined {
  return stateOf(rawRequest(request)).home;
}
