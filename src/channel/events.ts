import type { KeyKind } from '../protocol/keys.js';
import type { KeyManagement } from '../protocol/message.js';
import type { ProblemName, RefusalStep } from '../protocol/problem.js';
import type { KeyPoolState } from './key-pool.js';
import type { ClaimResult } from './replay.js';

/**
 * An event, for metrics. It never contains a key, a body, a path or the name of a session. Durations are in milliseconds.
 * - `handshake`: a channel was created; `ms` includes the wait for a key pair and for the store;
 * - `opened`: a message passed all checks; `bytes` of plaintext;
 * - `sealed`: a response was sealed, or the head of one in frames, whose bytes are not counted here; `bytes` of plaintext,
 *   and the real `status`;
 * - `refused`: a request was rejected; `problem` says why, `step` says at which check, which the response does not reveal;
 * - `stream-opened`, `stream-ended`, `stream-broken`: a request's body, a response in frames or a socket began, ended
 *   completely, or broke off, at either end; `bytes` of plaintext, and `ms` since it began; for a socket, its `cause`;
 * - `window`: the result of a claim to a sequence number; `failed` if the window did not answer;
 * - `key-pool`: how many RSA key pairs are ready, and how many handshakes wait for one.
 */
export type E2eEvent =
  | { readonly type: 'handshake'; readonly kind: KeyKind; readonly ms: number }
  | {
      readonly type: 'opened';
      readonly kind: KeyKind;
      readonly alg: KeyManagement;
      readonly bytes: number;
      readonly ms: number;
    }
  | { readonly type: 'sealed'; readonly status: number; readonly bytes: number; readonly ms: number }
  | { readonly type: 'refused'; readonly problem: ProblemName; readonly step?: RefusalStep }
  | { readonly type: 'stream-opened'; readonly direction: StreamDirection }
  | ({ readonly type: 'stream-ended' | 'stream-broken'; readonly direction: StreamDirection } & StreamFacts)
  | { readonly type: 'window'; readonly claim: ClaimResult | 'failed'; readonly ms: number }
  | ({ readonly type: 'key-pool' } & KeyPoolState);

/** Which body is in frames, or a socket with both directions together. */
export type StreamDirection = 'request' | 'response' | 'socket';

/**
 * Why a socket ended:
 * - `client`: the client closed it;
 * - `application`: the gateway closed it, or sent more than a message or a socket may carry;
 * - `session`: its session or its channel ended;
 * - `closing`: the application closed;
 * - `message`: a message did not open, was out of order or too long: someone interferes, or the client has a bug;
 * - `slow`: the client read too slowly, and too much data waited for it;
 * - `cut`: the connection ended without an orderly close.
 */
export type SocketEndCause = 'client' | 'application' | 'session' | 'closing' | 'message' | 'slow' | 'cut';

/** What became of a stream. */
export interface StreamFacts {
  /** Of plaintext. */
  readonly bytes: number;
  /** Of a socket, its messages. */
  readonly frames: number;
  readonly ms: number;
  /** Of a socket alone. */
  readonly cause?: SocketEndCause;
}

/** How many streams of one direction opened, ended completely, and broke off. The rest is still open. */
export interface StreamCounts {
  readonly opened: number;
  readonly ended: number;
  readonly broken: number;
}

/** Open sockets, and for closed sockets: their data in both directions, and why they ended. */
export interface SocketCounts {
  readonly open: number;
  readonly messages: number;
  /** Of plaintext. */
  readonly bytes: number;
  readonly causes: Readonly<Partial<Record<SocketEndCause, number>>>;
}

/** Counters since the start, and the state of the key pool. */
export interface E2eCounters {
  readonly handshakes: number;
  readonly opened: number;
  readonly sealed: number;
  readonly streams: Readonly<Record<StreamDirection, StreamCounts>>;
  readonly sockets: SocketCounts;
  readonly refused: Readonly<Partial<Record<ProblemName, number>>>;
  readonly windows: Readonly<Partial<Record<ClaimResult | 'failed', number>>>;
  readonly keyPool: KeyPoolState;
}

const NO_STREAMS: StreamCounts = { opened: 0, ended: 0, broken: 0 };

/**
 * Counts events and passes them to the application's hook. An error of the hook does not affect requests.
 *
 * @example
 * ```ts
 * @Controller('metrics')
 * export class MetricsController {
 *   constructor(private readonly events: E2eEvents) {}
 *
 *   @Get()
 *   counters() {
 *     const { opened, sealed, refused } = this.events.counters;
 *     return { opened, sealed, refused };
 *   }
 * }
 * ```
 */
export class E2eEvents {
  readonly #hook: ((event: E2eEvent) => void) | undefined;
  readonly #onHookFailure: (() => void) | undefined;
  readonly #refused: Partial<Record<ProblemName, number>> = {};
  readonly #windows: Partial<Record<ClaimResult | 'failed', number>> = {};
  readonly #counts = { handshake: 0, opened: 0, sealed: 0 };
  readonly #sockets = { messages: 0, bytes: 0 };
  readonly #causes: Partial<Record<SocketEndCause, number>> = {};
  readonly #streams = { request: NO_STREAMS, response: NO_STREAMS, socket: NO_STREAMS };
  #keyPool: KeyPoolState = { ready: 0, waiting: 0 };

  /** @param onHookFailure is called each time the hook throws. */
  constructor(hook?: (event: E2eEvent) => void, onHookFailure?: () => void) {
    this.#hook = hook;
    this.#onHookFailure = onHookFailure;
  }

  get counters(): E2eCounters {
    const { opened, ended, broken } = this.#streams.socket;
    return {
      handshakes: this.#counts.handshake,
      opened: this.#counts.opened,
      sealed: this.#counts.sealed,
      streams: { ...this.#streams },
      sockets: { open: opened - ended - broken, ...this.#sockets, causes: { ...this.#causes } },
      refused: { ...this.#refused },
      windows: { ...this.#windows },
      keyPool: this.#keyPool,
    };
  }

  emit(event: E2eEvent): void {
    this.#count(event);
    if (!this.#hook) return;
    try {
      this.#hook(event);
    } catch {
      this.#onHookFailure?.();
    }
  }

  #count(event: E2eEvent): void {
    switch (event.type) {
      case 'refused':
        this.#refused[event.problem] = (this.#refused[event.problem] ?? 0) + 1;
        break;
      case 'window':
        this.#windows[event.claim] = (this.#windows[event.claim] ?? 0) + 1;
        break;
      case 'key-pool':
        this.#keyPool = { ready: event.ready, waiting: event.waiting };
        break;
      case 'stream-opened':
        this.#countStream(event.direction, 'opened');
        break;
      case 'stream-ended':
        this.#countStream(event.direction, 'ended');
        this.#countSocket(event);
        break;
      case 'stream-broken':
        this.#countStream(event.direction, 'broken');
        this.#countSocket(event);
        break;
      case 'handshake':
      case 'opened':
      case 'sealed':
        this.#counts[event.type]++;
    }
  }

  #countStream(direction: StreamDirection, what: keyof StreamCounts): void {
    const counts = this.#streams[direction];
    this.#streams[direction] = { ...counts, [what]: counts[what] + 1 };
  }

  #countSocket({ cause, frames, bytes }: StreamFacts): void {
    if (!cause) return;
    this.#causes[cause] = (this.#causes[cause] ?? 0) + 1;
    this.#sockets.messages += frames;
    this.#sockets.bytes += bytes;
  }
}
