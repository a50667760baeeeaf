import type { KeyKind } from '../protocol/keys.js';
import type { KeyManagement } from '../protocol/message.js';
import type { ProblemName, RefusalStep } from '../protocol/problem.js';
import type { KeyPoolState } from './key-pool.js';
import type { ClaimResult } from './replay.js';

/**
 * What happened, for counting and for charts. Never a key, a body, a path or a name of a session; all durations in
 * milliseconds.
 * - `handshake`: a channel was made; `ms` with the wait for a key pair and for the store;
 * - `opened`: a message was let in, with all checks; `bytes` of plaintext;
 * - `sealed`: an answer was sealed, or the head of one in pieces, whose bytes are not counted here; `bytes` of plaintext, and
 *   the true status;
 * - `refused`: a problem was answered, whose name says why, and at which step, which the answer does not tell;
 * - `stream-opened`, `stream-ended`, `stream-broken`: a request's body, an answer in frames or a socket began, ended whole, or
 *   broke off, on whichever end; `bytes` of plaintext, and `ms` since it began; of a socket, its `cause`;
 * - `window`: what became of a claim to a sequence number; `failed` where the window did not answer;
 * - `key-pool`: how many RSA key pairs are ready, and how many handshakes wait for one.
 */
export type E2eEvent =
  | { readonly type: 'handshake'; readonly kind: KeyKind; readonly ms: number }
  | {
      readonly type: 'opened';
      readonly kind: KeyKind;
      readonly way: KeyManagement;
      readonly bytes: number;
      readonly ms: number;
    }
  | { readonly type: 'sealed'; readonly status: number; readonly bytes: number; readonly ms: number }
  | { readonly type: 'refused'; readonly problem: ProblemName; readonly step?: RefusalStep }
  | { readonly type: 'stream-opened'; readonly direction: StreamDirection }
  | ({ readonly type: 'stream-ended' | 'stream-broken'; readonly direction: StreamDirection } & StreamFacts)
  | { readonly type: 'window'; readonly claim: ClaimResult | 'failed'; readonly ms: number }
  | ({ readonly type: 'key-pool' } & KeyPoolState);

/** Whose body comes in frames; or a socket, both ways of it together. */
export type StreamDirection = 'request' | 'response' | 'socket';

/**
 * Why a socket ended:
 * - `client`: its client said so;
 * - `application`: the gateway closed it, or sent more than a message or a socket may have;
 * - `session`: its session or its channel ended;
 * - `closing`: the application closed;
 * - `message`: a message did not open, came out of its order or was too long: somebody interferes, or a client is wrong;
 * - `slow`: too much waited for a client that reads slowly;
 * - `cut`: the connection ended without an end.
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

/** How often streams of one direction opened, ended whole, and broke off. Those still open are the rest. */
export interface StreamCounts {
  readonly opened: number;
  readonly ended: number;
  readonly broken: number;
}

/** The sockets that are open now, what went over those that are over, both ways, and why they ended. */
export interface SocketCounts {
  readonly open: number;
  readonly messages: number;
  /** Of plaintext. */
  readonly bytes: number;
  readonly causes: Readonly<Partial<Record<SocketEndCause, number>>>;
}

/** How often each thing happened since the start, and how the pool stands. */
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

/** Counts events and hands them to the application's hook, which can neither slow down nor break what it watches. */
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

  /** @param onHookFailure told each time that the hook throws. */
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
