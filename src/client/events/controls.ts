import type { E2eRequestInit } from '../call/draft.js';
import type { OwnEventSource } from './own-source.js';

/** The operations of a connection on its event source. */
export interface EventSourceControls {
  readonly init: E2eRequestInit;
  readonly url: URL;
  readonly fetch: (input: URL, init: E2eRequestInit) => Promise<Response>;
  /** Whether the id of the last event travels inside its message. */
  readonly sealsEventId: boolean;
  /** How many characters an event may have. */
  readonly limit: number;
  readonly closing: AbortSignal;
  readonly source: OwnEventSource;
  /** Settles when the next event may be delivered. */
  readonly deliver: (event: MessageEvent<string>) => Promise<unknown>;
  /**
   * Closes it for good.
   *
   * @param isOnPurpose whether the server requested it, which is not an error for an iteration.
   */
  readonly end: (error: unknown, isOnPurpose?: boolean) => void;
}
