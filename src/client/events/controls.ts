import type { E2eRequestInit } from '../call/request.js';

/** What the connections of an event source do to it. */
export interface EventSourceControls {
  readonly init: E2eRequestInit;
  readonly url: URL;
  readonly fetch: (input: URL, init: E2eRequestInit) => Promise<Response>;
  /** Whether the id of the last event travels inside its message. */
  readonly sealsEventId: boolean;
  /** How many characters an event may have. */
  readonly limit: number;
  readonly closing: AbortSignal;
  lastEventId: string;
  readyState: 0 | 1 | 2;
  readonly dispatch: (event: Event) => void;
  /** Settles when the next event may come. */
  readonly deliver: (event: MessageEvent<string>) => Promise<unknown>;
  /**
   * Closes it for good.
   *
   * @param isOnPurpose whether the server wants that, which is no error to who iterates.
   */
  readonly end: (error?: unknown, isOnPurpose?: boolean) => void;
}
